//! What recurrent layers share: a direction's parameters, what the input gives to the gates, the order of the steps, and the
//! gradients that are sums over them.

use super::matmul::{Matrix, matmul_parallel};
use super::{Gradients, from_vec, slice};
use candle_core::{Result, Tensor, Var};

/// Images that go through the steps together: fixed, so that the threads change no bit.
pub(super) const CHUNK: usize = 8;

/// One direction of one layer with G gates a unit.
#[derive(Clone)]
pub struct Direction {
    /// (G H, F).
    pub weight_ih: Var,
    /// (G H, H).
    pub weight_hh: Var,
    /// (G H).
    pub bias_ih: Var,
    /// (G H).
    pub bias_hh: Var,
    /// True: from the last step to the first.
    pub reverse: bool,
}

impl Direction {
    /// What `bias` and the input, (N, T, F), give to the gates of every step, (N, T, G H): one product for all of them.
    pub(super) fn input_sums(&self, input: &Tensor, bias: &[f32]) -> Result<Vec<f32>> {
        let (n, steps, features) = input.dims3()?;
        let mut gates = bias.repeat(n * steps);
        slice(input, |x| {
            slice(&self.weight_ih, |w| {
                let x = Matrix::new(x, n * steps, features);
                let w = Matrix::new(w, bias.len(), features);
                matmul_parallel(&mut gates, x, w.t(), true);
                Ok(())
            })
        })?;
        Ok(gates)
    }

    /// What a backward pass needs of a forward pass from `input` to `output`.
    pub(super) fn pass(&self, input: &Tensor, output: &Tensor) -> Pass {
        Pass {
            input: input.clone(),
            weight_ih: self.weight_ih.as_detached_tensor(),
            weight_hh: self.weight_hh.as_detached_tensor(),
            output: output.clone(),
            reverse: self.reverse,
        }
    }
}

/// A forward pass of one direction that has been.
pub(super) struct Pass {
    input: Tensor,
    weight_ih: Tensor,
    pub weight_hh: Tensor,
    output: Tensor,
    pub reverse: bool,
}

impl Pass {
    /// N, T and H.
    pub fn size(&self) -> Result<(usize, usize, usize)> {
        self.output.dims3()
    }

    /// The state before each step, (N, T, H).
    pub fn states_before(&self) -> Result<Vec<f32>> {
        let (_, steps, hidden) = self.size()?;
        slice(&self.output, |output| {
            let mut states = vec![0f32; output.len()];
            for image in 0..output.len() / (steps * hidden) {
                for (t, before) in order(steps, self.reverse) {
                    if let Some(before) = before {
                        let (to, from) = (image * steps + t, image * steps + before);
                        states[to * hidden..(to + 1) * hidden]
                            .copy_from_slice(&output[from * hidden..(from + 1) * hidden]);
                    }
                }
            }
            Ok(states)
        })
    }

    /// The gradients by the parameters, and by the input where `input`: from those by what the input and what the state give
    /// to each gate, (N, T, G H) both, from [`Self::states_before`], and from the biases' own.
    pub fn gradients(
        &self,
        (by_input, by_state): (&[f32], &[f32]),
        states: &[f32],
        [bias_ih, bias_hh]: [Vec<f32>; 2],
        input: bool,
    ) -> Result<Gradients> {
        let (n, steps, features) = self.input.dims3()?;
        let (rows, hidden) = (n * steps, self.weight_hh.dim(1)?);
        let gates = bias_ih.len();
        let of_input = Matrix::new(by_input, rows, gates);
        let mut d_ih = vec![0f32; gates * features];
        slice(&self.input, |x| {
            let x = Matrix::new(x, rows, features);
            matmul_parallel(&mut d_ih, of_input.t(), x, false);
            Ok(())
        })?;
        let mut d_hh = vec![0f32; gates * hidden];
        let of_state = Matrix::new(by_state, rows, gates);
        let states = Matrix::new(states, rows, hidden);
        matmul_parallel(&mut d_hh, of_state.t(), states, false);
        let parameters = vec![
            from_vec(d_ih, (gates, features))?,
            from_vec(d_hh, (gates, hidden))?,
            from_vec(bias_ih, gates)?,
            from_vec(bias_hh, gates)?,
        ];
        let input = if input {
            let mut dx = vec![0f32; rows * features];
            slice(&self.weight_ih, |w| {
                let w = Matrix::new(w, gates, features);
                matmul_parallel(&mut dx, of_input, w, false);
                Ok(())
            })?;
            Some(from_vec(dx, (n, steps, features))?)
        } else {
            None
        };
        Ok(Gradients { input, parameters })
    }
}

/// The steps in the order of time, with the step before each.
pub(super) fn order(
    steps: usize,
    reverse: bool,
) -> impl DoubleEndedIterator<Item = (usize, Option<usize>)> {
    (0..steps).map(move |i| {
        if reverse {
            (steps - 1 - i, (i > 0).then(|| steps - i))
        } else {
            (i, i.checked_sub(1))
        }
    })
}

pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The sum of each of `columns` columns, in float64.
pub(super) fn column_sums(rows: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0f64; columns];
    for row in rows.chunks_exact(columns) {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, &x)| *sum += f64::from(x));
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}
