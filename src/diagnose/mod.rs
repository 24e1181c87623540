//! The causes of a gap: statistics, gates and the choice of probes; histories in, findings out.

mod answer;
pub mod audit;
mod causes;
mod curve;
pub mod curves;
mod examined;
pub mod finding;
mod gates;
pub mod history;
mod learning;
pub mod looks;
mod network_shape;
pub mod predictions;
pub mod probes;
pub mod remedies;
pub mod report;
mod seeds;
pub mod simple_models;
pub mod statistics;
mod summary;
mod trend;
mod unstable;
mod verdict;

pub use answer::{Action, ActionKind, Conclusion, Situation, Untried, small_first};
pub use causes::{STATED, Suspect};
pub use curve::{
    GL_THRESHOLD, generalisation_loss, onset, progress_quotient, rising_strips, smoothed,
    training_progress,
};
pub use examined::{Measured, diagnose_run};
pub use gates::{Answer, Gate, Gates, duration, p_value, percent, points, share};
pub use network_shape::network_findings;
pub use remedies::Remedy;
pub use seeds::{Mean, OverSeeds, Trial, over_seeds};
pub use statistics::{Interval, clopper_pearson, difference, fisher_exact, upper_tail, wilson};
pub use verdict::{Diagnosis, Verdict, diagnose, diagnose_history};

use crate::run::{EpochRecord, RunStatus, Split};

/// The seed of every test by random arrangements: the same input gives the same words.
pub const SEED: u64 = 1;

/// What is looked at: a run's epochs, and what is known of its data.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// In order, without gaps or repetitions.
    pub epochs: &'a [EpochRecord],
    /// How many classes there are; 0 where nobody knows.
    pub classes: usize,
    /// Images of each class in a split, where known; empty where not.
    pub class_counts: &'a [(Split, Vec<u32>)],
    pub status: RunStatus,
    /// The epoch that validation chose, for the document.
    pub best_epoch: Option<u32>,
}

impl Subject<'_> {
    /// The accuracy of the best guess that does not look at the image: max(1/K, share of the commonest class of the split).
    pub fn chance(&self, split: Split) -> Option<f64> {
        let even = (self.classes > 0).then(|| 1.0 / self.classes as f64)?;
        let commonest = self
            .class_counts
            .iter()
            .find(|(of, _)| *of == split)
            .and_then(|(_, counts)| {
                let all: u32 = counts.iter().sum();
                let most = counts.iter().max()?;
                (all > 0).then(|| f64::from(*most) / f64::from(all))
            });
        Some(commonest.map_or(even, |share| share.max(even)))
    }
}
