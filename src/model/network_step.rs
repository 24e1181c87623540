//! A network's training step.

use super::Network;
use crate::nn::{Backward, Mode, Optimizer, Targets, chain, values};
use candle_core::{Result, Tensor};

/// What a training step saw, measured before its update.
#[derive(Clone, Debug, PartialEq)]
pub struct StepResult {
    /// Plain cross-entropy in nats, summed over the batch, whatever is minimised.
    pub loss_sum: f64,
    /// Images classified right.
    pub correct: u32,
    /// At the optimizer's very first step: parameters whose gradient is zero or not finite.
    pub findings: Vec<GradientFinding>,
}

/// A parameter that the first step does not move as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GradientFinding {
    /// The parameter's name.
    pub parameter: String,
    /// True where the model itself makes the gradient zero; false where something may be wrong.
    pub by_structure: bool,
    /// What is the matter, in words.
    pub reason: String,
}

/// Why a step could not be done.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The loss is NaN or infinite; nothing was updated.
    #[error("the loss is {loss}: {place}")]
    Diverged {
        loss: f64,
        /// The first layer with a number that is not finite, in words.
        place: String,
    },
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Network {
    /// Forward, backward and update for one batch: images (N, C, H, W), a label each.
    ///
    /// Of mixed images the loss is that of both classes by their shares, and the class with the greater share is the right
    /// one. `step` numbers the run's steps and picks the dropout masks. A loss that is not finite is [`StepError::Diverged`].
    pub fn step(
        &self,
        images: &Tensor,
        targets: impl Into<Targets>,
        step: u64,
        optimizer: &mut Optimizer,
        lr: f64,
    ) -> std::result::Result<StepResult, StepError> {
        let mode = Mode::Train { step };
        let targets = targets.into();
        let greater = targets.greater();
        let (logits, back) = self.walk(images, mode)?;
        let result = self.objective.by(self.core, &logits, targets)?;
        let loss = result.objective;
        if !loss.is_finite() {
            drop(back);
            let place = self.first_not_finite(images, mode)?;
            return Err(StepError::Diverged { loss, place });
        }
        let gradients = self.backward(back, &result.gradient)?;
        let findings = if optimizer.steps() == 0 {
            self.findings(&gradients)?
        } else {
            Vec::new()
        };
        let vars = self.parameters.iter().map(|p| &p.var);
        optimizer.step(vars, &gradients, lr)?;
        Ok(StepResult {
            loss_sum: result.loss_sum(),
            correct: result.correct(&greater),
            findings,
        })
    }

    /// The objective's value for a batch in training mode and its gradients, in the order of [`Network::parameters`].
    pub fn gradients(
        &self,
        images: &Tensor,
        labels: &[u32],
        step: u64,
    ) -> Result<(f64, Vec<Tensor>)> {
        let (logits, back) = self.walk(images, Mode::Train { step })?;
        let result = self.objective.by(self.core, &logits, labels.into())?;
        Ok((result.objective, self.backward(back, &result.gradient)?))
    }

    /// Walks back through the layers; the images themselves get no gradient.
    fn backward(&self, back: Vec<Box<dyn Backward>>, gradient: &Tensor) -> Result<Vec<Tensor>> {
        // The first layers that have no parameters have nothing to learn either.
        let first = self.layers.iter().position(|l| !l.tensors.is_empty());
        let first = first.unwrap_or(self.layers.len());
        Ok(chain::backward(back, gradient, first, false)?.parameters)
    }

    /// Parameters whose gradient is zero or not finite, or would be whatever the data; `gradients` in their order.
    pub fn findings(&self, gradients: &[Tensor]) -> Result<Vec<GradientFinding>> {
        let mut findings = Vec::new();
        for (parameter, gradient) in self.parameters.iter().zip(gradients) {
            let numbers = values(gradient)?;
            let zero = numbers.iter().all(|&g| g == 0.0);
            let finite = numbers.iter().all(|g| g.is_finite());
            let reason = match parameter.zero_gradient {
                Some(reason) => reason,
                None if !finite => "its gradient is not finite at the first step",
                None if zero => "its gradient is all zero at the first step: it may never learn",
                None => continue,
            };
            findings.push(GradientFinding {
                parameter: parameter.name.clone(),
                by_structure: parameter.zero_gradient.is_some(),
                reason: reason.to_owned(),
            });
        }
        Ok(findings)
    }

    /// Names the first layer where a number is not finite: in the images, in its weights or in what it computes.
    fn first_not_finite(&self, images: &Tensor, mode: Mode) -> Result<String> {
        let finite = |t: &Tensor| -> Result<bool> { Ok(values(t)?.iter().all(|x| x.is_finite())) };
        if !finite(images)? {
            return Ok("the images hold numbers that are not finite".to_owned());
        }
        let mut x = images.to_device(&self.device)?.contiguous()?;
        for layer in &self.layers {
            for (name, var) in &layer.tensors {
                if !finite(var)? {
                    return Ok(format!("'{name}' holds numbers that are no longer finite"));
                }
            }
            x = layer.operation.forward(&x, mode)?.0;
            if !finite(&x)? {
                let name = &layer.name;
                return Ok(format!("the output of layer '{name}' is not finite"));
            }
        }
        Ok("the logits are finite, but too far apart for the loss".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::network_fixture::{CORES, adam, residual, small};
    use super::*;
    use crate::nn::{Core, from_vec};

    #[test]
    fn small_networks_learn_four_images_by_heart() {
        for (network, images, labels) in CORES
            .into_iter()
            .flat_map(|core| [small(core), residual(core)])
        {
            let mut optimizer = network.optimizer(&adam());
            for step in 0..150 {
                network
                    .step(&images, &labels, step, &mut optimizer, 0.01)
                    .unwrap();
            }
            let scores = network.score(&images, &labels).unwrap();
            assert_eq!(scores.correct, 4);
            assert!(scores.loss_sum < 1.0, "{}", scores.loss_sum);
        }
    }

    #[test]
    fn inside_residual_blocks_too_the_first_step_lists_what_gets_no_gradient() {
        for (network, images, labels) in CORES.map(residual) {
            let mut optimizer = network.optimizer(&adam());
            let first = network
                .step(&images, &labels, 0, &mut optimizer, 0.01)
                .unwrap();
            let names: Vec<_> = first.findings.iter().map(|f| &f.parameter[..]).collect();
            let idle = [
                "4.body.0.bias",
                "4.body.3.bias",
                "4.shortcut.0.bias",
                "8.weight_hh_l1_reverse",
            ];
            assert_eq!(names, idle);
            assert!(first.findings.iter().all(|f| f.by_structure));
        }
    }

    #[test]
    fn the_first_step_lists_the_parameters_that_the_model_gives_no_gradient() {
        let (network, images, labels) = small(Core::Processor);
        let mut optimizer = network.optimizer(&adam());
        let first = network
            .step(&images, &labels, 0, &mut optimizer, 0.01)
            .unwrap();
        let names: Vec<&str> = first
            .findings
            .iter()
            .map(|f| f.parameter.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "0.bias",
                "8.weight_hh_l0",
                "8.weight_hh_l0_reverse",
                "8.weight_hh_l1",
                "8.weight_hh_l1_reverse"
            ]
        );
        assert!(first.findings.iter().all(|f| f.by_structure));
        let second = network
            .step(&images, &labels, 1, &mut optimizer, 0.01)
            .unwrap();
        assert!(second.findings.is_empty());
    }

    #[test]
    fn a_weight_that_is_not_finite_is_named_by_its_layer() {
        for (network, images, labels) in CORES.map(small) {
            let mut tensors: std::collections::HashMap<_, _> =
                network.tensors().unwrap().into_iter().collect();
            let mut weight = values(&tensors["7.weight"]).unwrap();
            weight[5] = f32::NAN;
            tensors.insert(
                "7.weight".to_owned(),
                from_vec(weight, tensors["7.weight"].shape()).unwrap(),
            );
            network.load(&tensors).unwrap();
            let mut optimizer = network.optimizer(&adam());
            let error = network
                .step(&images, &labels, 0, &mut optimizer, 0.01)
                .unwrap_err();
            assert!(matches!(&error, StepError::Diverged { .. }));
            assert!(error.to_string().contains("'7.weight'"), "{error}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_with_one_two_and_four_threads() {
        for case in [small, residual] {
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                pool.install(|| {
                    let (network, images, labels) = case(Core::Processor);
                    let mut optimizer = network.optimizer(&adam());
                    for step in 0..5 {
                        network
                            .step(&images, &labels, step, &mut optimizer, 0.01)
                            .unwrap();
                    }
                    let tensors = network.tensors().unwrap();
                    tensors
                        .iter()
                        .flat_map(|(_, t)| values(t).unwrap())
                        .map(f32::to_bits)
                        .collect::<Vec<_>>()
                })
            };
            let one = run(1);
            assert_eq!(one, run(2));
            assert_eq!(one, run(4));
        }
    }

    #[test]
    fn a_checkpoint_of_another_model_is_refused_by_the_tensor_that_does_not_fit() {
        let (network, ..) = small(Core::Processor);
        let tensors: std::collections::HashMap<_, _> =
            network.tensors().unwrap().into_iter().collect();
        let with = |name: &str, tensor: Option<Tensor>| {
            let mut changed = tensors.clone();
            match tensor {
                Some(tensor) => changed.insert(name.to_owned(), tensor),
                None => changed.remove(name),
            };
            network.load(&changed).unwrap_err().to_string()
        };
        let other = from_vec(vec![0.0; 2], 2).unwrap();
        assert!(with("7.weight", None).contains("7.weight"));
        assert!(with("7.weight", Some(other.clone())).contains("7.weight"));
        assert!(with("99.weight", Some(other)).contains("99.weight"));
        network.load(&tensors).unwrap();
    }
}
