//! The document on a history that something else wrote.

use super::finding::Found;
use super::history::RecordedHistory;
use super::predictions::Predictions;
use super::{Diagnosis, diagnose_history};
use crate::run::Split;
use serde::Serialize;

/// A diagnosis with how its files were understood.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryReport {
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
    /// In sentences for the user.
    pub notes: Vec<String>,
    /// Epochs in the history.
    pub epochs: usize,
    /// 0 where nobody knows.
    pub classes: usize,
    /// What was judged, with the numbers of images that the predictions told.
    #[serde(skip)]
    pub history: RecordedHistory,
}

impl HistoryReport {
    /// Judges a history, with the predictions of its network where there are some.
    pub fn new(
        mut history: RecordedHistory,
        predictions: Option<&Predictions>,
        seed: u64,
    ) -> HistoryReport {
        let (mut counts, mut found) = (Vec::new(), Found::default());
        if let Some(predictions) = predictions {
            counts = predictions.class_counts();
            history.classes = history.classes.max(predictions.classes.len());
            found = predictions.check(&history, seed);
            // Where the user has not said how many images there are, the predictions do.
            for split in Split::ALL {
                let (_, n) = predictions.right(split);
                let known = &mut history.images[split as usize];
                *known = known.or((n > 0).then_some(n));
            }
        }
        let diagnosis = diagnose_history(&history, &counts, found);
        let mut notes = std::mem::take(&mut history.notes);
        notes.extend(predictions.iter().flat_map(|p| p.notes.iter().cloned()));
        if history.running_averages {
            notes.push(
                "Training accuracy is taken for the average over an epoch in training mode, as Keras and Lightning log it: it \
                 lags behind, and dropout and augmentation lower it."
                    .to_owned(),
            );
        }
        HistoryReport {
            diagnosis,
            notes,
            epochs: history.curves.epochs.len(),
            classes: history.classes,
            history,
        }
    }
}
