//! Summed log likelihood ratios of a cause, fitted on the calibration cases.

use crate::line::Line;
use std::collections::BTreeMap;

/// A signal that fewer cases have is not counted.
const LEAST_CASES: usize = 4;
/// Parts of the calibration cases, each scored by the others before the scale of all scores is fitted.
const PARTS: usize = 5;

/// How each cause's probability follows from a case's signals.
pub struct Fit {
    causes: BTreeMap<String, Ratios>,
    /// logit = scale · (prior + Σ ratios) + offset, of all causes alike: signals repeat one another, so their sum says too
    /// much.
    scale: f64,
    offset: f64,
}

/// Of one cause.
struct Ratios {
    prior: f64,
    /// Of a signal that is there, and of one that is not.
    signals: BTreeMap<String, [f64; 2]>,
}

impl Fit {
    pub fn of(lines: &[&Line]) -> Fit {
        let causes = ratios(lines);
        // Scores of cases that the ratios were not fitted on.
        let mut scored = Vec::new();
        for part in 0..PARTS {
            let (held, rest): (Vec<_>, Vec<_>) =
                (0..lines.len()).partition(|at| at % PARTS == part);
            let rest: Vec<&Line> = rest.into_iter().map(|at| lines[at]).collect();
            let fitted = ratios(&rest);
            for at in held {
                for (cause, of) in &fitted {
                    scored.push((
                        of.score(&lines[at].signals),
                        lines[at].planted.contains(cause),
                    ));
                }
            }
        }
        let (scale, offset) = logistic(&scored);
        Fit {
            causes,
            scale,
            offset,
        }
    }

    /// The probability of each cause, the most probable first.
    pub fn probabilities(&self, signals: &[String]) -> Vec<(&str, f64)> {
        let mut all: Vec<(&str, f64)> = self
            .causes
            .iter()
            .map(|(cause, of)| {
                (
                    cause.as_str(),
                    sigmoid(self.scale * of.score(signals) + self.offset),
                )
            })
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }
}

impl Ratios {
    fn score(&self, signals: &[String]) -> f64 {
        let of = |(signal, [there, not]): (&String, &[f64; 2])| match signals.contains(signal) {
            true => *there,
            false => *not,
        };
        self.prior + self.signals.iter().map(of).sum::<f64>()
    }
}

/// Of every planted cause, with Laplace's rule of succession.
fn ratios(lines: &[&Line]) -> BTreeMap<String, Ratios> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        for signal in &line.signals {
            *counts.entry(signal).or_default() += 1;
        }
    }
    let mut causes: Vec<&String> = lines.iter().flat_map(|line| &line.planted).collect();
    causes.sort();
    causes.dedup();
    let share = |k: usize, n: usize| (k as f64 + 1.0) / (n as f64 + 2.0);
    causes
        .into_iter()
        .map(|cause| {
            let (with, without): (Vec<&Line>, Vec<&Line>) = lines
                .iter()
                .copied()
                .partition(|line| line.planted.contains(cause));
            let having = |of: &[&Line], signal: &str| {
                of.iter()
                    .filter(|line| line.signals.iter().any(|s| s == signal))
                    .count()
            };
            let signals = counts
                .iter()
                .filter(|(_, n)| **n >= LEAST_CASES)
                .map(|(signal, _)| {
                    let p = share(having(&with, signal), with.len());
                    let q = share(having(&without, signal), without.len());
                    let ratios = [(p / q).ln(), ((1.0 - p) / (1.0 - q)).ln()];
                    ((*signal).to_owned(), ratios)
                })
                .collect();
            let prior = share(with.len(), lines.len());
            let prior = (prior / (1.0 - prior)).ln();
            (cause.clone(), Ratios { prior, signals })
        })
        .collect()
}

/// Scale and offset of the largest likelihood, by Newton's method with a little ridge.
fn logistic(scored: &[(f64, bool)]) -> (f64, f64) {
    let (mut a, mut b) = (0.5, 0.0);
    for _ in 0..50 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-3, 0.0, 1e-3);
        for (score, truth) in scored {
            let p = sigmoid(a * score + b);
            let (error, weight) = (f64::from(u8::from(*truth)) - p, p * (1.0 - p));
            ga += error * score;
            gb += error;
            haa += weight * score * score;
            hab += weight * score;
            hbb += weight;
        }
        let determinant = haa * hbb - hab * hab;
        a += ((hbb * ga - hab * gb) / determinant).clamp(-0.5, 0.5);
        b += ((haa * gb - hab * ga) / determinant).clamp(-0.5, 0.5);
    }
    (a, b)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
