//! Where a run is placed: the local engine starts a child process.

mod claim;
mod local;

pub use claim::{Claim, holder};
pub use local::LocalEngine;
