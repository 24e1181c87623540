//! How long all gradients are together.

use crate::nn::slice;
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// Numbers a task adds up; fixed, so that the number of threads changes no bit.
const CHUNK: usize = 1 << 16;

/// What the gradients are multiplied with to be no longer than `most`: PyTorch's most / (norm + 10⁻⁶), at most 1.
pub(super) fn scale(gradients: &[Tensor], most: f64) -> Result<f32> {
    let mut squares = 0.0;
    for gradient in gradients {
        squares += slice(gradient, |g| {
            let parts: Vec<f64> = g
                .par_chunks(CHUNK)
                .map(|part| part.iter().map(|&g| f64::from(g) * f64::from(g)).sum())
                .collect();
            Ok(parts.iter().sum::<f64>())
        })?;
    }
    Ok((most / (squares.sqrt() + 1e-6)).min(1.0) as f32)
}
