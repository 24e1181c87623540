//! SGD, Adam and AdamW, equal to PyTorch's step for step.

mod moment;
mod norm;
mod rule;

pub(super) use rule::{BETA1, BETA2, EPS, Rule};

use super::{Core, cuda, values};
use crate::run;
use candle_core::{DType, Device, Result, Tensor, Var, bail};
use moment::Moment;
use rule::Update;
use std::collections::HashMap;
use std::sync::Mutex;

/// An optimizer with its state for an ordered list of parameters.
pub struct Optimizer {
    kind: run::Optimizer,
    core: Core,
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
    /// SGD's momentum buffer or Adam's first moment, where the optimizer keeps one.
    first: Moment,
    /// Adam's second moment.
    second: Moment,
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
            .map(|(name, var)| Slot {
                name: name.to_owned(),
                shape: var.dims().to_vec(),
                first: Moment::zero(has_first, var.elem_count()),
                second: Moment::zero(has_second, var.elem_count()),
            })
            .collect();
        Optimizer {
            kind: kind.clone(),
            core: Core::Processor,
            clip_norm: 0.0,
            step: 0,
            slots,
        }
    }

    /// For parameters that one of the two cores trains; the processor's where nothing is said.
    pub(crate) fn by(self, core: Core) -> Optimizer {
        Optimizer { core, ..self }
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
        if self.core == Core::Card {
            return self.step_on_card(parameters, gradients, lr);
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
                state: Mutex::new((slot.first.numbers()?, slot.second.numbers()?)),
            };
            var.inplace_op2(gradient, &update)?;
        }
        Ok(())
    }

    /// As [`Optimizer::step`]; even the gradients' norm stays on the card.
    fn step_on_card<'a>(
        &mut self,
        parameters: impl IntoIterator<Item = &'a Var>,
        gradients: &[Tensor],
        lr: f64,
    ) -> Result<()> {
        let scale = cuda::Scale::new(gradients, self.clip_norm)?;
        self.step += 1;
        for ((slot, var), gradient) in self.slots.iter_mut().zip(parameters).zip(gradients) {
            let decays = self.kind.decay().takes(&slot.shape);
            let rule = Rule::new(&self.kind, self.step, lr, decays);
            let moments = (slot.first.on_card(var)?, slot.second.on_card(var)?);
            cuda::step(rule, &scale, var, gradient, moments)?;
        }
        Ok(())
    }

    /// The state by name for a checkpoint: `step`, and `momentum.…`, or `exp_avg.…` and `exp_avg_sq.…`, with the parameters' names.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let step = Tensor::from_vec(vec![self.step as i64], 1, &Device::Cpu)?;
        let mut state = vec![("step".to_owned(), step)];
        for slot in &self.slots {
            for (prefix, moment) in self.prefixes().into_iter().zip([&slot.first, &slot.second]) {
                if let Some(tensor) = moment.copy(&slot.shape)? {
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
            for (prefix, moment) in prefixes.into_iter().zip([&slot.first, &slot.second]) {
                if moment.is_none() {
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
            for moment in [&mut slot.first, &mut slot.second] {
                moment.load(&mut loaded);
            }
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
    use crate::nn::{from_vec, slice};

    fn walk(core: Core, kind: &run::Optimizer, steps: usize, resume_at: Option<usize>) -> Vec<f32> {
        let var = Var::from_vec(vec![0.5f32, -1.0, 2.0], 3, &Device::Cpu).unwrap();
        let fresh = || Optimizer::new(kind, [("w", &var)]).by(core);
        let mut optimizer = fresh();
        for step in 0..steps {
            if resume_at == Some(step) {
                let state = optimizer.state().unwrap().into_iter().collect();
                optimizer = fresh();
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
            for core in [Core::Processor, Core::Card] {
                let whole = walk(core, &kind, 7, None);
                assert_eq!(whole, walk(core, &kind, 7, Some(4)), "{kind:?}");
            }
        }
    }

    #[test]
    fn a_state_that_lacks_a_tensor_is_refused_by_its_name() {
        let var = Var::from_vec(vec![0f32; 3], 3, &Device::Cpu).unwrap();
        let kind = &kinds()[3];
        let parameters = [("layer1.0.weight", &var)];
        let mut optimizer = Optimizer::new(kind, parameters);
        let mut state: HashMap<_, _> = optimizer.state().unwrap().into_iter().collect();
        state.remove("exp_avg_sq.layer1.0.weight");
        let error = optimizer.load_state(&state).unwrap_err().to_string();
        assert!(error.contains("exp_avg_sq.layer1.0.weight"), "{error}");
    }
}
