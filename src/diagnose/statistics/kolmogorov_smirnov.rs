//! Do two samples come from one distribution? The two-sample test of Kolmogorov and Smirnov.

/// Up to this product of the sample sizes the p-value is exact: a few milliseconds.
const EXACT_UP_TO: usize = 2_000_000;

#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct KolmogorovSmirnov {
    /// The largest vertical distance of the two distribution functions, 0 to 1.
    pub distance: f64,
    /// Two-sided.
    pub p: f64,
    /// True where the p-value is exact (for samples without ties; with ties it is an upper bound), false where it is
    /// Kolmogorov's limit.
    pub exact: bool,
}

/// Compares two samples (Smirnov 1939); None where one is empty or holds a NaN.
///
/// Exact p-values count lattice paths (Hodges 1957) by the probability of leaving the corridor, which keeps the relative
/// precision of small ones (Viehmann 2021).
pub fn kolmogorov_smirnov(first: &[f64], second: &[f64]) -> Option<KolmogorovSmirnov> {
    let (n, m) = (first.len(), second.len());
    if n == 0 || m == 0 || first.iter().chain(second).any(|x| x.is_nan()) {
        return None;
    }
    let distance = largest_distance(first, second);
    let exact = n.saturating_mul(m) <= EXACT_UP_TO;
    let p = if exact {
        leaves_corridor(n as i64, m as i64, distance)
    } else {
        let (n, m) = (n as f64, m as f64);
        limit((n / (n + m) * m).sqrt() * distance as f64 / (n * m))
    };
    Some(KolmogorovSmirnov {
        distance: distance as f64 / (n as f64 * m as f64),
        p,
        exact,
    })
}

/// n · m times the largest distance, a whole number.
fn largest_distance(first: &[f64], second: &[f64]) -> i64 {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(first), sorted(second));
    let (n, m) = (a.len() as i64, b.len() as i64);
    let (mut i, mut j, mut largest) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let next = a[i].min(b[j]);
        while i < a.len() && a[i] <= next {
            i += 1;
        }
        while j < b.len() && b[j] <= next {
            j += 1;
        }
        largest = largest.max((i as i64 * m - j as i64 * n).abs());
    }
    largest
}

/// The probability that a random path from (0, 0) to (n, m) reaches |i · m − j · n| ≥ `distance` anywhere.
fn leaves_corridor(n: i64, m: i64, distance: i64) -> f64 {
    let mut row = vec![0.0; m as usize + 1];
    for i in 0..=n {
        for j in 0..=m {
            let at = j as usize;
            row[at] = if (i * m - j * n).abs() >= distance {
                1.0
            } else if i == 0 && j == 0 {
                0.0
            } else {
                // Of the paths to (i, j), the share i / (i + j) comes from (i − 1, j).
                let below = if i > 0 { i as f64 * row[at] } else { 0.0 };
                let left = if j > 0 { j as f64 * row[at - 1] } else { 0.0 };
                (below + left) / (i + j) as f64
            };
        }
    }
    row[m as usize].min(1.0)
}

/// The upper tail of Kolmogorov's limiting distribution (1933).
fn limit(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0;
    }
    if x < 1.0 {
        // The series by theta inversion converges where the other does not.
        let t = std::f64::consts::PI.powi(2) / (8.0 * x * x);
        let sum: f64 = (0..20)
            .map(|k| (-f64::from((2 * k + 1) * (2 * k + 1)) * t).exp())
            .sum();
        return (1.0 - std::f64::consts::TAU.sqrt() / x * sum).clamp(0.0, 1.0);
    }
    let sum: f64 = (1..20)
        .map(|k| {
            let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
            sign * (-2.0 * f64::from(k * k) * x * x).exp()
        })
        .sum();
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::samples::lcg;
    use super::*;

    /// scipy.stats.ks_2samp(method="exact"), SciPy 1.17.1.
    #[test]
    fn distances_and_exact_p_values_are_those_of_scipy() {
        for (n, m, shift, seed, distance, p) in [
            (90, 90, 0.0, 1, 0.13333333333333333, 0.40228885267878634),
            (90, 630, 0.0, 2, 0.14603174603174604, 0.06436822455346639),
            (90, 630, 150.0, 3, 0.2111111111111111, 0.0015418205906109145),
            (1, 1, 1.0, 4, 1.0, 1.0),
            (5, 7, 300.0, 5, 0.42857142857142855, 0.5454545454545454),
            (90, 90, 150.0, 6, 0.24444444444444444, 0.009015400094372876),
            (20, 3, 0.0, 7, 0.95, 0.004517221908526256),
        ] {
            let first = lcg(n, seed, 1000);
            let second: Vec<f64> = lcg(m, seed + 100, 1000).iter().map(|x| x + shift).collect();
            let ours = kolmogorov_smirnov(&first, &second).unwrap();
            assert!((ours.distance - distance).abs() < 1e-12, "{ours:?}");
            assert!((ours.p / p - 1.0).abs() < 1e-9 && ours.exact, "{ours:?}");
        }
    }

    /// As above, at the edges: all of one sample below all of the other, and two single values that are the same.
    #[test]
    fn samples_apart_and_single_values_are_those_of_scipy() {
        let steps = |n: u32, from: f64| (0..n).map(|i| f64::from(i) + from).collect::<Vec<_>>();
        for (first, second, distance, p) in [
            (
                steps(90, 0.0),
                steps(90, 1000.0),
                1.0,
                2.1975064116804014e-53,
            ),
            (steps(3, 0.0), steps(3, 10.0), 1.0, 0.1),
            (steps(1, 0.0), steps(1, 0.0), 0.0, 1.0),
        ] {
            let ours = kolmogorov_smirnov(&first, &second).unwrap();
            assert!(
                (ours.distance - distance).abs() < 1e-12 && (ours.p / p - 1.0).abs() < 1e-9,
                "{ours:?}"
            );
        }
    }

    /// scipy.special.kolmogorov, SciPy 1.17.1.
    #[test]
    fn the_limit_is_that_of_scipy() {
        for (x, expected) in [
            (0.3, 0.9999906941986655),
            (0.5, 0.9639452436648751),
            (1.0, 0.26999967167735456),
            (1.36, 0.049485876755377876),
            (2.0, 0.0006709252557796953),
            (5.0, 3.8574996959278356e-22),
        ] {
            assert!(
                (limit(x) / expected - 1.0).abs() < 1e-9,
                "{x}: {}",
                limit(x)
            );
        }
    }

    #[test]
    fn large_samples_are_answered_by_the_limit_and_equal_ones_do_not_differ() {
        let large = lcg(40_000, 9, 1_000_000);
        let same = kolmogorov_smirnov(&large, &large).unwrap();
        assert_eq!((same.distance, same.p, same.exact), (0.0, 1.0, false));
        assert_eq!(kolmogorov_smirnov(&[], &[1.0]), None);
        assert_eq!(kolmogorov_smirnov(&[f64::NAN], &[1.0]), None);
    }
}
