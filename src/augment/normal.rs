//! Standard normal numbers in a hurry: a random quantile of 2048 equally probable ones.

use std::sync::OnceLock;

const BITS: u32 = 11;
pub(super) const LEVELS: usize = 1 << BITS;

/// Normal numbers by random bits. Mean, variance and every quantile are right to a thousandth; the largest is 3.5.
pub(super) struct Normal(&'static [f32; LEVELS]);

impl Normal {
    pub fn new() -> Normal {
        static QUANTILES: OnceLock<[f32; LEVELS]> = OnceLock::new();
        Normal(QUANTILES.get_or_init(quantiles))
    }

    /// Two independent numbers of one word.
    #[inline(always)]
    pub fn pair(&self, word: u32) -> [f32; 2] {
        // Eleven bits are below 2048.
        [word >> (32 - BITS), word & (LEVELS as u32 - 1)].map(|bits| self.0[bits as usize])
    }
}

/// The quantile in the middle of each level, scaled to variance 1.
fn quantiles() -> [f32; LEVELS] {
    let upper: Vec<f64> = (LEVELS / 2..LEVELS)
        .map(|level| quantile((level as f64 + 0.5) / LEVELS as f64))
        .collect();
    let variance = upper.iter().map(|x| x * x).sum::<f64>() / upper.len() as f64;
    let deviation = libm::sqrt(variance);
    std::array::from_fn(|level| {
        let place = level as isize - (LEVELS / 2) as isize;
        let number = match usize::try_from(place) {
            Ok(place) => upper[place],
            Err(_) => -upper[(-1 - place) as usize],
        };
        (number / deviation) as f32
    })
}

/// The normal distribution's quantile of a probability from ½ to 1: Newton's steps on its distribution function, by a
/// library whose results do not differ from machine to machine.
fn quantile(probability: f64) -> f64 {
    let mut x = 0.0;
    for _ in 0..50 {
        let above = 0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2);
        let density = libm::exp(-0.5 * x * x) / libm::sqrt(std::f64::consts::TAU);
        let step = (above - (1.0 - probability)) / density;
        x += step;
        if step.abs() < 1e-14 {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_are_those_of_the_tables() {
        for (probability, wanted) in [
            (0.5, 0.0),
            (0.841_344_746, 1.0),
            (0.975, 1.959_963_985),
            (0.9999, 3.719_016_485),
        ] {
            assert!(
                (quantile(probability) - wanted).abs() < 1e-7,
                "{probability}"
            );
        }
    }

    #[test]
    fn the_numbers_have_the_moments_of_a_normal_distribution() {
        let normal = Normal::new();
        let moment = |power: i32| {
            let sum: f64 = normal.0.iter().map(|x| f64::from(*x).powi(power)).sum();
            sum / LEVELS as f64
        };
        assert!(moment(1).abs() < 1e-9 && moment(3).abs() < 1e-6);
        assert!((moment(2) - 1.0).abs() < 1e-6);
        assert!((moment(4) - 3.0).abs() < 0.05, "{}", moment(4));
        assert_eq!(normal.pair(u32::MAX), [normal.0[LEVELS - 1]; 2]);
        assert_eq!(normal.pair(0), [normal.0[0]; 2]);
    }
}
