//! Gaussian error linear unit.

use super::{Backward, Gradients, Mode, Operation, from_vec, slice};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::f32::consts::{FRAC_1_SQRT_2, PI};

/// x · Φ(x), Φ being the normal distribution (Hendrycks and Gimpel 2016): exact, as PyTorch's default.
pub struct Gelu;

/// Φ(x) and e^(−x²/2), which its density is a multiple of.
///
/// Abramowitz and Stegun 1964, 7.1.26: at most 0.8 · 10⁻⁷ off Φ, no more than float32 rounds, without the branches of a
/// library's function.
fn normal_distribution(x: f32) -> (f32, f32) {
    const FACTORS: [f32; 5] = [
        1.061_405_4,
        -1.453_152_1,
        1.421_413_8,
        -0.284_496_74,
        0.254_829_6,
    ];
    let t = 1.0 / (1.0 + 0.327_591_1 * FRAC_1_SQRT_2 * x.abs());
    let polynomial = FACTORS.iter().fold(0.0, |sum, factor| sum * t + factor);
    let exponential = (-0.5 * x * x).exp();
    let tail = 0.5 * polynomial * t * exponential;
    let distribution = if x < 0.0 { tail } else { 1.0 - tail };
    (distribution, exponential)
}

/// x · Φ(x).
fn gelu(x: f32) -> f32 {
    x * normal_distribution(x).0
}

/// d/dx x · Φ(x) = Φ(x) + x · φ(x).
fn slope(x: f32) -> f32 {
    let (distribution, exponential) = normal_distribution(x);
    distribution + x * exponential / (2.0 * PI).sqrt()
}

impl Operation for Gelu {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let output = slice(input, |x| Ok(x.par_iter().map(|&x| gelu(x)).collect()))?;
        let output = from_vec(output, input.shape())?;
        let back = matches!(mode, Mode::Train { .. }).then(|| {
            Box::new(Back {
                input: input.clone(),
            }) as Box<dyn Backward>
        });
        Ok((output, back))
    }
}

struct Back {
    input: Tensor,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let numbers = slice(&self.input, |x| {
            slice(gradient, |g| {
                Ok(g.par_iter().zip(x).map(|(&g, &x)| g * slope(x)).collect())
            })
        })?;
        let input = from_vec(numbers, self.input.shape())?;
        Ok(Gradients::of_input(Some(input)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_slopes_are_right_to_a_float_near_zero_and_far_from_it() {
        for i in -4000..=4000_i16 {
            let x = f32::from(i) / 250.0;
            let wide = f64::from(x);
            let distribution = 0.5 * libm::erfc(-wide * 0.5f64.sqrt());
            let density = (-0.5 * wide * wide).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let bound = 2e-7 * wide.abs().max(1.0);
            assert!(
                (f64::from(gelu(x)) - wide * distribution).abs() < bound,
                "{x}"
            );
            let expected = distribution + wide * density;
            assert!((f64::from(slope(x)) - expected).abs() < 3e-7, "{x}");
        }
        assert!(gelu(f32::NAN).is_nan() && gelu(f32::INFINITY).is_infinite());
    }
}
