//! The mean of a few numbers with its interval (Student 1908).

use super::Interval;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The `p`-quantile of Student's t with `freedom` degrees of freedom, above 0; None where there is none.
pub fn student_quantile(p: f64, freedom: f64) -> Option<f64> {
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    (0.0 < p && p < 1.0).then(|| student.inverse_cdf(p))
}

/// The mean of these numbers and its 95 % interval, mean ± t(0.975; n − 1)·s/√n (Student 1908); none of fewer than two. Of
/// differences of pairs it is the interval of the paired t-test.
pub fn mean_interval(values: &[f64]) -> Option<(f64, Interval)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = student_quantile(0.975, n - 1.0)? * (variance / n).sqrt();
    let interval = Interval {
        low: mean - half,
        high: mean + half,
    };
    half.is_finite().then_some((mean, interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.t.ppf, SciPy 1.17.1.
    #[test]
    fn quantiles_are_those_of_scipy() {
        for (p, freedom, expected) in [
            (0.975, 1.0, 12.706204736432095),
            (0.975, 2.0, 4.302652729911275),
            (0.975, 4.0, 2.7764451051977987),
            (0.975, 9.0, 2.2621571628540993),
            (0.975, 29.0, 2.045229642132703),
            (0.995, 5.0, 4.032142983557536),
            (0.025, 4.0, -2.7764451051977987),
        ] {
            let t = student_quantile(p, freedom).unwrap();
            assert!((t / expected - 1.0).abs() < 1e-8, "{p} {freedom}: {t}");
        }
        assert_eq!(student_quantile(0.975, 0.0), None);
        assert_eq!(student_quantile(1.0, 3.0), None);
    }

    /// scipy.stats.ttest_rel(b, a).confidence_interval() of a = [.2, .3, .25], b = [.5, .4, .6]: d = [.3, .1, .35].
    #[test]
    fn an_interval_of_differences_is_that_of_the_paired_t_test() {
        let (mean, interval) = mean_interval(&[0.3, 0.1, 0.35]).unwrap();
        assert!((mean - 0.25).abs() < 1e-12);
        // s = 0.132287…, t = 4.302652…
        assert!((interval.low + 0.078_620_5).abs() < 1e-6, "{interval:?}");
        assert!((interval.high - 0.578_620_5).abs() < 1e-6, "{interval:?}");
        assert_eq!(mean_interval(&[0.1]), None);
        assert_eq!(mean_interval(&[]), None);
    }
}
