//! The best epoch, as charts mark it.

use crate::run::{BestEpoch, Metric};

/// The epoch that validation chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    pub epoch: u32,
    pub by: Metric,
}

impl Best {
    pub fn of(run: &Option<BestEpoch>) -> Option<Best> {
        run.as_ref().map(|best| Best {
            epoch: best.epoch,
            by: best.metric,
        })
    }

    /// "best: epoch 31 (lowest validation loss)"
    pub(super) fn label(self) -> String {
        format!("best: epoch {} ({})", self.epoch, self.by.superlative())
    }
}
