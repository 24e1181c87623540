//! What a count of right answers says: exact binomial tails and intervals of a proportion.

use super::factorial::ln_choose;

/// 97.5th percentile of the standard normal distribution: two-sided 95 %.
const Z_95: f64 = 1.959_963_984_540_054;

/// An interval of a proportion, both ends between 0 and 1, or of a difference of two, between −1 and 1.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// Wilson's 95 % score interval of `correct` of `n` (Wilson 1927); everything where `n` is 0.
pub fn wilson(correct: u32, n: u32) -> Interval {
    if n == 0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let (k, n) = (f64::from(correct), f64::from(n));
    let share = k / n;
    let z2 = Z_95 * Z_95;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let reach = Z_95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Interval {
        // Rounding must not leave a hair between the end of the interval and the end of the scale.
        low: if correct == 0 {
            0.0
        } else {
            (centre - reach).max(0.0)
        },
        high: if k == n {
            1.0
        } else {
            (centre + reach).min(1.0)
        },
    }
}

/// The 95 % interval of the difference of two independent proportions, each as (correct, n): Newcombe 1998, method 10.
pub fn difference(one: (u32, u32), other: (u32, u32)) -> Interval {
    let share = |(k, n): (u32, u32)| f64::from(k) / f64::from(n.max(1));
    let (p, q) = (share(one), share(other));
    let (a, b) = (wilson(one.0, one.1), wilson(other.0, other.1));
    Interval {
        low: p - q - (p - a.low).hypot(b.high - q),
        high: p - q + (a.high - p).hypot(q - b.low),
    }
}

/// Clopper and Pearson's exact 95 % interval (1934): the proportions that neither tail rejects at 2.5 %.
pub fn clopper_pearson(correct: u32, n: u32) -> Interval {
    let alpha = 0.025;
    let low = if correct == 0 {
        0.0
    } else {
        bisect(|p| upper_tail(correct, n, p) < alpha)
    };
    let high = if correct >= n {
        1.0
    } else {
        // P(X ≤ k) = 1 − P(X ≥ k + 1)
        bisect(|p| upper_tail(correct + 1, n, p) < 1.0 - alpha)
    };
    Interval { low, high }
}

/// The proportion at which a condition that holds for small ones stops holding.
fn bisect(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// P(X ≥ `correct`) for X binomial with `n` trials of probability `p`: the exact one-sided p-value against guessing.
pub fn upper_tail(correct: u32, n: u32, p: f64) -> f64 {
    if correct == 0 {
        return 1.0;
    }
    if correct > n || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let term =
        |k: u32| (ln_choose(n, k) + f64::from(k) * p.ln() + f64::from(n - k) * (-p).ln_1p()).exp();
    // The smaller side is summed, outwards from its largest term, so that nothing is lost by cancellation.
    if f64::from(correct) > f64::from(n) * p {
        falling_sum((correct..=n).map(term)).min(1.0)
    } else {
        (1.0 - falling_sum((0..correct).rev().map(term))).clamp(0.0, 1.0)
    }
}

/// P(X ≤ `correct`): the exact one-sided p-value against a proportion that is too high.
pub fn lower_tail(correct: u32, n: u32, p: f64) -> f64 {
    if correct >= n {
        return 1.0;
    }
    // As many wrong ones at least.
    upper_tail(n - correct, n, 1.0 - p)
}

/// The sum of terms that only fall, up to the first that no longer changes it: for large counts a few of millions.
pub(super) fn falling_sum(terms: impl Iterator<Item = f64>) -> f64 {
    let mut sum = 0.0;
    for term in terms {
        if sum + term == sum {
            break;
        }
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs().max(1e-300) || (a - b).abs() < 1e-12
    }

    /// scipy.stats.binom.sf(k - 1, n, p), SciPy 1.17.1.
    #[test]
    fn upper_tails_are_those_of_scipy() {
        for (k, n, p, expected) in [
            (14, 90, 1.0 / 9.0, 0.12248604987997529),
            (16, 90, 1.0 / 9.0, 0.03888916223257802),
            (18, 90, 1.0 / 9.0, 0.0095613741308332),
            (21, 90, 1.0 / 9.0, 0.0007394432916271359),
            (0, 90, 1.0 / 9.0, 1.0),
            (1, 1, 0.5, 0.5),
            (0, 1, 0.5, 1.0),
            (50, 90, 0.5, 0.17141655971039393),
            (5000, 10000, 0.49, 0.023281712519269027),
            (46, 90, 0.5, 0.4580644385056448),
            (1, 1, 1.0 / 9.0, 1.0 / 9.0),
        ] {
            let tail = upper_tail(k, n, p);
            assert!(near(tail, expected), "{k} of {n} at {p}: {tail}");
        }
        let all = upper_tail(90, 90, 1.0 / 9.0);
        assert!((all / 1.3127261917780267e-86 - 1.0).abs() < 1e-9);
    }

    /// scipy.stats.binomtest(k, n).proportion_ci(0.95, "wilson" and "exact"), SciPy 1.17.1.
    #[test]
    fn intervals_are_those_of_scipy() {
        for (k, n, w, c) in [
            (
                14,
                90,
                [0.09498275594910813, 0.24432845277298362],
                [0.08773586461618244, 0.24720258014589797],
            ),
            (
                18,
                90,
                [0.130_424_011_827_070_6, 0.2941373635114255],
                [0.12305554601087919, 0.2975424501326412],
            ),
            (
                0,
                90,
                [0.0, 0.04093562556432678],
                [0.0, 0.04015891961577465],
            ),
            (90, 90, [0.9590643744356733, 1.0], [0.9598410803842253, 1.0]),
            (1, 1, [0.20654931437723745, 1.0], [0.025, 1.0]),
            (0, 1, [0.0, 0.7934506856227626], [0.0, 0.975]),
            (
                45,
                90,
                [0.3988372282354734, 0.6011627717645266],
                [0.3926979989485729, 0.6073020010514272],
            ),
            (
                621,
                630,
                [0.9730747624902285, 0.9924663700489214],
                [0.9730550996956965, 0.9934474051299778],
            ),
        ] {
            for (interval, expected) in [(wilson(k, n), w), (clopper_pearson(k, n), c)] {
                assert!(
                    near(interval.low, expected[0]) && near(interval.high, expected[1]),
                    "{k} of {n}: {interval:?}, expected {expected:?}"
                );
            }
        }
    }

    /// Newcombe 1998, table II, method 10.
    #[test]
    fn intervals_of_differences_are_those_that_newcombe_printed() {
        for (one, other, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((10, 10), (0, 10), 0.6075, 1.0),
        ] {
            let interval = difference(one, other);
            assert!(
                (interval.low - low).abs() < 5e-5 && (interval.high - high).abs() < 5e-5,
                "{one:?} {other:?}: {interval:?}"
            );
        }
    }

    /// Newcombe's formula on scipy.stats.binomtest(k, n).proportion_ci(0.95, "wilson"), SciPy 1.17.1.
    #[test]
    fn intervals_of_differences_hold_at_the_edges() {
        for (one, other, low, high) in [
            ((621, 630), (14, 90), 0.7404905372043301, 0.8911066972702334),
            (
                (14, 90),
                (18, 90),
                -0.15638597945734795,
                0.06834494074140424,
            ),
            ((0, 90), (0, 90), -0.04093562556432678, 0.04093562556432678),
            ((90, 90), (0, 90), 0.9421082831427023, 1.0),
            ((1, 1), (0, 1), -0.12210872068194178, 1.0),
        ] {
            let interval = difference(one, other);
            assert!(
                near(interval.low, low) && near(interval.high, high),
                "{one:?} {other:?}: {interval:?}"
            );
        }
        let nothing = difference((0, 0), (0, 0));
        assert_eq!((nothing.low, nothing.high), (-1.0, 1.0));
    }

    /// scipy.stats.binom.cdf(k, n, p), SciPy 1.17.1.
    #[test]
    fn lower_tails_are_those_of_scipy() {
        for (k, n, p, expected) in [
            (3, 90, 1.0 / 9.0, 0.007577887812255495),
            (0, 90, 1.0 / 9.0, 2.490422203883921e-05),
            (0, 1, 0.5, 0.5),
        ] {
            let tail = lower_tail(k, n, p);
            assert!(near(tail, expected), "{k} of {n} at {p}: {tail}");
        }
        assert_eq!(lower_tail(90, 90, 0.5), 1.0);
        assert!(lower_tail(0, 90, 0.5) > 0.0);
    }

    #[test]
    fn no_images_say_nothing() {
        assert_eq!(wilson(0, 0).half_width(), 0.5);
        assert_eq!(clopper_pearson(0, 0).half_width(), 0.5);
        assert_eq!(upper_tail(0, 0, 0.1), 1.0);
    }
}
