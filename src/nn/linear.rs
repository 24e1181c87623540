//! Fully connected layer.

use super::matmul::{LazyRows, Matrix, has_long_sums, matmul_lazy, matmul_parallel};
use super::{Backward, Gradients, Mode, Operation, from_vec, slice};
use candle_core::{Result, Tensor, Var};

/// x · Wᵀ + b over the last axis: (…, F) to (…, out).
pub struct Linear {
    /// (out, F).
    pub weight: Var,
    /// (out).
    pub bias: Option<Var>,
}

impl Linear {
    /// True where [`Linear::of_rows`] can be used.
    pub fn takes_rows(&self) -> Result<bool> {
        let (out, features) = self.weight.dims2()?;
        Ok(has_long_sums(out, features))
    }

    /// (N, out) of rows (N, F): the same bits as of a tensor of a few of them.
    pub fn of_rows(&self, rows: &dyn LazyRows) -> Result<Tensor> {
        let (out, features) = self.weight.dims2()?;
        let mut y = self.biases(rows.count(), out)?;
        slice(&self.weight, |w| {
            let w = Matrix::new(w, out, features);
            matmul_lazy(&mut y, rows, w, self.bias.is_some());
            Ok(())
        })?;
        from_vec(y, (rows.count(), out))
    }

    /// (rows, out): the bias in each row, or nothing.
    fn biases(&self, rows: usize, out: usize) -> Result<Vec<f32>> {
        let mut y = vec![0f32; rows * out];
        if let Some(bias) = &self.bias {
            slice(bias, |b| {
                y.chunks_exact_mut(out)
                    .for_each(|row| row.copy_from_slice(b));
                Ok(())
            })?;
        }
        Ok(y)
    }
}

impl Operation for Linear {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let (out, features) = self.weight.dims2()?;
        let rows = input.elem_count() / features;
        let mut y = self.biases(rows, out)?;
        slice(input, |x| {
            slice(&self.weight, |w| {
                let (x, w) = (
                    Matrix::new(x, rows, features),
                    Matrix::new(w, out, features),
                );
                matmul_parallel(&mut y, x, w.t(), self.bias.is_some());
                Ok(())
            })
        })?;
        let mut shape = input.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = out;
        }
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                input: input.clone(),
                weight: self.weight.as_detached_tensor(),
                bias: self.bias.is_some(),
            })),
            Mode::Eval => None,
        };
        Ok((from_vec(y, shape)?, back))
    }
}

struct Back {
    input: Tensor,
    weight: Tensor,
    bias: bool,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let (out, features) = self.weight.dims2()?;
        let rows = self.input.elem_count() / features;
        slice(gradient, |g| {
            let g_matrix = Matrix::new(g, rows, out);
            let mut dw = vec![0f32; out * features];
            slice(&self.input, |x| {
                matmul_parallel(&mut dw, g_matrix.t(), Matrix::new(x, rows, features), false);
                Ok(())
            })?;
            let mut parameters = vec![from_vec(dw, (out, features))?];
            if self.bias {
                let mut db = vec![0f32; out];
                for row in g.chunks_exact(out) {
                    db.iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
                }
                parameters.push(from_vec(db, out)?);
            }
            let input = if input {
                let mut dx = vec![0f32; rows * features];
                slice(&self.weight, |w| {
                    matmul_parallel(&mut dx, g_matrix, Matrix::new(w, out, features), false);
                    Ok(())
                })?;
                Some(from_vec(dx, self.input.shape())?)
            } else {
                None
            };
            Ok(Gradients { input, parameters })
        })
    }
}
