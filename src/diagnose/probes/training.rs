//! One training as probes read it: its figures, and what it made of each validation image.

use crate::data::Index;
use crate::run::{EpochRecord, ImageResults, RunSpec, RunStatus, Split, SplitMetrics};

/// What a network made of one validation image after its last epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// Below the dataset's folder.
    pub path: String,
    pub label: u32,
    pub prediction: u32,
    /// The softmax probability of the predicted class.
    pub confidence: f32,
    /// Cross-entropy in nats.
    pub loss: f32,
}

impl Validated {
    pub(in crate::diagnose) fn is_right(&self) -> bool {
        self.label == self.prediction
    }
}

/// A run that is over, the user's or a probe's.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    pub spec: RunSpec,
    pub status: RunStatus,
    /// In order.
    pub epochs: Vec<EpochRecord>,
    /// Empty where single images are not known.
    pub validation: Vec<Validated>,
    /// Wall-clock seconds, reading of the images included.
    pub seconds: f64,
}

impl Training {
    /// The results of the validation images with their names; `index` is the one that the run saw. None where they do not
    /// belong together.
    pub fn validated(index: &Index, results: &ImageResults) -> Option<Vec<Validated>> {
        let n = index.of(Split::Val).count();
        let fits = [
            results.prediction.len(),
            results.confidence.len(),
            results.loss.len(),
        ]
        .iter()
        .all(|len| *len == n);
        fits.then(|| {
            index
                .of(Split::Val)
                .enumerate()
                .map(|(at, entry)| Validated {
                    path: entry.path.clone(),
                    label: entry.label,
                    prediction: results.prediction[at],
                    confidence: results.confidence[at],
                    loss: results.loss[at],
                })
                .collect()
        })
    }

    /// A split's figures after the last epoch.
    pub(in crate::diagnose) fn last(&self, split: Split) -> Option<&SplitMetrics> {
        self.epochs.last()?.split(split).filter(|m| m.n > 0)
    }

    /// The first epoch after which training accuracy was at least this.
    pub(super) fn fitted_at(&self, accuracy: f64) -> Option<u32> {
        let reached = |e: &&EpochRecord| e.train.as_ref().is_some_and(|m| m.accuracy >= accuracy);
        self.epochs.iter().find(reached).map(|e| e.epoch)
    }
}
