//! Changed copies of training images: what an image gets in an epoch, and how it is done.
//!
//! Everything that is drawn comes from streams of the run's seed at the epoch and the image's number, so that no bit depends
//! on the order of the batches, on threads, or on whether the run was interrupted. An image goes through `warp` (all that
//! moves its pixels, as one resampling), `blur` and `tone` as planes of 0 to 255, is normalized, and has its `mask`s laid
//! on: they are 0 there, the mean. A batch is mixed last (`mixup`).

mod augmenter;
mod blur;
mod change;
mod looks;
mod mask;
mod mixup;
mod normal;
mod tone;
mod warp;

pub use augmenter::{Augmenter, Batch};
pub use looks::Looks;
