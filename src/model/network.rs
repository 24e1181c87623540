//! A network that trains: the layers of a plan with their parameters.

use super::Plan;
use super::network_layers::{Chained, Tensors, chain, first_linear};
use super::plan::zero_gradient;
use crate::nn::{
    Backward, Core, Linear, Mode, Objective, Optimizer, Stream, chain as operations, uniform,
};
use crate::run::{self, Layer};
use candle_core::{DType, Device, Result, Tensor, Var, bail};
use std::collections::HashMap;

/// A trainable tensor with its name in PyTorch.
pub struct Parameter {
    pub name: String,
    pub var: Var,
    /// Why its gradient is zero whatever the data, where the model makes it so.
    pub zero_gradient: Option<&'static str>,
}

/// A chain of layers with parameters, trained by [`Network::step`] and used by [`Network::score`].
///
/// On the processor it works on rayon's current threads: call it inside a pool of the wanted size (`pool.install`). The
/// number of threads changes no bit of any result. On a card a step waits only for its losses: what follows them is done
/// while the caller makes the next batch. Batch norm needs more than one number a channel, so where
/// [`Plan::needs_two_images`] holds, a last training batch of one image must be merged into the one before.
pub struct Network {
    pub(super) layers: Vec<Chained>,
    /// Does the work of the first layers for images as rows.
    pub(super) first_linear: Option<Linear>,
    pub(super) parameters: Vec<Parameter>,
    /// Parameters and running statistics by name, in the plan's order.
    state: Vec<(String, Var)>,
    pub(super) objective: Objective,
    pub(super) core: Core,
    pub(super) device: Device,
}

impl Network {
    /// Initial weights as PyTorch draws them in distribution, each tensor from the stream of `seed` with its name.
    ///
    /// On every device they are the same numbers.
    pub fn new(plan: &Plan, seed: u64, device: &Device) -> Result<Network> {
        Self::by(Core::of(device), plan, seed, device)
    }

    /// As [`Network::new`], its layers done by one of the two cores: tests have the card's emulated on the processor.
    pub(crate) fn by(core: Core, plan: &Plan, seed: u64, device: &Device) -> Result<Network> {
        let mut parameters = Vec::new();
        let mut state = Vec::new();
        let mut of_layer = Tensors::new();
        for place in plan.places() {
            let layer = place.layer;
            let planned = layer.tensors();
            // Inputs of one output: of a convolution or linear layer all but the weight's first axis.
            let fan_in: usize = planned.first().map_or(1, |t| t.shape[1..].iter().product());
            let mut vars = Vec::new();
            for tensor in &planned {
                let is = |end: &str| tensor.name.ends_with(end);
                let initial = match &layer.layer {
                    Layer::BatchNorm(_) | Layer::GroupNorm(_)
                        if is(".weight") || is(".running_var") =>
                    {
                        Tensor::ones(tensor.shape.as_slice(), DType::F32, device)?
                    }
                    Layer::BatchNorm(_) | Layer::GroupNorm(_) => {
                        Tensor::zeros(tensor.shape.as_slice(), DType::F32, device)?
                    }
                    other => {
                        let inputs = match other {
                            Layer::Lstm(settings) | Layer::Gru(settings) => settings.hidden,
                            _ => fan_in,
                        };
                        let bound = 1.0 / (inputs as f64).sqrt();
                        let name = format!("initial {}", tensor.name);
                        let drawn = uniform(&tensor.shape, bound, Stream::new(seed, &name))?;
                        drawn.to_device(device)?
                    }
                };
                let var = Var::from_tensor(&initial)?;
                state.push((tensor.name.clone(), var.clone()));
                if tensor.trainable {
                    parameters.push(Parameter {
                        name: tensor.name.clone(),
                        var: var.clone(),
                        zero_gradient: zero_gradient(&place, &tensor.name),
                    });
                }
                vars.push((tensor.name.clone(), var));
            }
            of_layer.insert(layer.name.clone(), vars);
        }
        Ok(Network {
            layers: chain(core, plan, &of_layer, seed)?,
            first_linear: first_linear(core, plan, &of_layer)?,
            parameters,
            state,
            objective: Objective::default(),
            core,
            device: device.clone(),
        })
    }

    /// The same network, whose steps minimise `objective`; plain cross-entropy where nothing is said.
    pub fn minimising(self, objective: Objective) -> Network {
        Network { objective, ..self }
    }

    /// Logits (N, classes), on the network's device, for images (N, C, H, W) on any. In [`Mode::Train`] the running statistics move.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(self.walk(images, mode)?.0)
    }

    /// Logits, and in training each layer's way back.
    pub(super) fn walk(
        &self,
        images: &Tensor,
        mode: Mode,
    ) -> Result<(Tensor, Vec<Box<dyn Backward>>)> {
        let chain = self.layers.iter().map(|layer| layer.operation.as_ref());
        let images = images.to_device(&self.device)?.contiguous()?;
        operations::forward(chain, &images, mode)
    }

    /// In the order of the layers.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// An optimizer for this network's parameters, its state fresh.
    pub fn optimizer(&self, kind: &run::Optimizer) -> Optimizer {
        let parameters = self.parameters.iter().map(|p| (p.name.as_str(), &p.var));
        Optimizer::new(kind, parameters).by(self.core)
    }

    /// Parameters and buffers (running statistics) by PyTorch's names, in order: a checkpoint's content. Copies on the
    /// processor, which training leaves alone.
    pub fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        self.state.iter().map(copy).collect()
    }

    /// The buffers among [`Network::tensors`]: batch norm's running statistics.
    pub fn running_statistics(&self) -> Result<Vec<(String, Tensor)>> {
        self.state
            .iter()
            .filter(|(name, _)| !self.parameters.iter().any(|p| p.name == *name))
            .map(copy)
            .collect()
    }

    /// The device that the network is on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Takes a checkpoint's tensors; a missing, extra or misshapen one is an error that names it, and then nothing is changed.
    pub fn load(&self, tensors: &HashMap<String, Tensor>) -> Result<()> {
        let mut new = Vec::new();
        for (name, var) in &self.state {
            let Some(tensor) = tensors.get(name) else {
                bail!(
                    "the checkpoint has no tensor '{name}', so it is of another model: load it with the spec it was trained with"
                );
            };
            if tensor.dims() != var.dims() {
                bail!(
                    "'{name}' has the shape {:?} in the checkpoint and {:?} in this model",
                    tensor.dims(),
                    var.dims()
                );
            }
            let tensor = tensor.to_dtype(DType::F32)?.contiguous()?;
            new.push(tensor.to_device(&self.device)?);
        }
        let known: std::collections::HashSet<&str> =
            self.state.iter().map(|(name, _)| name.as_str()).collect();
        let mut extra: Vec<&String> = tensors
            .keys()
            .filter(|name| !known.contains(name.as_str()))
            .collect();
        extra.sort();
        if let Some(name) = extra.first() {
            bail!("the checkpoint has a tensor '{name}' that this model has not");
        }
        for ((_, var), tensor) in self.state.iter().zip(new) {
            var.set(&tensor)?;
        }
        Ok(())
    }
}

/// A tensor's numbers on the processor, in memory of their own.
fn copy((name, var): &(String, Var)) -> Result<(String, Tensor)> {
    let tensor = var.as_detached_tensor();
    let copied = match tensor.device() {
        Device::Cpu => tensor.copy()?,
        _ => tensor.to_device(&Device::Cpu)?,
    };
    Ok((name.clone(), copied))
}
