//! The operations on an NVIDIA card, over tensors in the plain order (N, C, H, W).
//!
//! The same layers as on the processor, in [`On`]: their parameters are the same, and so are the formulas, the random
//! numbers and the order of the results. Matrix products are candle's, that is cuBLAS; all else is kernels of our own
//! (`kernels/*.cu`), compiled for the card when the first is started. None needs a number on the host, none adds up
//! by atomics, so the same input gives the same bits on the same card.
//!
//! Every kernel starts through `launch::Launch`. Tests run the same launches on the processor, see `emulator.rs`.

mod card;
mod chosen;
mod column_sums;
mod columns;
mod convolution;
mod cross_entropy;
#[cfg(feature = "cudnn")]
mod cudnn;
#[cfg(test)]
mod emulator;
#[cfg(feature = "cuda")]
mod executor;
mod group_norm;
mod launch;
mod linear;
#[cfg(test)]
mod nvrtc;
mod optimizer;
mod pointwise;
mod pooling;
mod recurrent;
mod residual;
mod source;
mod tail;
#[cfg(test)]
mod tests;

pub use card::{IN_THIS_BUILD, allow_tf32, emptiest, memory, name, open};
pub use chosen::chosen;
pub(super) use cross_entropy::{Losses, cross_entropy};
pub use optimizer::follow;
pub(super) use optimizer::{Scale, step};

/// A layer of the processor's, done on a card.
pub struct On<T>(pub T);
