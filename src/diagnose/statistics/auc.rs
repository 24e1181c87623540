//! How well a score tells two groups apart: the area under the receiver operating characteristic.

use super::midrank::midranks;
use super::{Interval, clopper_pearson};

/// An area under the curve with DeLong's 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Auc {
    /// The probability that a member of the second group scores higher than one of the first, ties counting half.
    pub value: f64,
    /// DeLong's standard error.
    pub standard_error: f64,
    pub interval: Interval,
}

/// The area for scores of two groups (DeLong, DeLong and Clarke-Pearson 1988, computed from mid-ranks as Sun and Xu 2014);
/// None where a group is empty or a score is not a number.
///
/// Where the groups do not overlap DeLong's variance is zero, and the interval is the exact one of as many right answers
/// as the smaller group has members.
pub fn auc(first: &[f64], second: &[f64]) -> Option<Auc> {
    let (n, m) = (first.len(), second.len());
    if n == 0 || m == 0 || first.iter().chain(second).any(|x| x.is_nan()) {
        return None;
    }
    let all: Vec<f64> = second.iter().chain(first).copied().collect();
    let (together, own_second, own_first) = (midranks(&all), midranks(second), midranks(first));
    // For each member of a group: the share of the other group that it stands rightly to.
    let of_second: Vec<f64> = (0..m)
        .map(|i| (together[i] - own_second[i]) / n as f64)
        .collect();
    let of_first: Vec<f64> = (0..n)
        .map(|j| 1.0 - (together[m + j] - own_first[j]) / m as f64)
        .collect();
    let value = of_second.iter().sum::<f64>() / m as f64;
    let standard_error = (variance_of_mean(&of_second) + variance_of_mean(&of_first)).sqrt();
    let interval = if standard_error > 0.0 {
        Interval {
            low: (value - 1.959_963_984_540_054 * standard_error).max(0.0),
            high: (value + 1.959_963_984_540_054 * standard_error).min(1.0),
        }
    } else {
        let least = n.min(m).min(u32::MAX as usize) as u32;
        clopper_pearson((value * f64::from(least)).round() as u32, least)
    };
    Some(Auc {
        value,
        standard_error,
        interval,
    })
}

fn variance_of_mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n
}

#[cfg(test)]
mod tests {
    use super::super::samples::lcg;
    use super::*;

    /// The area from scipy.stats.mannwhitneyu, SciPy 1.17.1; the error from DeLong's structural components in NumPy.
    #[test]
    fn areas_and_errors_are_those_of_scipy_and_delong() {
        for (n, m, shift, seed, value, error) in [
            (90, 90, 100.0, 1, 0.5703703703703704, 0.04283381726056254),
            (90, 630, -50.0, 2, 0.5030687830687831, 0.031407171587472506),
            (1, 1, 1.0, 3, 1.0, 0.0),
            (5, 7, 2000.0, 4, 1.0, 0.0),
            (30, 20, 0.0, 5, 0.5583333333333333, 0.08572123227788175),
        ] {
            let modulus = if shift == 0.0 { 50 } else { 1000 };
            let first = lcg(n, seed, modulus);
            let second: Vec<f64> = lcg(m, seed + 100, modulus)
                .iter()
                .map(|x| x + shift)
                .collect();
            let ours = auc(&first, &second).unwrap();
            assert!((ours.value - value).abs() < 1e-12, "{ours:?}");
            assert!((ours.standard_error - error).abs() < 1e-12, "{ours:?}");
        }
    }

    /// The area plus and minus scipy.stats.norm.ppf(.975) of the errors above, kept within 0 and 1.
    #[test]
    fn intervals_are_delongs() {
        for (first, second, low, high) in [
            (
                lcg(90, 1, 1000),
                lcg(90, 101, 1000).iter().map(|x| x + 100.0).collect(),
                0.4864176312192977,
                0.6543231095214431,
            ),
            (
                lcg(90, 2, 1000),
                lcg(630, 102, 1000).iter().map(|x| x - 50.0).collect(),
                0.44151185790106734,
                0.5646257082364989,
            ),
            (vec![1.0, 2.0], vec![1.5, 3.0], 0.05704808782516102, 1.0),
            // One against one: 1 of 1 right, by Clopper and Pearson.
            (vec![1.0], vec![2.0], 0.025, 1.0),
        ] {
            let second: Vec<f64> = second;
            let Interval {
                low: from,
                high: to,
            } = auc(&first, &second).unwrap().interval;
            assert!(
                (from - low).abs() < 1e-9 && (to - high).abs() < 1e-9,
                "{from} to {to}"
            );
        }
    }

    #[test]
    fn groups_apart_leave_as_much_doubt_as_the_smaller_has_members() {
        let apart = auc(&[1.0, 2.0], &[5.0; 10]).unwrap();
        assert_eq!(apart.value, 1.0);
        assert!(apart.interval.low < 0.2 && apart.interval.high == 1.0);
        assert!(auc(&[], &[1.0]).is_none() && auc(&[f64::NAN], &[1.0]).is_none());
    }
}
