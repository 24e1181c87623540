//! One pass over a parameter that moves it along its gradient.

use crate::run;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, bail};
use rayon::prelude::*;
use std::sync::Mutex;

pub const BETA1: f64 = 0.9;
pub const BETA2: f64 = 0.999;
pub const EPS: f64 = 1e-8;
/// Numbers a task updates.
const CHUNK: usize = 1 << 16;

/// The constants of one step.
#[derive(Clone, Copy)]
pub enum Rule {
    Sgd {
        lr: f32,
        momentum: f32,
        nesterov: bool,
        /// Added to the gradient, times the weight.
        decay: f32,
    },
    Adam {
        /// lr / (1 − β₁ᵗ).
        size: f32,
        /// √(1 − β₂ᵗ).
        correction: f32,
        decay: f32,
        /// What the weight is multiplied by first: 1 − lr · decay for AdamW (Loshchilov and Hutter 2019), else 1.
        shrink: f32,
    },
}

impl Rule {
    /// Step `step`, from 1; `decays` where weight decay takes this parameter.
    pub fn new(kind: &run::Optimizer, step: u64, lr: f64, decays: bool) -> Rule {
        let weight_decay = if decays { kind.weight_decay() } else { 0.0 };
        let adam = |decay: f64, shrink: f64| {
            // Beyond 2³¹ steps both corrections are 1 in any case.
            let t = i32::try_from(step).unwrap_or(i32::MAX);
            Rule::Adam {
                size: (lr / (1.0 - BETA1.powi(t))) as f32,
                correction: (1.0 - BETA2.powi(t)).sqrt() as f32,
                decay: decay as f32,
                shrink: shrink as f32,
            }
        };
        match *kind {
            run::Optimizer::Sgd {
                momentum, nesterov, ..
            } => Rule::Sgd {
                lr: lr as f32,
                momentum: momentum as f32,
                nesterov,
                decay: weight_decay as f32,
            },
            run::Optimizer::Adam { .. } => adam(weight_decay, 1.0),
            run::Optimizer::AdamW { .. } => adam(0.0, 1.0 - lr * weight_decay),
        }
    }

    /// One pass over a part of a parameter, its gradient times `scale`.
    fn apply(
        self,
        scale: f32,
        weights: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        match self {
            Rule::Sgd {
                lr,
                momentum,
                nesterov,
                decay,
            } => {
                if first.is_empty() {
                    for (w, &g) in weights.iter_mut().zip(gradient) {
                        *w -= lr * (scale * g + decay * *w);
                    }
                    return;
                }
                for ((w, &g), buffer) in weights.iter_mut().zip(gradient).zip(first) {
                    let g = scale * g + decay * *w;
                    *buffer = momentum * *buffer + g;
                    let direction = if nesterov {
                        g + momentum * *buffer
                    } else {
                        *buffer
                    };
                    *w -= lr * direction;
                }
            }
            Rule::Adam {
                size,
                correction,
                decay,
                shrink,
            } => {
                let (beta2, eps) = (BETA2 as f32, EPS as f32);
                let (rest1, rest2) = ((1.0 - BETA1) as f32, (1.0 - BETA2) as f32);
                for (((w, &g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                    let g = scale * g + decay * *w;
                    *m += (g - *m) * rest1;
                    *v = beta2 * *v + rest2 * g * g;
                    *w = *w * shrink - size * (*m / (v.sqrt() / correction + eps));
                }
            }
        }
    }
}

/// A parameter's update in place.
pub(super) struct Update<'a> {
    pub rule: Rule,
    /// What the gradient is multiplied with first: 1 but for clipping.
    pub scale: f32,
    pub state: Mutex<(&'a mut [f32], &'a mut [f32])>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "optimizer step"
    }

    fn cpu_fwd(
        &self,
        weights: &mut CpuStorage,
        layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<()> {
        let (Some((start, end)), Some((g_start, g_end)), CpuStorage::F32(weights)) = (
            layout.contiguous_offsets(),
            gradient_layout.contiguous_offsets(),
            weights,
        ) else {
            bail!("parameters and gradients are contiguous float32 tensors")
        };
        let weights = &mut weights[start..end];
        let gradient = &gradient.as_slice::<f32>()?[g_start..g_end];
        if weights.len() != gradient.len() {
            bail!(
                "a gradient of {} numbers for a parameter of {}",
                gradient.len(),
                weights.len()
            );
        }
        let mut state = self
            .state
            .lock()
            .map_err(|_| candle_core::Error::Msg("the optimizer's state is lost".to_owned()))?;
        let (first, second) = &mut *state;
        let tasks = weights.len().div_ceil(CHUNK);
        weights
            .par_chunks_mut(CHUNK)
            .zip(gradient.par_chunks(CHUNK))
            .zip(parts(first, tasks))
            .zip(parts(second, tasks))
            .for_each(|(((w, g), first), second)| self.rule.apply(self.scale, w, g, first, second));
        Ok(())
    }
}

/// The state's chunks, or as many empty ones.
fn parts(numbers: &mut [f32], tasks: usize) -> Vec<&mut [f32]> {
    if numbers.is_empty() {
        (0..tasks).map(|_| [].as_mut_slice()).collect()
    } else {
        numbers.chunks_mut(CHUNK).collect()
    }
}
