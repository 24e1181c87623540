//! Exact and permutation tests, intervals and measures, each with its source; nothing here knows of images.

mod assignment;
mod auc;
mod binomial;
mod contingency;
mod factorial;
mod fisher;
mod kolmogorov_smirnov;
mod mcnemar;
mod midrank;
mod paired;
mod power;
mod runs;
mod spearman;
mod student;

pub use assignment::{Assignment, MOST_CLASSES, assign};
pub use auc::{Auc, auc};
pub use binomial::{Interval, clopper_pearson, difference, lower_tail, upper_tail, wilson};
pub use contingency::{Independence, cramers_v, independence};
pub use fisher::fisher_exact;
pub use kolmogorov_smirnov::{KolmogorovSmirnov, kolmogorov_smirnov};
pub use mcnemar::{holm, mcnemar_exact};
pub use paired::PairedCounts;
pub use power::{least_seen_paired, least_seen_unpaired};
pub use runs::{Runs, runs_test};
pub use spearman::{Spearman, spearman};
pub use student::{mean_interval, student_quantile};

/// The upper tail of the standard normal distribution.
pub fn normal_upper_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

/// Permutation p-value: `reached` of `draws` random arrangements were at least as extreme as the one observed, which
/// counts as one of them (Phipson and Smyth 2010), so that it is never 0.
pub fn permutation_p(reached: usize, draws: usize) -> f64 {
    (reached + 1) as f64 / (draws + 1) as f64
}

#[cfg(test)]
mod samples {
    /// The numbers that the script behind the tests' SciPy values draws: a linear congruential generator.
    pub fn lcg(n: usize, seed: u64, modulus: u64) -> Vec<f64> {
        let mut x = seed;
        (0..n)
            .map(|_| {
                x = (x * 1_103_515_245 + 12_345) % (1 << 31);
                ((x >> 8) % modulus) as f64
            })
            .collect()
    }

    #[test]
    fn a_permutation_p_value_counts_the_order_that_was_seen() {
        assert_eq!(super::permutation_p(0, 199), 0.005);
        assert_eq!(super::permutation_p(199, 199), 1.0);
        assert_eq!(super::permutation_p(0, 0), 1.0);
    }

    #[test]
    fn normal_tails_are_those_of_scipy() {
        // scipy.stats.norm.sf, SciPy 1.17.1.
        for (z, expected) in [
            (0.0, 0.5),
            (1.96, 0.024997895148220435),
            (-1.0, 0.8413447460685429),
            (5.0, 2.866515718791933e-07),
            (10.0, 7.61985302416047e-24),
        ] {
            let p = super::normal_upper_tail(z);
            assert!((p / expected - 1.0).abs() < 1e-12, "{z}: {p}");
        }
    }
}
