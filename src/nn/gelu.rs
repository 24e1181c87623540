//! Gaussian error linear unit.

use super::{Backward, Gradients, Mode, Operation, from_vec, slice};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::f32::consts::{FRAC_1_SQRT_2, PI};

/// x · Φ(x), Φ being the normal distribution (Hendrycks and Gimpel 2016): exact, as PyTorch's default.
pub struct Gelu;

/// Φ(x), by the complement of the error function, which keeps its digits where Φ is near zero.
fn normal_distribution(x: f32) -> f32 {
    0.5 * libm::erfcf(-x * FRAC_1_SQRT_2)
}

/// d/dx x · Φ(x) = Φ(x) + x · φ(x).
fn slope(x: f32) -> f32 {
    let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
    normal_distribution(x) + x * density
}

impl Operation for Gelu {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let output = slice(input, |x| {
            Ok(x.par_iter().map(|&x| x * normal_distribution(x)).collect())
        })?;
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
