//! SGD, Adam and AdamW, equal to PyTorch's step for step.

mod norm;
mod rule;

use super::{from_vec, values};
use crate::run;
use candle_core::{DType, Device, Result, Tensor, Var, bail};
use rule::{Rule, Update};
use std::collections::HashMap;
use std::sync::Mutex;

/// An optimizer with its state for an ordered list of parameters.
pub struct Optimizer {
    kind: run::Optimizer,
    /// See [`Optimizer::clipping`].
    clip_norm: f64,
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
            clip_norm: 0.0,
            step: 0,
            slots,
        }
    }

    /// Scales a step's gradients down to this norm over all parameters together where they are longer, as PyTorch's
    /// `clip_grad_norm_` (Pascanu, Mikolov and Bengio 2013); 0: never.
    pub fn clipping(self, clip_norm: f64) -> Optimizer {
        Optimizer { clip_norm, ..self }
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
        let scale = if self.clip_norm > 0.0 {
            norm::scale(gradients, self.clip_norm)?
        } else {
            1.0
        };
        self.step += 1;
        for ((slot, var), gradient) in self.slots.iter_mut().zip(parameters).zip(gradients) {
            let decays = self.kind.decay().takes(&slot.shape);
            let update = Update {
                rule: Rule::new(&self.kind, self.step, lr, decays),
                scale,
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
            decay: run::Decay::All,
        };
        vec![
            sgd(0.0, false),
            sgd(0.9, false),
            sgd(0.9, true),
            Adam {
                lr: 0.01,
                weight_decay: 0.01,
                decay: run::Decay::All,
            },
            AdamW {
                lr: 0.01,
                weight_decay: 0.1,
                decay: run::Decay::Weights,
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
