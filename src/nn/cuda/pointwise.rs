//! ReLU, GELU and dropout alone.

use super::On;
use super::launch::{Launch, floats};
use super::tail::Draw;
use crate::nn::{Backward, Dropout, Gelu, Gradients, Mode, Operation, Relu};
use candle_core::{Result, Tensor};

type Output = Result<(Tensor, Option<Box<dyn Backward>>)>;

/// `kernel` of each number.
fn each(kernel: &'static str, x: &Tensor) -> Result<Tensor> {
    let y = floats(x.shape(), x.device())?;
    let n = x.elem_count();
    Launch::each(kernel, n).read(x).write(&y).int(n).run()?;
    Ok(y)
}

/// `kernel` of each two numbers.
pub(super) fn each_two(kernel: &'static str, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let y = floats(a.shape(), a.device())?;
    let n = a.elem_count();
    Launch::each(kernel, n)
        .read(a)
        .read(b)
        .write(&y)
        .int(n)
        .run()?;
    Ok(y)
}

/// A way back that needs one tensor beside the gradient.
struct Back {
    kernel: &'static str,
    kept: Tensor,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let input = each_two(self.kernel, gradient, &self.kept)?;
        Ok(Gradients::of_input(Some(input)))
    }
}

fn with(output: Tensor, mode: Mode, back: impl FnOnce() -> Box<dyn Backward>) -> Output {
    Ok((output, matches!(mode, Mode::Train { .. }).then(back)))
}

impl Operation for On<Relu> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Output {
        let output = each("relu", input)?;
        let kept = output.clone();
        with(output, mode, || {
            Box::new(Back {
                kernel: "relu_back",
                kept,
            })
        })
    }
}

impl Operation for On<Gelu> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Output {
        let kept = input.clone();
        with(each("gelu", input)?, mode, || {
            Box::new(Back {
                kernel: "gelu_back",
                kept,
            })
        })
    }
}

/// `x` with some numbers dropped and the rest scaled, as the stream of this step says.
fn drop_some(dropout: &Dropout, x: &Tensor, step: u64) -> Result<Tensor> {
    let y = floats(x.shape(), x.device())?;
    let n = x.elem_count();
    let launch = Launch::each("dropout", n.div_ceil(4))
        .read(x)
        .write(&y)
        .int(n);
    let draw = Draw::new(Some((dropout, dropout.stream.at(step))));
    draw.give(launch).run()?;
    Ok(y)
}

impl Operation for On<Dropout> {
    fn forward(&self, input: &Tensor, mode: Mode) -> Output {
        let Mode::Train { step } = mode else {
            return Ok((input.clone(), None));
        };
        let Dropout { p, stream } = self.0;
        let back = DropoutBack {
            dropout: Dropout { p, stream },
            step,
        };
        Ok((drop_some(&self.0, input, step)?, Some(Box::new(back))))
    }
}

struct DropoutBack {
    dropout: Dropout,
    step: u64,
}

impl Backward for DropoutBack {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        // The mask is drawn again rather than kept.
        let input = drop_some(&self.dropout, gradient, self.step)?;
        Ok(Gradients::of_input(Some(input)))
    }
}
