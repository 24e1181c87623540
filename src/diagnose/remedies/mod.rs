//! What helps against each cause of a gap, as runs that can be tried: choosing and reading; training is others' work.

mod catalogue;
mod document;
mod effect;
#[cfg(test)]
mod fixture;
mod images;
mod network;
mod proposal;
mod remedy;
mod training;
mod treatment;
mod words;

pub use catalogue::remedies;
pub use document::{Difference, Effect, MeanDifference, RemedyRecord, Share};
pub use effect::{TriedRun, read};
pub use proposal::{Proposal, by_default, proposals};
pub use remedy::{Remediable, Remedy};
pub use treatment::Treatment;
