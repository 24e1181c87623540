//! Residual blocks: what comes in, added to what the block's operations make of it.

use super::{Backward, Gradients, Mode, Operation, chain, from_vec, slice};
use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

/// body(x) + shortcut(x), with a ReLU after it or not (He et al. 2016).
///
/// Body and shortcut give the same shape, in blocks of sixteen channels or not.
pub struct Residual {
    pub body: Vec<Box<dyn Operation>>,
    /// Empty: the input itself.
    pub shortcut: Vec<Box<dyn Operation>>,
    /// max(sum, 0); its gradient at zero is zero.
    pub relu: bool,
}

/// Numbers that one task works on.
const PART: usize = 1 << 14;

/// `f` of each two numbers, in parallel.
fn combine(a: &Tensor, b: &Tensor, f: impl Fn(f32, f32) -> f32 + Sync) -> Result<Tensor> {
    if a.dims() != b.dims() {
        bail!("a residual block adds {:?} and {:?}", a.dims(), b.dims());
    }
    let mut result = vec![0f32; a.elem_count()];
    slice(a, |a| {
        slice(b, |b| {
            result
                .par_chunks_mut(PART)
                .zip(a.par_chunks(PART))
                .zip(b.par_chunks(PART))
                .for_each(|((result, a), b)| {
                    for ((result, &a), &b) in result.iter_mut().zip(a).zip(b) {
                        *result = f(a, b);
                    }
                });
            Ok(())
        })
    })?;
    from_vec(result, a.shape())
}

impl Operation for Residual {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let of = |operations: &[Box<dyn Operation>]| {
            chain::forward(operations.iter().map(AsRef::as_ref), input, mode)
        };
        let (added, body) = of(&self.body)?;
        let (kept, shortcut) = of(&self.shortcut)?;
        let sum = if self.relu {
            // NaN is not at most zero, so it passes and will be noticed.
            combine(&added, &kept, |a, b| if a + b <= 0.0 { 0.0 } else { a + b })?
        } else {
            combine(&added, &kept, |a, b| a + b)?
        };
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                body,
                shortcut,
                output: self.relu.then(|| sum.clone()),
            })),
            Mode::Eval => None,
        };
        Ok((sum, back))
    }
}

struct Back {
    body: Vec<Box<dyn Backward>>,
    shortcut: Vec<Box<dyn Backward>>,
    /// What the ReLU gave, where there is one.
    output: Option<Tensor>,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let by_sum = match &self.output {
            Some(output) => combine(gradient, output, |g, y| if y == 0.0 { 0.0 } else { g })?,
            None => gradient.clone(),
        };
        let body = chain::backward(self.body, &by_sum, 0, input)?;
        let shortcut = chain::backward(self.shortcut, &by_sum, 0, input)?;
        let input = match (body.input, shortcut.input) {
            (Some(a), Some(b)) => Some(combine(&a, &b, |a, b| a + b)?),
            _ => None,
        };
        Ok(Gradients {
            input,
            parameters: [body.parameters, shortcut.parameters].concat(),
        })
    }
}
