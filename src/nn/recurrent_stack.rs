//! Recurrent layers upon each other, in one direction or both.

use super::{Backward, Gradients, Mode, Operation};
use candle_core::{Result, Tensor, bail};

/// (N, T, F) to (N, T, H · directions), as PyTorch's `LSTM` and `GRU` with `batch_first`.
pub struct RecurrentStack {
    /// Each layer's directions, forward first: an [`Lstm`](super::Lstm) or a [`Gru`](super::Gru) each.
    pub layers: Vec<Vec<Box<dyn Operation>>>,
}

impl Operation for RecurrentStack {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let mut x = input.clone();
        let mut back = Vec::new();
        for directions in &self.layers {
            let mut outputs = Vec::new();
            let mut ways = Vec::new();
            for direction in directions {
                let (y, way) = direction.forward(&x, mode)?;
                outputs.push(y);
                ways.extend(way);
            }
            back.push(ways);
            x = Tensor::cat(&outputs, 2)?.contiguous()?;
        }
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back(back))),
            Mode::Eval => None,
        };
        Ok((x, back))
    }
}

struct Back(Vec<Vec<Box<dyn Backward>>>);

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let mut gradient = Some(gradient.clone());
        // Of each layer, the last one first.
        let mut parameters = Vec::new();
        for (number, ways) in self.0.into_iter().enumerate().rev() {
            let Some(whole) = gradient.take() else {
                bail!("a recurrent layer gave no gradient to the one below it")
            };
            let hidden = whole.dim(2)? / ways.len().max(1);
            let mut of_layer = Vec::new();
            for (i, way) in ways.into_iter().enumerate() {
                let part = whole.narrow(2, i * hidden, hidden)?.contiguous()?;
                let part = way.backward(&part, input || number > 0)?;
                of_layer.extend(part.parameters);
                gradient = match (gradient, part.input) {
                    (Some(sum), Some(more)) => Some((sum + more)?),
                    (sum, more) => sum.or(more),
                };
            }
            parameters.push(of_layer);
        }
        Ok(Gradients {
            input: gradient,
            parameters: parameters.into_iter().rev().flatten().collect(),
        })
    }
}
