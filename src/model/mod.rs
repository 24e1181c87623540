//! Architectures as data: presets, shapes layer by layer, parameter counts, PyTorch's names, the network itself.

mod name;
mod network;
#[cfg(test)]
mod network_fixture;
mod network_layers;
mod network_scores;
mod network_step;
mod parameter;
mod plan;
mod preset;
pub mod python;
mod resolve;
mod shape;
mod sweep;

pub use crate::nn::Mode;
pub use network::{Network, Parameter};
pub use network_scores::{AskedScores, Scores};
pub use network_step::{GradientFinding, StepError, StepResult};
pub use parameter::PlannedTensor;
pub use plan::{ModelError, Place, Plan, PlannedLayer};
pub use preset::{Preset, preset, presets};
pub use resolve::{plan_for, resolve};
pub use sweep::{Sweep, sweep};
