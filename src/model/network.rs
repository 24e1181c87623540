//! A network that trains: the layers of a plan with their parameters.

use super::Plan;
use candle_core::{Device, Result, Tensor, Var};
use std::collections::HashMap;

/// How a forward pass treats batch norm and dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Running statistics, no dropout, nothing kept for a backward pass.
    Eval,
    /// Batch statistics (running ones updated), dropout drawn from the stream of this step.
    Train { step: u64 },
}

/// A trainable tensor with its name in PyTorch.
pub struct Parameter {
    pub name: String,
    pub var: Var,
    /// Why its gradient is zero whatever the data, where the model makes it so.
    pub zero_gradient: Option<&'static str>,
}

pub struct Network {}

impl Network {
    /// Initial weights as PyTorch draws them in distribution, from the streams of `seed`.
    pub fn new(_plan: &Plan, _seed: u64, _device: &Device) -> Result<Network> {
        todo!()
    }

    /// Logits (N, classes) for images (N, C, H, W).
    pub fn forward(&self, _images: &Tensor, _mode: Mode) -> Result<Tensor> {
        todo!()
    }

    /// In the order of the layers.
    pub fn parameters(&self) -> &[Parameter] {
        todo!()
    }

    /// Parameters and buffers (running statistics) by PyTorch's names, in order: a checkpoint's content.
    pub fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        todo!()
    }

    /// Takes a checkpoint's tensors; a missing, extra or misshapen one is an error that names it.
    pub fn load(&self, _tensors: &HashMap<String, Tensor>) -> Result<()> {
        todo!()
    }
}
