//! Long short-term memory, one layer and direction.

use super::matmul::{Matrix, matmul};
use super::recurrence::{CHUNK, Direction, Pass, column_sums, order, sigmoid};
use super::{Backward, Gradients, Mode, Operation, from_vec, slice, values};
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// One direction of one LSTM layer (Hochreiter and Schmidhuber 1997; Gers et al. 2000): (N, T, F) to (N, T, H).
///
/// The state starts at zero; gates are in PyTorch's order i, f, g, o.
pub struct Lstm(pub Direction);

impl Operation for Lstm {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let direction = &self.0;
        let (n, steps, _) = input.dims3()?;
        let hidden = direction.weight_hh.dim(1)?;
        let bias: Vec<f32> = values(&direction.bias_ih)?
            .iter()
            .zip(values(&direction.bias_hh)?)
            .map(|(a, b)| a + b)
            .collect();
        let mut gates = direction.input_sums(input, &bias)?;
        let mut cells = vec![0f32; n * steps * hidden];
        let mut output = vec![0f32; n * steps * hidden];
        slice(&direction.weight_hh, |w| {
            let w = Matrix::new(w, 4 * hidden, hidden);
            let image = steps * hidden;
            gates
                .par_chunks_mut(CHUNK * 4 * image)
                .zip(cells.par_chunks_mut(CHUNK * image))
                .zip(output.par_chunks_mut(CHUNK * image))
                .for_each(|((gates, cells), output)| {
                    self.run(w, steps, hidden, gates, cells, output);
                });
            Ok(())
        })?;
        let output = from_vec(output, (n, steps, hidden))?;
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                pass: direction.pass(input, &output),
                gates,
                cells,
            })),
            Mode::Eval => None,
        };
        Ok((output, back))
    }
}

impl Lstm {
    /// Takes a chunk of images through time; `gates` come as sums of inputs and leave as activations.
    fn run(
        &self,
        w: Matrix,
        steps: usize,
        hidden: usize,
        gates: &mut [f32],
        cells: &mut [f32],
        output: &mut [f32],
    ) {
        let images = cells.len() / (steps * hidden);
        let mut state = vec![0f32; images * hidden];
        let mut recurrent = vec![0f32; images * 4 * hidden];
        for (t, before) in order(steps, self.0.reverse) {
            if before.is_some() {
                matmul(
                    &mut recurrent,
                    Matrix::new(&state, images, hidden),
                    w.t(),
                    false,
                );
            }
            for image in 0..images {
                let at = (image * steps + t) * hidden;
                let gates = &mut gates[4 * at..4 * (at + hidden)];
                gates
                    .iter_mut()
                    .zip(&recurrent[image * 4 * hidden..])
                    .for_each(|(gate, r)| *gate += r);
                for h in 0..hidden {
                    let i = sigmoid(gates[h]);
                    let f = sigmoid(gates[hidden + h]);
                    let g = gates[2 * hidden + h].tanh();
                    let o = sigmoid(gates[3 * hidden + h]);
                    let old = before.map_or(0.0, |b| cells[(image * steps + b) * hidden + h]);
                    let cell = f * old + i * g;
                    cells[at + h] = cell;
                    output[at + h] = o * cell.tanh();
                    state[image * hidden + h] = output[at + h];
                    for (gate, value) in [i, f, g, o].into_iter().enumerate() {
                        gates[gate * hidden + h] = value;
                    }
                }
            }
        }
    }
}

struct Back {
    pass: Pass,
    /// Activations of i, f, g, o: (N, T, 4 H).
    gates: Vec<f32>,
    /// (N, T, H).
    cells: Vec<f32>,
}

impl Back {
    /// Turns a chunk's gate activations into the loss's gradients by the gates' sums, backwards through time.
    fn run(&self, w: Matrix, size: (usize, usize), gates: &mut [f32], cells: &[f32], g: &[f32]) {
        let (steps, hidden) = size;
        let images = cells.len() / (steps * hidden);
        let mut d_state = vec![0f32; images * hidden];
        let mut d_cell = vec![0f32; images * hidden];
        let mut d_gates = vec![0f32; images * 4 * hidden];
        for (t, before) in order(steps, self.pass.reverse).rev() {
            for image in 0..images {
                let at = (image * steps + t) * hidden;
                let gates = &mut gates[4 * at..4 * (at + hidden)];
                for h in 0..hidden {
                    let (i, f, z, o) = (
                        gates[h],
                        gates[hidden + h],
                        gates[2 * hidden + h],
                        gates[3 * hidden + h],
                    );
                    let old = before.map_or(0.0, |b| cells[(image * steps + b) * hidden + h]);
                    let tanh = cells[at + h].tanh();
                    let dh = g[at + h] + d_state[image * hidden + h];
                    let dc = d_cell[image * hidden + h] + dh * o * (1.0 - tanh * tanh);
                    d_cell[image * hidden + h] = dc * f;
                    gates[h] = dc * z * i * (1.0 - i);
                    gates[hidden + h] = dc * old * f * (1.0 - f);
                    gates[2 * hidden + h] = dc * i * (1.0 - z * z);
                    gates[3 * hidden + h] = dh * tanh * o * (1.0 - o);
                }
                d_gates[image * 4 * hidden..(image + 1) * 4 * hidden].copy_from_slice(gates);
            }
            if before.is_some() {
                matmul(
                    &mut d_state,
                    Matrix::new(&d_gates, images, 4 * hidden),
                    w,
                    false,
                );
            }
        }
    }
}

impl Backward for Back {
    fn backward(mut self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let (_, steps, hidden) = self.pass.size()?;
        let mut d_gates = std::mem::take(&mut self.gates);
        slice(&self.pass.weight_hh, |w| {
            slice(gradient, |g| {
                let w = Matrix::new(w, 4 * hidden, hidden);
                let image = steps * hidden;
                d_gates
                    .par_chunks_mut(CHUNK * 4 * image)
                    .zip(self.cells.par_chunks(CHUNK * image))
                    .zip(g.par_chunks(CHUNK * image))
                    .for_each(|((gates, cells), g)| self.run(w, (steps, hidden), gates, cells, g));
                Ok(())
            })
        })?;
        let d_bias = column_sums(&d_gates, 4 * hidden);
        let states = self.pass.states_before()?;
        self.pass.gradients(
            (&d_gates, &d_gates),
            &states,
            [d_bias.clone(), d_bias],
            input,
        )
    }
}
