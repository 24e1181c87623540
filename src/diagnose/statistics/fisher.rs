//! Fisher's exact test for two counts.

use super::binomial::falling_sum;
use super::factorial::ln_choose;

/// Two-sided p-value that `a` of `n` and `b` of `m` come from one proportion (Fisher 1934): the summed probability of the
/// tables with the same margins that are no more probable than the one observed.
pub fn fisher_exact(a: u32, n: u32, b: u32, m: u32) -> f64 {
    let (Some(total), Some(right)) = (n.checked_add(m), a.checked_add(b)) else {
        return f64::NAN;
    };
    if a > n || b > m {
        return f64::NAN;
    }
    let ln_probability =
        |x: u32| ln_choose(n, x) + ln_choose(m, right - x) - ln_choose(total, right);
    let observed = ln_probability(a);
    // SciPy's tolerance: tables that differ from the observed one by rounding only count as equally probable.
    let limit = observed + 1e-7;
    let (from, to) = (right.saturating_sub(m), right.min(n));
    // Probabilities rise up to the mode and fall after it, so each tail is a run of tables.
    let mode = ((u64::from(n) + 1) * (u64::from(right) + 1) / (u64::from(total) + 2)) as u32;
    let mode = mode.clamp(from, to);
    let left = boundary(from, mode, |x| ln_probability(x) <= limit);
    let right = boundary(0, to - mode, |x| ln_probability(to - x) <= limit);
    let left_tail = falling_sum((from..left).rev().map(|x| ln_probability(x).exp()));
    let right_tail = falling_sum(
        (0..right.min(to + 1 - left))
            .rev()
            .map(|x| ln_probability(to - x).exp()),
    );
    (left_tail + right_tail).min(1.0)
}

/// The first of `from..=to` at which a condition that holds for the lower ones no longer does; one past `to` if it always holds.
fn boundary(from: u32, to: u32, holds: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (from, to + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.fisher_exact, SciPy 1.17.1.
    #[test]
    fn p_values_are_those_of_scipy() {
        for (a, n, b, m, expected) in [
            (14, 90, 18, 90, 0.5591440939496948),
            (0, 90, 90, 90, 2.1975064116804e-53),
            (5, 90, 20, 90, 0.002029386415735194),
            (1, 1, 0, 1, 1.0),
            (0, 3, 0, 5, 1.0),
            (40, 90, 60, 120, 0.48563583641436897),
            (0, 0, 3, 5, 1.0),
            (90, 90, 90, 90, 1.0),
            (0, 90, 1, 90, 1.0),
            (90, 90, 0, 1, 0.01098901098901099),
        ] {
            let p = fisher_exact(a, n, b, m);
            assert!(
                (p / expected - 1.0).abs() < 1e-8,
                "{a}/{n} and {b}/{m}: {p}"
            );
        }
    }

    #[test]
    fn tables_of_millions_are_answered_at_once() {
        let p = fisher_exact(1_000_000, 4_000_000, 1_001_000, 4_000_000);
        // scipy.stats.fisher_exact gives 0.41476.
        assert!((p - 0.4147608755).abs() < 1e-5, "{p}");
    }
}
