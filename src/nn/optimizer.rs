//! SGD, Adam and AdamW, equal to PyTorch's step for step.

use super::{from_vec, values};
use crate::run;
use candle_core::{CpuStorage, DType, Device, InplaceOp2, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Mutex;

/// An optimizer with its state for an ordered list of parameters.
pub struct Optimizer {
    kind: run::Optimizer,
    /// Steps taken.
    step: u64,
    slots: Vec<Slot>,
}

/// One parameter's running sums.
struct Slot {
    name: String,
    shape: Vec<usize>,
    /// SGD's momentum buffer or Adam's first moment; empty where the optimizer keeps none.
    first: Vec<f32>,
    /// Adam's second moment; empty for SGD.
    second: Vec<f32>,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;
/// Numbers a task updates.
const CHUNK: usize = 1 << 16;

impl Optimizer {
    /// A fresh state for these parameters, (name, variable).
    pub fn new<'a>(
        kind: &run::Optimizer,
        parameters: impl IntoIterator<Item = (&'a str, &'a Var)>,
    ) -> Optimizer {
        let (has_first, has_second) = match kind {
            run::Optimizer::Sgd { momentum, .. } => (*momentum != 0.0, false),
            run::Optimizer::Adam { .. } | run::Optimizer::AdamW { .. } => (true, true),
        };
        let slots = parameters
            .into_iter()
            .map(|(name, var)| {
                let zeros = |has: bool| vec![0f32; if has { var.elem_count() } else { 0 }];
                Slot {
                    name: name.to_owned(),
                    shape: var.dims().to_vec(),
                    first: zeros(has_first),
                    second: zeros(has_second),
                }
            })
            .collect();
        Optimizer {
            kind: kind.clone(),
            step: 0,
            slots,
        }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Moves each parameter along its gradient; both lists are in the order of [`Optimizer::new`].
    pub fn step<'a>(
        &mut self,
        parameters: impl IntoIterator<Item = &'a Var>,
        gradients: &[Tensor],
        lr: f64,
    ) -> Result<()> {
        if gradients.len() != self.slots.len() {
            bail!(
                "{} gradients for {} parameters",
                gradients.len(),
                self.slots.len()
            );
        }
        self.step += 1;
        let rule = Rule::new(&self.kind, self.step, lr);
        for ((slot, var), gradient) in self.slots.iter_mut().zip(parameters).zip(gradients) {
            let update = Update {
                rule,
                state: Mutex::new((&mut slot.first, &mut slot.second)),
            };
            var.inplace_op2(gradient, &update)?;
        }
        Ok(())
    }

    /// The state by name for a checkpoint: `step`, and `momentum.…`, or `exp_avg.…` and `exp_avg_sq.…`, with the parameters' names.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let step = Tensor::from_vec(vec![self.step as i64], 1, &Device::Cpu)?;
        let mut state = vec![("step".to_owned(), step)];
        for slot in &self.slots {
            for (prefix, numbers) in self.prefixes().into_iter().zip([&slot.first, &slot.second]) {
                if !numbers.is_empty() {
                    let tensor = from_vec(numbers.clone(), slot.shape.as_slice())?;
                    state.push((format!("{prefix}.{}", slot.name), tensor));
                }
            }
        }
        Ok(state)
    }

    /// Takes what [`Optimizer::state`] gave; a missing or misshapen tensor is an error that names it.
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let find = |name: &str| match state.get(name) {
            Some(tensor) => Ok(tensor),
            None => bail!("the optimizer's state lacks '{name}'"),
        };
        let step = find("step")?.to_dtype(DType::I64)?.flatten_all()?;
        let step = u64::try_from(step.get(0)?.to_scalar::<i64>()?);
        let prefixes = self.prefixes();
        let mut loaded = Vec::new();
        for slot in &self.slots {
            for (prefix, numbers) in prefixes.into_iter().zip([&slot.first, &slot.second]) {
                if numbers.is_empty() {
                    loaded.push(Vec::new());
                    continue;
                }
                let name = format!("{prefix}.{}", slot.name);
                let tensor = find(&name)?;
                if tensor.dims() != slot.shape {
                    bail!(
                        "'{name}' in the optimizer's state has the shape {:?}, the parameter {:?}",
                        tensor.dims(),
                        slot.shape
                    );
                }
                loaded.push(values(&tensor.to_dtype(DType::F32)?)?);
            }
        }
        // Only now that everything fits is anything changed.
        self.step = step.map_err(candle_core::Error::wrap)?;
        let mut loaded = loaded.into_iter();
        for slot in &mut self.slots {
            slot.first = loaded.next().unwrap_or_default();
            slot.second = loaded.next().unwrap_or_default();
        }
        Ok(())
    }

    fn prefixes(&self) -> [&'static str; 2] {
        match self.kind {
            run::Optimizer::Sgd { .. } => ["momentum", ""],
            run::Optimizer::Adam { .. } | run::Optimizer::AdamW { .. } => ["exp_avg", "exp_avg_sq"],
        }
    }
}

/// The constants of one step.
#[derive(Clone, Copy)]
enum Rule {
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
    fn new(kind: &run::Optimizer, step: u64, lr: f64) -> Rule {
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
                momentum,
                nesterov,
                weight_decay,
                ..
            } => Rule::Sgd {
                lr: lr as f32,
                momentum: momentum as f32,
                nesterov,
                decay: weight_decay as f32,
            },
            run::Optimizer::Adam { weight_decay, .. } => adam(weight_decay, 1.0),
            run::Optimizer::AdamW { weight_decay, .. } => adam(0.0, 1.0 - lr * weight_decay),
        }
    }

    /// One pass over a part of a parameter.
    fn apply(self, weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        match self {
            Rule::Sgd {
                lr,
                momentum,
                nesterov,
                decay,
            } => {
                if first.is_empty() {
                    for (w, &g) in weights.iter_mut().zip(gradient) {
                        *w -= lr * (g + decay * *w);
                    }
                    return;
                }
                for ((w, &g), buffer) in weights.iter_mut().zip(gradient).zip(first) {
                    let g = g + decay * *w;
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
                    let g = g + decay * *w;
                    *m += (g - *m) * rest1;
                    *v = beta2 * *v + rest2 * g * g;
                    *w = *w * shrink - size * (*m / (v.sqrt() / correction + eps));
                }
            }
        }
    }
}

/// A parameter's update in place.
struct Update<'a> {
    rule: Rule,
    state: Mutex<(&'a mut Vec<f32>, &'a mut Vec<f32>)>,
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
            .for_each(|(((w, g), first), second)| self.rule.apply(w, g, first, second));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::slice;

    fn walk(kind: &run::Optimizer, steps: usize, resume_at: Option<usize>) -> Vec<f32> {
        let var = Var::from_vec(vec![0.5f32, -1.0, 2.0], 3, &Device::Cpu).unwrap();
        let mut optimizer = Optimizer::new(kind, [("w", &var)]);
        for step in 0..steps {
            if resume_at == Some(step) {
                let state = optimizer.state().unwrap().into_iter().collect();
                optimizer = Optimizer::new(kind, [("w", &var)]);
                optimizer.load_state(&state).unwrap();
            }
            let gradient: Vec<f32> = (0..3)
                .map(|i| ((step * 3 + i) as f32 * 0.7).sin())
                .collect();
            let gradient = from_vec(gradient, 3).unwrap();
            optimizer.step([&var], &[gradient], kind.lr()).unwrap();
        }
        slice(&var, |w| Ok(w.to_vec())).unwrap()
    }

    fn kinds() -> Vec<run::Optimizer> {
        use run::Optimizer::{Adam, AdamW, Sgd};
        let sgd = |momentum, nesterov| Sgd {
            lr: 0.1,
            momentum,
            nesterov,
            weight_decay: 0.01,
        };
        vec![
            sgd(0.0, false),
            sgd(0.9, false),
            sgd(0.9, true),
            Adam {
                lr: 0.01,
                weight_decay: 0.01,
            },
            AdamW {
                lr: 0.01,
                weight_decay: 0.1,
            },
        ]
    }

    #[test]
    fn an_optimizer_that_was_saved_and_loaded_goes_on_to_the_bit() {
        for kind in kinds() {
            assert_eq!(walk(&kind, 7, None), walk(&kind, 7, Some(4)), "{kind:?}");
        }
    }

    #[test]
    fn a_state_that_lacks_a_tensor_is_refused_by_its_name() {
        let var = Var::from_vec(vec![0f32; 3], 3, &Device::Cpu).unwrap();
        let mut optimizer = Optimizer::new(&kinds()[3], [("layer1.0.weight", &var)]);
        let mut state: HashMap<_, _> = optimizer.state().unwrap().into_iter().collect();
        state.remove("exp_avg_sq.layer1.0.weight");
        let error = optimizer.load_state(&state).unwrap_err().to_string();
        assert!(error.contains("exp_avg_sq.layer1.0.weight"), "{error}");
    }
}
