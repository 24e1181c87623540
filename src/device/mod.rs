//! What this machine can train on: its processor, and its NVIDIA cards with their free memory.
//!
//! Cards are looked for by a process of its own (`gapwatch devices --json`, which [`Devices::ask`] starts): to see a card's
//! free memory one opens it, which takes some hundred megabytes of it for as long as the process lives.

mod ask;
#[cfg(feature = "cuda")]
pub mod cuda;
mod listing;

pub use listing::{Card, Devices, Processor, check_build, missing};
