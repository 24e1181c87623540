//! Log likelihood ratios of each cause, fitted on the calibration cases: logistic regression with a ridge. What findings say is
//! fitted for all causes together first, and a cause's own ratios are held to that: few cases of one cause tell little.

use crate::chance::Chance;
use crate::line::Line;
use gapwatch::diagnose::Answer;
use gapwatch::diagnose::finding::Cause;
use gapwatch::diagnose::probes::{
    Answered, Calibration, FEATURES, FINDINGS, HEALTHY, Measured, OWN_FINDINGS, Probe, Ratios,
    Signs, Typical, features,
};
use std::collections::{BTreeMap, BTreeSet};

/// Ridges to choose from, by the likelihood of families of pictures that were left out.
const RIDGES: [f64; 6] = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
/// Of what is fitted for all causes together.
const RIDGE_OF_ALL: f64 = 0.1;
/// The prior log odds are hardly held back.
const RIDGE_OF_PRIOR: f64 = 1e-3;
/// Sweeps over all ratios; changes are below 1e-4 long before.
const SWEEPS: usize = 300;
/// Each case is seen so often with a few of its probes, beside once with none and once with all: a run's causes are weighed
/// whatever probes were made.
const PARTIAL_VIEWS: usize = 4;
const MOST_PROBES: usize = 3;

/// Fits on calibration cases.
pub fn fit(lines: &[&Line]) -> Calibration {
    let scored = RIDGES.map(|ridge| (left_out(lines, ridge), ridge));
    let best = scored.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let ridge = best.map_or(1.0, |(_, ridge)| ridge);
    eprintln!("ridge {ridge}, surprise of cases that were left out by ridge {scored:?}");
    with_ridge(lines, ridge)
}

/// The surprise of each family's cases by what is fitted on the other families: pictures of users are of none of them.
fn left_out(lines: &[&Line], ridge: f64) -> f64 {
    let families: BTreeSet<&str> = lines.iter().map(|line| line.family.as_str()).collect();
    let of = |family: &&str| {
        let (out, rest): (Vec<&Line>, Vec<&Line>) =
            lines.iter().partition(|line| line.family == **family);
        surprise(&with_ridge(&rest, ridge), &out)
    };
    families.iter().map(of).sum()
}

fn with_ridge(lines: &[&Line], ridge: f64) -> Calibration {
    let views: Vec<(&Line, Signs)> = lines
        .iter()
        .flat_map(|line| views(line).into_iter().map(move |signs| (*line, signs)))
        .collect();
    let planted: BTreeSet<Cause> = lines.iter().flat_map(|line| line.planted.clone()).collect();
    let rows = |cause: Cause| {
        views.iter().map(move |(line, signs)| Row {
            features: features(signs, cause),
            holds: line.planted.contains(&cause),
            weight: 1.0 / (PARTIAL_VIEWS + 2) as f64,
        })
    };
    let of_all: Vec<Row> = planted
        .iter()
        .flat_map(|cause| rows(*cause))
        .map(Row::of_findings)
        .collect();
    let mut shared = logistic(&of_all, RIDGE_OF_ALL, &[0.0; FEATURES]);
    // How common a cause is differs.
    shared[0] = 0.0;
    let causes = planted.iter().copied().map(|cause| {
        let rows: Vec<Row> = rows(cause).collect();
        let of_cause: Vec<&Line> = lines
            .iter()
            .copied()
            .filter(|line| line.planted.contains(&cause))
            .collect();
        let ratios = Ratios {
            ratios: logistic(&rows, ridge, &shared).to_vec(),
            share: of_cause.len() as f64 / lines.len() as f64,
            yes: yes(&of_cause),
        };
        (cause, ratios)
    });
    let healthy: Vec<&Line> = lines
        .iter()
        .copied()
        .filter(|line| line.planted.is_empty())
        .collect();
    Calibration {
        cases: lines.len(),
        causes: causes.collect(),
        healthy: yes(&healthy),
        typical: Probe::ALL
            .into_iter()
            .map(|probe| (probe, typical(lines, probe)))
            .collect(),
    }
}

/// What a probe measures where it answers yes, and where no.
fn typical(lines: &[&Line], probe: Probe) -> Typical {
    let mean = |answer: Answer| {
        let answers = lines.iter().flat_map(|line| &line.signs.answers);
        let alike: Vec<Measured> = answers
            .filter(|of| of.probe == probe && of.answer == answer)
            .map(|of| of.measured)
            .collect();
        let of = |number: fn(&Measured) -> f64| {
            alike.iter().map(number).sum::<f64>() / alike.len().max(1) as f64
        };
        Measured {
            effect: of(|measured| measured.effect),
            level: of(|measured| measured.level),
        }
    };
    Typical {
        yes: mean(Answer::Yes),
        no: mean(Answer::No),
    }
}

/// A case's signs with none, all and some of its probes.
fn views(line: &Line) -> Vec<Signs> {
    let answers = &line.signs.answers;
    let with = |answers: &[Answered]| Signs {
        answers: answers.to_vec(),
        ..line.signs.clone()
    };
    let mut views = vec![with(&[]), with(answers)];
    let mut chance = Chance::new(line.case, "views");
    for _ in 0..PARTIAL_VIEWS {
        let mut some = answers.clone();
        chance.shuffle(&mut some);
        some.truncate(1 + chance.below(MOST_PROBES));
        views.push(with(&some));
    }
    views
}

/// How often each probe answers yes, with Laplace's rule of succession; a weak answer counts a half.
fn yes(lines: &[&Line]) -> BTreeMap<Probe, f64> {
    let share = |probe: Probe| {
        let (mut yes, mut n) = (1.0, 2.0);
        for of in lines.iter().flat_map(|line| &line.signs.answers) {
            if of.probe == probe && of.answer != Answer::Unknown {
                n += 1.0;
                yes += match of.answer {
                    Answer::Yes => 1.0,
                    Answer::Weak => 0.5,
                    _ => 0.0,
                };
            }
        }
        yes / n
    };
    Probe::ALL
        .into_iter()
        .map(|probe| (probe, share(probe)))
        .collect()
}

struct Row {
    features: [f64; FEATURES],
    holds: bool,
    weight: f64,
}

impl Row {
    /// With the prior log odds and what findings say alone.
    fn of_findings(mut self) -> Row {
        self.features[FINDINGS.end() + 1..].fill(0.0);
        self
    }
}

/// The ratios of the largest likelihood with a ridge around `centre`, by Newton's step along one ratio after the other.
fn logistic(rows: &[Row], ridge: f64, centre: &[f64; FEATURES]) -> [f64; FEATURES] {
    let mut ratios = *centre;
    let of = |row: &Row| {
        row.features
            .iter()
            .zip(centre)
            .map(|(x, ratio)| x * ratio)
            .sum()
    };
    let mut log_odds: Vec<f64> = rows.iter().map(of).collect();
    for _ in 0..SWEEPS {
        let mut largest = 0.0_f64;
        for (at, ratio) in ratios.iter_mut().enumerate() {
            let held = if at == 0 { RIDGE_OF_PRIOR } else { ridge };
            let (mut slope, mut bend) = (held * (*ratio - centre[at]), held);
            for (row, log_odds) in rows.iter().zip(&log_odds) {
                let value = row.features[at];
                if value != 0.0 {
                    let p = sigmoid(*log_odds);
                    slope += row.weight * value * (p - f64::from(u8::from(row.holds)));
                    bend += row.weight * value * value * p * (1.0 - p);
                }
            }
            let wanted = *ratio - (slope / bend).clamp(-1.0, 1.0);
            let step = *ratio - bounded(at, wanted);
            *ratio -= step;
            largest = largest.max(step.abs());
            for (row, log_odds) in rows.iter().zip(&mut log_odds) {
                *log_odds -= step * row.features[at];
            }
        }
        if largest < 1e-4 {
            break;
        }
    }
    ratios
}

/// A finding of its own never speaks against a cause, and a healthy verdict never for one.
fn bounded(at: usize, ratio: f64) -> f64 {
    match at {
        of if OWN_FINDINGS.contains(&of) => ratio.max(0.0),
        HEALTHY => ratio.min(0.0),
        _ => ratio,
    }
}

/// Minus the log likelihood of what was planted, in nats, over causes, cases and views.
fn surprise(calibration: &Calibration, lines: &[&Line]) -> f64 {
    let of = |line: &&Line| -> f64 {
        let of_view = |signs: Signs| -> f64 {
            let probabilities = calibration.probabilities(&signs);
            let terms = probabilities.iter().map(|(cause, p)| {
                let p = if line.planted.contains(cause) {
                    *p
                } else {
                    1.0 - p
                };
                -p.max(1e-9).ln()
            });
            terms.sum()
        };
        views(line).into_iter().map(of_view).sum()
    };
    lines.iter().map(of).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
