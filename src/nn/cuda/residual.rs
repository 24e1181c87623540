//! Residual blocks.

use super::On;
use super::pointwise::each_two;
use crate::nn::{Backward, Gradients, Mode, Operation, Residual, chain};
use candle_core::{Result, Tensor, bail};

/// `kernel` of each two numbers of tensors that are alike.
fn combine(kernel: &'static str, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() != b.dims() {
        bail!("a residual block adds {:?} and {:?}", a.dims(), b.dims());
    }
    each_two(kernel, a, b)
}

impl Operation for On<Residual> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let of = |operations: &[Box<dyn Operation>]| {
            chain::forward(operations.iter().map(AsRef::as_ref), input, mode)
        };
        let (added, body) = of(&self.0.body)?;
        let (kept, shortcut) = of(&self.0.shortcut)?;
        let kernel = if self.0.relu { "add_relu" } else { "add" };
        let sum = combine(kernel, &added, &kept)?;
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                body,
                shortcut,
                output: self.0.relu.then(|| sum.clone()),
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
            Some(output) => combine("relu_back", gradient, output)?,
            None => gradient.clone(),
        };
        let body = chain::backward(self.body, &by_sum, 0, input)?;
        let shortcut = chain::backward(self.shortcut, &by_sum, 0, input)?;
        let input = match (body.input, shortcut.input) {
            (Some(a), Some(b)) => Some(combine("add", &a, &b)?),
            _ => None,
        };
        Ok(Gradients {
            input,
            parameters: [body.parameters, shortcut.parameters].concat(),
        })
    }
}
