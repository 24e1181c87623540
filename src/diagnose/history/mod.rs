//! Histories that something else wrote: Keras' and Lightning's CSV, any CSV with such columns, our own JSON.

mod document;
mod meaning;
mod rows;
mod scale;
mod table;

pub(super) use meaning::split as split_named;

use super::curves::Curves;
use super::gates::percent;
use crate::run::{EpochRecord, Metric, RunStatus, Split, SplitMetrics};

/// A history file may have this many bytes.
pub const MOST_BYTES: usize = 64 << 20;
/// And this many epochs.
const MOST_EPOCHS: usize = 1_000_000;

/// A history or predictions file that cannot be used; the message says where and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Unreadable {
    pub(super) fn new<T>(message: impl Into<String>) -> Result<T, Unreadable> {
        Err(Unreadable(message.into()))
    }
}

/// What a history file holds, and how it was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedHistory {
    pub curves: Curves,
    /// Images behind each split's accuracy, by [`Split::ALL`]'s order, where known.
    pub images: [Option<u32>; 3],
    /// 0 where nobody knows.
    pub classes: usize,
    pub status: RunStatus,
    /// True where training accuracy is the average over an epoch in training mode, as Keras and Lightning log it.
    pub running_averages: bool,
    /// How the file was understood, in sentences for the user.
    pub notes: Vec<String>,
}

/// Characters that a column, a class or an image may be called with: names are shown.
const LONGEST_NAME: usize = 1_000;

/// Refuses what is no text at all before anybody looks for columns in it.
pub(super) fn check_text(content: &[u8]) -> Result<(), Unreadable> {
    if content.contains(&0) {
        return Unreadable::new("it is no text (it holds zero bytes): save it as a CSV in UTF-8");
    }
    Ok(())
}

/// Refuses a name that is longer than any name.
pub(super) fn check_name(name: &str) -> Result<(), Unreadable> {
    if name.len() > LONGEST_NAME {
        let start: String = name.chars().take(40).collect();
        return Unreadable::new(format!(
            "a name has more than {LONGEST_NAME} bytes ('{start}…'): is the delimiter a comma, a semicolon or a tab?"
        ));
    }
    Ok(())
}

impl RecordedHistory {
    /// Reads a CSV (any delimiter of `,`, `;` and tab) or JSON file's content.
    pub fn read(content: &[u8]) -> Result<RecordedHistory, Unreadable> {
        if content.len() > MOST_BYTES {
            return Unreadable::new(format!(
                "larger than {} MiB: write one row an epoch",
                MOST_BYTES >> 20
            ));
        }
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        check_text(content)?;
        let history = match content.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => {
                return Unreadable::new("it is empty: a header and one row an epoch are wanted");
            }
            Some(b'{' | b'[') => document::read(content)?,
            Some(_) => table::read_csv(content)?,
        };
        history.checked()
    }

    /// Every epoch as a record, for charts: what was not measured is NaN, and counts are 0 where nobody knows them.
    pub fn records(&self) -> Vec<EpochRecord> {
        let metrics = |at: usize, split: Split| {
            let loss = self.curves.loss[split as usize][at];
            let accuracy = self.curves.accuracy[split as usize][at].filter(|a| a.is_finite());
            let n = accuracy.and(self.images[split as usize]).unwrap_or(0);
            (loss.is_some() || accuracy.is_some()).then(|| SplitMetrics {
                loss: loss.unwrap_or(f64::NAN),
                correct: (accuracy.unwrap_or(0.0) * f64::from(n)).round() as u32,
                n,
                accuracy: accuracy.unwrap_or(f64::NAN),
            })
        };
        self.curves
            .epochs
            .iter()
            .enumerate()
            .map(|(at, epoch)| EpochRecord {
                epoch: *epoch,
                lr: 0.0,
                seconds: 0.0,
                train: metrics(at, Split::Train),
                val: metrics(at, Split::Val),
                test: metrics(at, Split::Test),
                running: None,
            })
            .collect()
    }

    /// The last accuracies that were measured, with counts where they are known: what the gates are asked of.
    pub fn last(&self) -> Option<EpochRecord> {
        let epoch = *self.curves.epochs.last()?;
        let metrics = |split: Split| {
            let (_, accuracies) = self.curves.accuracies(split);
            let (_, losses) = self.curves.losses(split);
            let accuracy = *accuracies.last()?;
            let n = self.images[split as usize].unwrap_or(0);
            Some(SplitMetrics {
                loss: losses.last().copied().unwrap_or(f64::NAN),
                correct: (accuracy * f64::from(n)).round() as u32,
                n,
                accuracy,
            })
        };
        Some(EpochRecord {
            epoch,
            lr: 0.0,
            seconds: 0.0,
            train: metrics(Split::Train),
            val: metrics(Split::Val),
            test: metrics(Split::Test),
            running: None,
        })
    }

    /// The epoch with the lowest validation loss, or the highest validation accuracy where there is no loss.
    pub fn best_epoch(&self) -> Option<u32> {
        let (epochs, losses) = self.curves.losses(Split::Val);
        let (at, accuracies) = self.curves.accuracies(Split::Val);
        let lowest = epochs.iter().zip(&losses).min_by(|a, b| a.1.total_cmp(b.1));
        let highest = at
            .iter()
            .zip(&accuracies)
            .rev()
            .max_by(|a, b| a.1.total_cmp(b.1));
        lowest.or(highest).map(|(epoch, _)| *epoch)
    }

    /// The one thing that would help most to judge it, a sentence.
    pub fn wants(&self, without_predictions: bool) -> &'static str {
        let measured = |split: Split| {
            let curves = &self.curves;
            !curves.accuracies(split).1.is_empty() || !curves.losses(split).1.is_empty()
        };
        if !measured(Split::Train) {
            "It has no training figures, so nothing can be said of a gap: add columns such as train_loss and train_acc."
        } else if !measured(Split::Val) {
            "It has no validation figures, so nothing can be said of a gap: add columns such as val_loss and val_acc."
        } else if self.images[Split::Val as usize].is_none() {
            "The number of validation images would help most: 14 of 90 right can be chance, 140 of 900 cannot."
        } else if self.images[Split::Train as usize].is_none() {
            "The number of training images would help most: it shows whether the gap can be chance."
        } else if self.classes == 0 {
            "The number of classes would help most: it says what guessing gets."
        } else if without_predictions {
            "A file with the predictions of single images would help most: it shows mixed-up classes."
        } else {
            "The images would help most: gapwatch diagnose --data FOLDER looks at them."
        }
    }

    /// What [`RecordedHistory::best_epoch`] is chosen by.
    pub fn best_by(&self) -> Metric {
        match self.curves.losses(Split::Val).0.is_empty() {
            true => Metric::ValAccuracy,
            false => Metric::ValLoss,
        }
    }

    /// Takes the number of images of each split from the user, and doubts one that the accuracies cannot come from.
    pub fn with_images(mut self, images: [Option<u32>; 3]) -> RecordedHistory {
        for split in Split::ALL {
            let Some(n) = images[split as usize].filter(|n| *n > 0) else {
                continue;
            };
            self.images[split as usize] = Some(n);
            let (epochs, accuracies) = self.curves.accuracies(split);
            // Written with four digits at least; the running average of a training epoch is no whole count either.
            let odd = epochs.iter().zip(&accuracies).find(|(_, accuracy)| {
                let right = **accuracy * f64::from(n);
                (right - right.round()).abs() > 0.02 + 1e-4 * f64::from(n)
            });
            if let Some((epoch, accuracy)) = odd.filter(|_| split != Split::Train && n <= 2_000) {
                self.notes.push(format!(
                    "The {} accuracy of {} in epoch {epoch} is no whole number of {n} images: perhaps it is rounded, a mean \
                     over batches, or the number of images is another.",
                    split.word(),
                    percent(*accuracy)
                ));
            }
        }
        self
    }

    fn checked(self) -> Result<RecordedHistory, Unreadable> {
        let measured =
            |figures: &[Vec<Option<f64>>; 3]| figures.iter().flatten().any(Option::is_some);
        if self.curves.epochs.is_empty() {
            return Unreadable::new("it has a header but no epoch: one row an epoch is wanted");
        }
        if !measured(&self.curves.loss) && !measured(&self.curves.accuracy) {
            return Unreadable::new("no loss and no accuracy has a value in any row");
        }
        if self.curves.epochs.len() > MOST_EPOCHS {
            return Unreadable::new(format!("more than {MOST_EPOCHS} epochs"));
        }
        Ok(self)
    }
}
