//! The operations on an NVIDIA card.

mod card;

pub use card::{IN_THIS_BUILD, emptiest, memory, open};
