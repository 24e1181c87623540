//! Rank correlation.

use super::midrank::midranks;
use statrs::function::beta::beta_reg;

#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Spearman {
    /// Between −1 and 1.
    pub rho: f64,
    /// Two-sided, from Student's t with n − 2 degrees of freedom.
    pub p: f64,
}

/// Spearman's rank correlation (1904) of pairs, ties by mid-ranks; None below three pairs, where one side does not vary,
/// or where a number is NaN.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<Spearman> {
    let n = x.len();
    if n < 3 || y.len() != n || x.iter().chain(y).any(|v| v.is_nan()) {
        return None;
    }
    let (a, b) = (midranks(x), midranks(y));
    let mean = (n + 1) as f64 / 2.0;
    let product = |p: &[f64], q: &[f64]| -> f64 {
        p.iter().zip(q).map(|(u, v)| (u - mean) * (v - mean)).sum()
    };
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    if spread == 0.0 {
        return None;
    }
    let rho = (product(&a, &b) / spread).clamp(-1.0, 1.0);
    let freedom = (n - 2) as f64;
    // P(|T| > t) = I(ν / (ν + t²); ν/2, 1/2), and ν / (ν + t²) = 1 − ρ² for t = ρ √(ν / (1 − ρ²)).
    let p = beta_reg(
        freedom / 2.0,
        0.5,
        ((1.0 - rho) * (1.0 + rho)).clamp(0.0, 1.0),
    );
    Some(Spearman { rho, p })
}

#[cfg(test)]
mod tests {
    use super::super::samples::lcg;
    use super::*;

    /// scipy.stats.spearmanr, SciPy 1.17.1.
    #[test]
    fn correlations_are_those_of_scipy() {
        for (n, seed, modulus, rho, p) in [
            (20, 1, 1000, 0.3714285714285714, 0.10687070696592824),
            (90, 2, 10, 0.2691857339048604, 0.01030077002429027),
            (5, 3, 1000, 0.7, 0.1881204043741873),
            (3, 4, 1000, 1.0, 0.0),
        ] {
            let x = lcg(n, seed, modulus);
            let noise = lcg(n, seed + 50, modulus * 2);
            let y: Vec<f64> = x.iter().zip(noise).map(|(u, v)| u + v).collect();
            let ours = spearman(&x, &y).unwrap();
            assert!((ours.rho - rho).abs() < 1e-12, "{ours:?}");
            assert!((ours.p - p).abs() < 1e-9, "{ours:?}");
        }
    }

    #[test]
    fn what_does_not_vary_correlates_with_nothing() {
        assert_eq!(spearman(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), None);
        assert_eq!(spearman(&[1.0, 2.0], &[1.0, 2.0]), None);
        let turned = spearman(&[1.0, 2.0, 3.0, 4.0], &[4.0, 3.0, 2.0, 1.0]).unwrap();
        assert_eq!((turned.rho, turned.p), (-1.0, 0.0));
    }
}
