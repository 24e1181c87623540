//! Architectures as data: presets, shapes layer by layer, parameter counts, PyTorch's names, the network itself.

mod name;
mod network;
mod parameter;
mod plan;
mod preset;
pub mod python;
mod resolve;
mod shape;

pub use network::{Mode, Network, Parameter};
pub use parameter::PlannedTensor;
pub use plan::{ModelError, Plan, PlannedLayer};
pub use preset::{Preset, preset, presets};
pub use resolve::{plan_for, resolve};
