//! Architectures as data: presets, shapes layer by layer, parameter counts, PyTorch's names, the network itself.

mod network;
mod plan;

pub use network::{Mode, Network, Parameter};
pub use plan::{ModelError, Plan, PlannedLayer};
