//! Rectified linear unit.

use super::{Backward, Gradients, Mode, Operation, from_vec, slice};
use candle_core::{Result, Tensor};

/// max(x, 0); the gradient at zero is zero, as PyTorch's, and NaN stays NaN.
pub struct Relu;

impl Operation for Relu {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let output: Vec<f32> = slice(input, |x| {
            Ok(x.iter().map(|&x| if x <= 0.0 { 0.0 } else { x }).collect())
        })?;
        let output = from_vec(output, input.shape())?;
        let back = matches!(mode, Mode::Train { .. }).then(|| {
            Box::new(Back {
                output: output.clone(),
            }) as Box<dyn Backward>
        });
        Ok((output, back))
    }
}

struct Back {
    output: Tensor,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let numbers = slice(&self.output, |y| {
            slice(gradient, |g| {
                Ok(g.iter()
                    .zip(y)
                    .map(|(&g, &y)| if y == 0.0 { 0.0 } else { g })
                    .collect())
            })
        })?;
        let input = from_vec(numbers, self.output.shape())?;
        Ok(Gradients::of_input(Some(input)))
    }
}
