//! Operations one after the other, and the way back through them.

use super::{Backward, Gradients, Mode, Operation};
use candle_core::{Result, Tensor, bail};

/// The result of `operations` one after the other, and in training each one's way back.
pub fn forward<'a>(
    operations: impl IntoIterator<Item = &'a dyn Operation>,
    input: &Tensor,
    mode: Mode,
) -> Result<(Tensor, Vec<Box<dyn Backward>>)> {
    let mut x = input.clone();
    let mut ways = Vec::new();
    for operation in operations {
        let (y, way) = operation.forward(&x, mode)?;
        x = y;
        ways.extend(way);
    }
    Ok((x, ways))
}

/// Walks back through `ways`, the last first: the loss's gradients by the parameters in the operations' order, and by
/// the input where `input` asks for it.
///
/// Where it does not, the `idle` first operations, which have no parameters, are left out.
pub fn backward(
    mut ways: Vec<Box<dyn Backward>>,
    gradient: &Tensor,
    idle: usize,
    input: bool,
) -> Result<Gradients> {
    let idle = if input { 0 } else { idle };
    let mut gradient = Some(gradient.clone());
    let mut of_operations = Vec::new();
    while ways.len() > idle {
        let (Some(way), Some(by_result)) = (ways.pop(), gradient.take()) else {
            bail!("an operation gave no gradient to the one before it")
        };
        let gradients = way.backward(&by_result, input || ways.len() > idle)?;
        of_operations.push(gradients.parameters);
        gradient = gradients.input;
    }
    Ok(Gradients {
        input: gradient.filter(|_| input),
        parameters: of_operations.into_iter().rev().flatten().collect(),
    })
}
