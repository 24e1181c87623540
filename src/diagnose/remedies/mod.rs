//! What helps against each cause of a gap, as runs that can be tried: choosing and reading; training is others' work.

mod catalogue;
mod images;
mod network;
mod remedy;
mod training;

pub use catalogue::remedies;
pub use remedy::{Remediable, Remedy};
