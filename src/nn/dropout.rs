//! Dropout from a counter-based stream.

use super::{Backward, Gradients, Mode, Operation, Stream, from_vec, slice};
use candle_core::{Result, Tensor};

/// Zeroes each number with probability `p` in training and scales the others by 1 / (1 − p) (Srivastava et al. 2014).
pub struct Dropout {
    pub p: f64,
    /// The layer's; the step is set by the pass.
    pub stream: Stream,
}

impl Dropout {
    /// A random number below this drops its element.
    pub(super) fn threshold(&self) -> u64 {
        (self.p * 4_294_967_296.0) as u64
    }

    /// What a kept element is multiplied by; with p = 1 nothing is kept.
    pub(super) fn scale(&self) -> f32 {
        if self.p < 1.0 {
            (1.0 / (1.0 - self.p)) as f32
        } else {
            0.0
        }
    }

    fn apply(&self, input: &Tensor, step: u64) -> Result<Tensor> {
        let (stream, threshold, scale) = (self.stream.at(step), self.threshold(), self.scale());
        let mut output = slice(input, |x| Ok(x.to_vec()))?;
        for (block, four) in output.chunks_mut(4).enumerate() {
            for (x, number) in four.iter_mut().zip(stream.block(block as u64)) {
                *x = if u64::from(number) < threshold {
                    0.0
                } else {
                    *x * scale
                };
            }
        }
        from_vec(output, input.shape())
    }
}

impl Operation for Dropout {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let Mode::Train { step } = mode else {
            return Ok((input.clone(), None));
        };
        let back = Back {
            dropout: Dropout {
                p: self.p,
                stream: self.stream,
            },
            step,
        };
        Ok((self.apply(input, step)?, Some(Box::new(back))))
    }
}

struct Back {
    dropout: Dropout,
    step: u64,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        // The mask is drawn again rather than kept.
        let input = self.dropout.apply(gradient, self.step)?;
        Ok(Gradients::of_input(Some(input)))
    }
}
