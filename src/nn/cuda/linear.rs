//! Fully connected layer.

use super::On;
use super::column_sums::column_sums;
use super::launch::Launch;
use crate::nn::{Backward, Gradients, Linear, Mode, Operation};
use candle_core::{Result, Tensor};

/// Adds to each row of a matrix, in place, the same row.
fn add_row(matrix: &Tensor, row: &Tensor) -> Result<()> {
    Launch::each("add_row", matrix.elem_count())
        .write(matrix)
        .read(row)
        .ints([matrix.elem_count(), row.elem_count()])
        .run()
}

impl Operation for On<Linear> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let Linear { weight, bias } = &self.0;
        let (out, features) = weight.dims2()?;
        let rows = input.elem_count() / features;
        let x = input.reshape((rows, features))?;
        let y = x.matmul(&weight.as_detached_tensor().t()?)?;
        if let Some(bias) = bias {
            add_row(&y, bias)?;
        }
        let mut shape = input.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = out;
        }
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                x,
                shape: input.dims().to_vec(),
                weight: weight.as_detached_tensor(),
                bias: bias.is_some(),
            })),
            Mode::Eval => None,
        };
        Ok((y.reshape(shape)?, back))
    }
}

struct Back {
    /// (rows, F).
    x: Tensor,
    /// The input's.
    shape: Vec<usize>,
    weight: Tensor,
    bias: bool,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let (out, _) = self.weight.dims2()?;
        let gradient = gradient.reshape((self.x.dim(0)?, out))?;
        let mut parameters = vec![gradient.t()?.matmul(&self.x)?];
        if self.bias {
            parameters.push(column_sums(&gradient)?);
        }
        let input = match input {
            true => Some(
                gradient
                    .matmul(&self.weight)?
                    .reshape(self.shape.as_slice())?,
            ),
            false => None,
        };
        Ok(Gradients { input, parameters })
    }
}
