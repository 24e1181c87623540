//! Layers that only arrange numbers anew.

use super::{Backward, Gradients, Mode, Operation};
use candle_core::{Result, Shape, Tensor};

/// (N, …) to (N, F).
pub struct Flatten;

/// (N, F) to (N, 1, F): a sequence of length one.
pub struct One;

/// (N, C, H, W) to (N, W, C · H): the image's columns from left to right.
pub struct Columns;

/// (N, T, F) to (N, F): the last step's features.
pub struct LastStep;

type Result2 = Result<(Tensor, Option<Box<dyn Backward>>)>;

fn with(output: Tensor, mode: Mode, back: impl Backward + 'static) -> Result2 {
    let back: Option<Box<dyn Backward>> = match mode {
        Mode::Train { .. } => Some(Box::new(back)),
        Mode::Eval => None,
    };
    Ok((output, back))
}

impl Operation for Flatten {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result2 {
        with(
            input.flatten_from(1)?,
            mode,
            Reshaped(input.shape().clone()),
        )
    }
}

impl Operation for One {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result2 {
        with(input.unsqueeze(1)?, mode, Reshaped(input.shape().clone()))
    }
}

impl Operation for Columns {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result2 {
        let (n, c, h, w) = input.dims4()?;
        let columns = input
            .permute((0, 3, 1, 2))?
            .contiguous()?
            .reshape((n, w, c * h))?;
        with(columns, mode, FromColumns { c, h })
    }
}

impl Operation for LastStep {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result2 {
        let steps = input.dim(1)?;
        let last = input.narrow(1, steps - 1, 1)?.squeeze(1)?.contiguous()?;
        with(last, mode, FromLast { steps })
    }
}

struct Reshaped(Shape);

impl Backward for Reshaped {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        Ok(Gradients::of_input(Some(gradient.reshape(self.0)?)))
    }
}

struct FromColumns {
    c: usize,
    h: usize,
}

impl Backward for FromColumns {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let (n, w, _) = gradient.dims3()?;
        let input = gradient
            .reshape((n, w, self.c, self.h))?
            .permute((0, 2, 3, 1))?
            .contiguous()?;
        Ok(Gradients::of_input(Some(input)))
    }
}

struct FromLast {
    steps: usize,
}

impl Backward for FromLast {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let input = gradient
            .unsqueeze(1)?
            .pad_with_zeros(1, self.steps - 1, 0)?
            .contiguous()?;
        Ok(Gradients::of_input(Some(input)))
    }
}
