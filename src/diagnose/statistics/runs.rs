//! Is a sequence in random order? Wald and Wolfowitz's runs test, for two kinds or more.

use super::factorial::ln_choose;
use super::normal_upper_tail;

#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Runs {
    /// Stretches of equal neighbours.
    pub runs: usize,
    /// How many a random order has on average.
    pub expected: f64,
    /// Probability of as few runs or fewer in random order: exact for two kinds, else by the normal approximation.
    pub p: f64,
}

/// Up to this length the p-value for two kinds is summed exactly.
const EXACT_UP_TO: usize = 100_000;

/// Counts runs (Wald and Wolfowitz 1940; for more than two kinds Barton and David 1957); None where there are not at least
/// two kinds.
pub fn runs_test(sequence: &[u32]) -> Option<Runs> {
    let mut counts = std::collections::BTreeMap::new();
    for kind in sequence {
        *counts.entry(kind).or_insert(0usize) += 1;
    }
    if counts.len() < 2 {
        return None;
    }
    let runs = 1 + sequence
        .windows(2)
        .filter(|pair| pair[0] != pair[1])
        .count();
    let n = sequence.len() as f64;
    let sum = |power: i32| {
        counts
            .values()
            .map(|c| (*c as f64).powi(power))
            .sum::<f64>()
    };
    let (squares, cubes) = (sum(2), sum(3));
    let expected = (n * (n + 1.0) - squares) / n;
    let counts: Vec<usize> = counts.into_values().collect();
    let p = match counts[..] {
        [one, other] if sequence.len() <= EXACT_UP_TO => as_few(one as u32, other as u32, runs),
        _ => {
            let variance = (squares * (squares + n * (n + 1.0)) - 2.0 * n * cubes - n.powi(3))
                / (n * n * (n - 1.0));
            if variance > 0.0 {
                normal_upper_tail((expected - runs as f64 - 0.5) / variance.sqrt())
            } else {
                1.0
            }
        }
    };
    Some(Runs { runs, expected, p })
}

/// P(runs ≤ `most`) for `one` and `other` items of two kinds in random order.
fn as_few(one: u32, other: u32, most: usize) -> f64 {
    let all = ln_choose(one + other, one);
    // ln of the ways to cut n items into k runs
    let ways = |n: u32, k: u32| {
        if k == 0 || k > n {
            f64::NEG_INFINITY
        } else {
            ln_choose(n - 1, k - 1)
        }
    };
    let sum: f64 = (2..=most.min(2 * one.min(other) as usize + 1) as u32)
        .map(|runs| {
            let half = runs / 2;
            if runs % 2 == 0 {
                2.0 * (ways(one, half) + ways(other, half) - all).exp()
            } else {
                (ways(one, half + 1) + ways(other, half) - all).exp()
                    + (ways(one, half) + ways(other, half + 1) - all).exp()
            }
        })
        .sum();
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exact distribution by whole-number binomial coefficients in Python; .019 and .051 for 10 and 10 are also in
    /// Swed and Eisenhart's table (1943).
    #[test]
    fn few_runs_have_the_exact_probability() {
        for (one, other, runs, expected) in [
            (10, 10, 6, 0.018521725952066508),
            (10, 10, 7, 0.05125679274286085),
            (5, 8, 3, 0.010101010101010102),
            (90, 630, 100, 1.3596989978762468e-17),
            (90, 630, 2, 6.849030331371263e-117),
        ] {
            let p = as_few(one, other, runs);
            assert!(
                (p / expected - 1.0).abs() < 1e-8,
                "{one} {other} {runs}: {p}"
            );
        }
    }

    /// The share of 400,000 random orders of nine kinds of ten that have as few runs (NumPy's shuffle), and all orders of
    /// three kinds of two.
    #[test]
    fn few_runs_of_many_kinds_have_the_probability_of_random_orders() {
        let shuffled = |draw: u64| {
            let mut order: Vec<u32> = (0..90).map(|i| i % 9).collect();
            crate::data::Random::new(1, draw).shuffle(&mut order);
            runs_test(&order).unwrap()
        };
        // The normal approximation is a little bold in the tail: within a point.
        for (runs, expected) in [(78, 0.1872), (76, 0.0640), (74, 0.0167)] {
            let found = (0..)
                .map(shuffled)
                .find(|found| found.runs == runs)
                .unwrap();
            assert!((found.p - expected).abs() < 0.01, "{found:?}");
        }
        let three = runs_test(&[0, 0, 1, 1, 2, 2]).unwrap();
        assert_eq!((three.runs, three.expected), (3, 5.0));
        assert!((three.p - 1.0 / 15.0).abs() < 0.03, "{three:?}");
    }

    #[test]
    fn blocks_have_few_runs_and_alternation_many() {
        let blocks: Vec<u32> = (0..90).map(|i| i / 10).collect();
        let found = runs_test(&blocks).unwrap();
        assert_eq!(found.runs, 9);
        assert!(
            found.p < 1e-9 && (found.expected - 81.0).abs() < 1e-9,
            "{found:?}"
        );
        let mixed: Vec<u32> = (0..90).map(|i| i % 9).collect();
        assert!(runs_test(&mixed).unwrap().p > 0.9);
        assert_eq!(runs_test(&[1, 1, 1]), None);
        assert_eq!(runs_test(&[]), None);
        assert_eq!(runs_test(&[0, 1]).unwrap().p, 1.0);
    }
}
