//! Layers and operations on candle tensors with their gradients, optimizers, seeded random streams.
//!
//! Each layer is an [`Operation`]: its forward pass gives, beside the result, the [`Backward`] pass that belongs to it.
//! A network is a chain of them, walked back by `model::Network`. candle's own autograd is not used: its max-pool, ReLU
//! and softmax do not give PyTorch's gradients, and it clears and adds a buffer for every gradient it passes on.
//!
//! Every sum that spans images is taken over fixed chunks in a fixed order, so that the same input gives the same bits
//! whatever the number of threads.

mod adaptive_pool;
mod average;
mod avg_pool;
mod batch_norm;
mod blocked;
mod buffers;
mod bytes;
pub mod chain;
mod conv_block;
mod conv_gradient;
mod conv_pass;
mod cross_entropy;
pub mod cuda;
mod dropout;
mod gelu;
mod geometry;
mod group_norm;
mod gru;
mod init;
mod kernel;
mod linear;
mod lstm;
mod matmul;
mod max_pool;
mod optimizer;
mod random;
mod recurrence;
mod recurrent_stack;
#[cfg(test)]
mod reference;
mod refill;
mod relu;
mod reshape;
mod residual;
mod storage;
mod targets;
mod window;

pub use adaptive_pool::{AdaptivePool, Pooling};
pub use average::follow;
pub use avg_pool::AvgPool;
pub use batch_norm::BatchNorm;
pub use blocked::Unblock;
pub use bytes::scale_bytes;
pub use conv_block::ConvBlock;
pub(crate) use cross_entropy::Asked;
pub use cross_entropy::{CrossEntropy, Objective, cross_entropy};
pub use dropout::Dropout;
pub use gelu::Gelu;
pub use group_norm::GroupNorm;
pub use gru::Gru;
pub use init::uniform;
pub use linear::Linear;
pub use lstm::Lstm;
pub use matmul::LazyRows;
#[cfg(test)]
pub(crate) use matmul::Made;
pub use max_pool::MaxPool;
pub use optimizer::Optimizer;
pub use random::{Stream, below};
pub use recurrence::Direction;
pub use recurrent_stack::RecurrentStack;
pub use refill::Refill;
pub use relu::Relu;
pub use reshape::{Columns, Flatten, LastStep, One};
pub use residual::Residual;
pub use storage::{from_vec, slice, values};
pub use targets::{Mixed, Targets};

use candle_core::{Device, Result, Tensor};

/// How a forward pass treats batch norm and dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Running statistics, no dropout, nothing kept for a backward pass.
    Eval,
    /// Batch statistics (running ones updated), dropout drawn from the stream of this step.
    Train { step: u64 },
}

/// Which of the two makes of an operation works: the processor's, or that of an NVIDIA card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    Processor,
    Card,
}

impl Core {
    /// That of the tensors on a device.
    pub fn of(device: &Device) -> Core {
        if device.is_cuda() {
            Core::Card
        } else {
            Core::Processor
        }
    }
}

/// The instruction set that the kernels use on this processor: `avx512`, `avx2` or `portable`.
pub fn instruction_set() -> &'static str {
    kernel::Kernels::best().name
}

/// A layer with its parameters.
pub trait Operation: Send + Sync {
    /// The layer's result, and in [`Mode::Train`] what leads back.
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)>;
}

/// The way back through one layer for one batch.
pub trait Backward: Send {
    /// Takes the loss's gradient by the layer's result; `input` asks for the gradient by the layer's input.
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients>;
}

/// What [`Backward::backward`] gives.
pub struct Gradients {
    /// By the layer's input, in its shape, where it was asked for.
    pub input: Option<Tensor>,
    /// By the layer's parameters, in their order and shapes.
    pub parameters: Vec<Tensor>,
}

impl Gradients {
    /// Those of a layer without parameters.
    fn of_input(input: Option<Tensor>) -> Self {
        Gradients {
            input,
            parameters: Vec::new(),
        }
    }
}
