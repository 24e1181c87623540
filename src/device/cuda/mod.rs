//! NVIDIA cards, and the CUDA libraries that are opened where they are first needed.

mod cards;
#[cfg(target_arch = "x86_64")]
mod forward;
mod libraries;
mod quantized;

pub use cards::cards;
pub use libraries::load;
