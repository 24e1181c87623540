//! Which epoch is best, and whether to go on.

use crate::run::{BestEpoch, EarlyStopping, EpochRecord, Metric, Split};
use serde::{Deserialize, Serialize};

/// Watches one validation metric: keeps its best epoch and counts the epochs without improvement.
///
/// Without early stopping the best epoch is still known, by validation loss; without validation images there is none.
#[derive(Clone)]
pub(super) struct Selection {
    metric: Metric,
    min_delta: f64,
    patience: Option<u32>,
    state: SelectionState,
}

/// What has to survive a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SelectionState {
    pub best: Option<BestEpoch>,
    /// Epochs since the best one.
    pub stale: u32,
}

impl Selection {
    pub fn new(rule: Option<&EarlyStopping>, state: SelectionState) -> Self {
        let default = EarlyStopping::default();
        Selection {
            metric: rule.map_or(default.metric, |r| r.metric),
            min_delta: rule.map_or(0.0, |r| r.min_delta),
            patience: rule.map(|r| r.patience),
            state,
        }
    }

    /// Takes in an epoch; true where it is the best so far. A first epoch is, unless its value is not a number.
    pub fn take(&mut self, record: &EpochRecord) -> bool {
        let Some(val) = record.split(Split::Val) else {
            return false;
        };
        let value = match self.metric {
            Metric::ValLoss => val.loss,
            Metric::ValAccuracy => val.accuracy,
        };
        let improved = match &self.state.best {
            Some(best) => self.metric.improves(value, best.value, self.min_delta),
            None => !value.is_nan(),
        };
        if improved {
            self.state.stale = 0;
            self.state.best = Some(BestEpoch {
                epoch: record.epoch,
                metric: self.metric,
                value,
            });
        } else {
            self.state.stale += 1;
        }
        improved
    }

    /// True where the run would end with this epoch.
    pub fn would_end_with(&self, record: &EpochRecord) -> bool {
        let mut after = self.clone();
        after.take(record);
        after.verdict().is_some()
    }

    /// Why the run is to end now, if it is.
    pub fn verdict(&self) -> Option<String> {
        let patience = self.patience.filter(|p| self.state.stale >= *p)?;
        Some(format!(
            "stopped early: {} has not improved for {patience} {}",
            self.metric.name(),
            if patience == 1 { "epoch" } else { "epochs" }
        ))
    }

    pub fn best(&self) -> Option<&BestEpoch> {
        self.state.best.as_ref()
    }

    pub fn state(&self) -> &SelectionState {
        &self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SplitMetrics;

    fn epoch(epoch: u32, loss: f64, correct: u32) -> EpochRecord {
        EpochRecord {
            epoch,
            lr: 0.1,
            seconds: 1.0,
            train: None,
            val: Some(SplitMetrics::new(loss * 10.0, correct, 10)),
            test: None,
            running: None,
        }
    }

    fn run(rule: Option<&EarlyStopping>, losses: &[f64]) -> (Option<u32>, Option<usize>) {
        let mut selection = Selection::new(rule, SelectionState::default());
        let mut ended = None;
        for (i, loss) in losses.iter().enumerate() {
            selection.take(&epoch(i as u32 + 1, *loss, i as u32));
            if selection.verdict().is_some() {
                ended = Some(i + 1);
                break;
            }
        }
        (selection.best().map(|b| b.epoch), ended)
    }

    #[test]
    fn patience_counts_epochs_without_improvement() {
        let rule = EarlyStopping {
            patience: 2,
            ..EarlyStopping::default()
        };
        let losses = [3.0, 2.0, 2.5, 1.9, 2.0, 1.95, 1.0];
        assert_eq!(run(Some(&rule), &losses), (Some(4), Some(6)));
        assert_eq!(run(None, &losses), (Some(7), None));
    }

    #[test]
    fn an_improvement_smaller_than_min_delta_does_not_count() {
        let rule = EarlyStopping {
            patience: 2,
            min_delta: 0.5,
            ..EarlyStopping::default()
        };
        assert_eq!(run(Some(&rule), &[3.0, 2.75, 2.6, 1.0]), (Some(1), Some(3)));
    }

    #[test]
    fn accuracy_is_better_when_higher_and_equal_is_no_improvement() {
        let rule = EarlyStopping {
            metric: Metric::ValAccuracy,
            patience: 1,
            ..EarlyStopping::default()
        };
        let mut selection = Selection::new(Some(&rule), SelectionState::default());
        assert!(selection.take(&epoch(1, 1.0, 5)));
        assert!(selection.take(&epoch(2, 9.0, 6)));
        assert!(!selection.take(&epoch(3, 0.1, 6)));
        assert!(
            selection
                .verdict()
                .is_some_and(|why| why.contains("val_accuracy"))
        );
    }

    #[test]
    fn a_loss_that_is_no_number_is_never_best() {
        assert_eq!(run(None, &[f64::NAN, 2.0, f64::NAN]), (Some(2), None));
    }
}
