//! An optimizer's step, the clipping before it, and the moving average after it.

use super::launch::{Launch, empty, floats};
use crate::nn::optimizer::{BETA1, BETA2, EPS, Rule};
use candle_core::{DType, Result, Tensor, Var, bail};

/// Numbers whose squares one block adds up.
const CHUNK: usize = 1 << 14;

/// What a step's gradients are multiplied with first, one number on the card.
pub struct Scale(Tensor);

impl Scale {
    /// What makes these gradients together no longer than `most`, as [`crate::nn::Optimizer::clipping`]; 1 where that is 0.
    pub fn new(gradients: &[Tensor], most: f64) -> Result<Scale> {
        let Some(device) = gradients.first().map(Tensor::device) else {
            bail!("an optimizer without gradients")
        };
        if most <= 0.0 {
            return Ok(Scale(Tensor::ones(1, DType::F32, device)?));
        }
        let blocks = |gradient: &Tensor| gradient.elem_count().div_ceil(CHUNK);
        let all = gradients.iter().map(blocks).sum();
        let parts = empty(all, DType::F64, device)?;
        let mut first = 0;
        for gradient in gradients {
            Launch::blocks("square_parts", blocks(gradient), 1)
                .read(gradient)
                .write(&parts)
                .ints([gradient.elem_count(), CHUNK, first])
                .run()?;
            first += blocks(gradient);
        }
        let scale = floats(1, device)?;
        Launch::blocks("clip_scale", 1, 1)
            .read(&parts)
            .write(&scale)
            .int(all)
            .double(most)
            .run()?;
        Ok(Scale(scale))
    }
}

/// Moves a parameter along its gradient, and the first and second moment with it.
pub fn step(
    rule: Rule,
    scale: &Scale,
    weights: &Var,
    gradient: &Tensor,
    moments: (Option<&Tensor>, Option<&Tensor>),
) -> Result<()> {
    let n = weights.elem_count();
    let gradient = gradient.contiguous()?;
    if gradient.elem_count() != n {
        bail!(
            "a gradient of {} numbers for a parameter of {n}",
            gradient.elem_count()
        );
    }
    let launch = |kernel| {
        Launch::each(kernel, n)
            .write(weights)
            .read(&gradient)
            .read(&scale.0)
    };
    match (rule, moments) {
        (Rule::Sgd { lr, decay, .. }, (None, None)) => {
            launch("sgd").int(n).float(lr).float(decay).run()
        }
        (
            Rule::Sgd {
                lr,
                momentum,
                nesterov,
                decay,
            },
            (Some(buffer), None),
        ) => launch("sgd_momentum")
            .write(buffer)
            .int(n)
            .float(lr)
            .float(momentum)
            .int(usize::from(nesterov))
            .float(decay)
            .run(),
        (
            Rule::Adam {
                size,
                correction,
                decay,
                shrink,
            },
            (Some(first), Some(second)),
        ) => {
            let numbers = [size, correction, decay, shrink];
            let constants = [1.0 - BETA1, BETA2, 1.0 - BETA2, EPS].map(|x| x as f32);
            let launch = launch("adam").write(first).write(second).int(n);
            let all = numbers.into_iter().chain(constants);
            all.fold(launch, Launch::float).run()
        }
        _ => bail!("the optimizer's state is not that of its kind"),
    }
}

/// Moves `average` by `share` of the way to `target`, in place.
pub fn follow(average: &Var, target: &Tensor, share: f32) -> Result<()> {
    let n = average.elem_count();
    if target.elem_count() != n {
        bail!(
            "an average of {n} numbers cannot follow {}",
            target.elem_count()
        );
    }
    Launch::each("follow", n)
        .write(average)
        .read(target)
        .int(n)
        .float(share)
        .run()
}
