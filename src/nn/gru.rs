//! Gated recurrent units, one layer and direction.

use super::matmul::{Matrix, matmul};
use super::recurrence::{CHUNK, Direction, Pass, column_sums, order, sigmoid};
use super::{Backward, Gradients, Mode, Operation, from_vec, slice, values};
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// One direction of one GRU layer (Cho et al. 2014): (N, T, F) to (N, T, H).
///
/// The state starts at zero; gates are in PyTorch's order r, z, n, and r scales the state's share of n after its product:
/// n = tanh(W x + b + r · (U h + c)), h' = (1 − z) · n + z · h.
pub struct Gru(pub Direction);

/// What a forward pass computes for a chunk of images.
struct Chunk<'a> {
    /// (images, T, 3 H): sums of inputs that become the activations of r, z, n.
    gates: &'a mut [f32],
    /// (images, T, H): the state's share of n before r scales it.
    shares: &'a mut [f32],
    /// (images, T, H).
    output: &'a mut [f32],
}

impl Operation for Gru {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let direction = &self.0;
        let (n, steps, _) = input.dims3()?;
        let hidden = direction.weight_hh.dim(1)?;
        let mut gates = direction.input_sums(input, &values(&direction.bias_ih)?)?;
        let mut shares = vec![0f32; n * steps * hidden];
        let mut output = vec![0f32; n * steps * hidden];
        let bias = values(&direction.bias_hh)?;
        slice(&direction.weight_hh, |w| {
            let w = Matrix::new(w, 3 * hidden, hidden);
            let image = steps * hidden;
            gates
                .par_chunks_mut(CHUNK * 3 * image)
                .zip(shares.par_chunks_mut(CHUNK * image))
                .zip(output.par_chunks_mut(CHUNK * image))
                .for_each(|((gates, shares), output)| {
                    let chunk = Chunk {
                        gates,
                        shares,
                        output,
                    };
                    self.run(w, &bias, steps, chunk);
                });
            Ok(())
        })?;
        let output = from_vec(output, (n, steps, hidden))?;
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                pass: direction.pass(input, &output),
                gates,
                shares,
            })),
            Mode::Eval => None,
        };
        Ok((output, back))
    }
}

impl Gru {
    /// Takes a chunk of images through time.
    fn run(&self, w: Matrix, bias: &[f32], steps: usize, chunk: Chunk) {
        let hidden = bias.len() / 3;
        let images = chunk.output.len() / (steps * hidden);
        let mut state = vec![0f32; images * hidden];
        let mut recurrent = bias.repeat(images);
        for (t, before) in order(steps, self.0.reverse) {
            if before.is_some() {
                for row in recurrent.chunks_exact_mut(3 * hidden) {
                    row.copy_from_slice(bias);
                }
                let state = Matrix::new(&state, images, hidden);
                matmul(&mut recurrent, state, w.t(), true);
            }
            for image in 0..images {
                let at = (image * steps + t) * hidden;
                let gates = &mut chunk.gates[3 * at..3 * (at + hidden)];
                let recurrent = &recurrent[image * 3 * hidden..(image + 1) * 3 * hidden];
                for h in 0..hidden {
                    let state = &mut state[image * hidden + h];
                    let share = recurrent[2 * hidden + h];
                    let r = sigmoid(gates[h] + recurrent[h]);
                    let z = sigmoid(gates[hidden + h] + recurrent[hidden + h]);
                    let n = (gates[2 * hidden + h] + r * share).tanh();
                    *state = (1.0 - z) * n + z * *state;
                    chunk.output[at + h] = *state;
                    chunk.shares[at + h] = share;
                    for (gate, value) in [r, z, n].into_iter().enumerate() {
                        gates[gate * hidden + h] = value;
                    }
                }
            }
        }
    }
}

struct Back {
    pass: Pass,
    /// Activations of r, z, n: (N, T, 3 H).
    gates: Vec<f32>,
    /// The state's share of n before r scales it, (N, T, H).
    shares: Vec<f32>,
}

/// What a backward pass reads and writes for a chunk of images.
struct ChunkBack<'a> {
    /// (images, T, 3 H): activations that become the loss's gradients by what the input gives to each gate.
    gates: &'a mut [f32],
    /// (images, T, 3 H): the gradients by what the state gives to each gate.
    by_state: &'a mut [f32],
    shares: &'a [f32],
    /// The state before each step, (images, T, H).
    states: &'a [f32],
    /// By the output.
    gradient: &'a [f32],
}

impl Back {
    /// Takes a chunk of images backwards through time.
    fn run(&self, w: Matrix, (steps, hidden): (usize, usize), chunk: ChunkBack) {
        let images = chunk.shares.len() / (steps * hidden);
        let mut d_state = vec![0f32; images * hidden];
        let mut through_gates = vec![0f32; images * hidden];
        let mut d_gates = vec![0f32; images * 3 * hidden];
        for (t, before) in order(steps, self.pass.reverse).rev() {
            for image in 0..images {
                let at = (image * steps + t) * hidden;
                let gates = &mut chunk.gates[3 * at..3 * (at + hidden)];
                let by_state = &mut chunk.by_state[3 * at..3 * (at + hidden)];
                for h in 0..hidden {
                    let (r, z, n) = (gates[h], gates[hidden + h], gates[2 * hidden + h]);
                    let d_state = &mut d_state[image * hidden + h];
                    let dh = chunk.gradient[at + h] + *d_state;
                    let dn = dh * (1.0 - z) * (1.0 - n * n);
                    let dz = dh * (chunk.states[at + h] - n) * z * (1.0 - z);
                    let dr = dn * chunk.shares[at + h] * r * (1.0 - r);
                    *d_state = dh * z;
                    for (gate, value) in [dr, dz, dn].into_iter().enumerate() {
                        gates[gate * hidden + h] = value;
                    }
                    for (gate, value) in [dr, dz, dn * r].into_iter().enumerate() {
                        by_state[gate * hidden + h] = value;
                    }
                }
                d_gates[image * 3 * hidden..(image + 1) * 3 * hidden].copy_from_slice(by_state);
            }
            if before.is_some() {
                let d_gates = Matrix::new(&d_gates, images, 3 * hidden);
                matmul(&mut through_gates, d_gates, w, false);
                d_state
                    .iter_mut()
                    .zip(&through_gates)
                    .for_each(|(d, through)| *d += through);
            }
        }
    }
}

impl Backward for Back {
    fn backward(mut self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let (_, steps, hidden) = self.pass.size()?;
        let states = self.pass.states_before()?;
        let mut d_gates = std::mem::take(&mut self.gates);
        let mut by_state = vec![0f32; d_gates.len()];
        slice(&self.pass.weight_hh, |w| {
            slice(gradient, |g| {
                let w = Matrix::new(w, 3 * hidden, hidden);
                let image = steps * hidden;
                d_gates
                    .par_chunks_mut(CHUNK * 3 * image)
                    .zip(by_state.par_chunks_mut(CHUNK * 3 * image))
                    .zip(self.shares.par_chunks(CHUNK * image))
                    .zip(states.par_chunks(CHUNK * image))
                    .zip(g.par_chunks(CHUNK * image))
                    .for_each(|((((gates, by_state), shares), states), gradient)| {
                        let chunk = ChunkBack {
                            gates,
                            by_state,
                            shares,
                            states,
                            gradient,
                        };
                        self.run(w, (steps, hidden), chunk);
                    });
                Ok(())
            })
        })?;
        let biases = [&d_gates, &by_state].map(|sums| column_sums(sums, 3 * hidden));
        self.pass
            .gradients((&d_gates, &by_state), &states, biases, input)
    }
}
