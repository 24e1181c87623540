//! Predictions, a run's own or those that something else wrote: which class each image has and which it was given.

mod balance;
mod checks;
mod confusion;
mod contradictions;
mod label_map;
mod read;

pub use label_map::{LabelMap, label_map};

use super::curves::Curves;
use super::finding::{Finding, Found};
use super::history::RecordedHistory;
use crate::run::{Confusion, Split};

/// A predictions file may have this many bytes.
pub const MOST_BYTES: usize = 256 << 20;

/// One image's true and predicted class, as positions in [`Predictions::classes`].
pub type Pair = (u32, u32);

/// A predictions file: the columns `split`, `label`, `prediction`, and perhaps `id` and probabilities.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// Every label and prediction that occurs; numbers by their value, names by their bytes.
    pub classes: Vec<String>,
    /// The images of each split in the file's order, by [`Split::ALL`]'s order.
    pub pairs: [Vec<Pair>; 3],
    /// What contradicts itself within the file.
    pub contradictions: Vec<Finding>,
    /// How the file was understood, in sentences for the user.
    pub notes: Vec<String>,
}

/// What a history tells that predictions must agree with.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub curves: &'a Curves,
    /// Where predictions may be of the best epoch instead of the last.
    pub best_epoch: Option<u32>,
    /// Images of each split, where known.
    pub images: [Option<u32>; 3],
}

impl<'a> From<&'a RecordedHistory> for Told<'a> {
    fn from(history: &'a RecordedHistory) -> Told<'a> {
        Told {
            curves: &history.curves,
            best_epoch: history.best_epoch(),
            images: history.images,
        }
    }
}

impl Predictions {
    /// Of a run's confusion matrices after one epoch; `classes` are their names as far as they are known. An error is a
    /// sentence that says what is too large to be looked at.
    pub fn of_confusion(
        classes: &[String],
        confusion: &[(Split, Confusion)],
    ) -> Result<Predictions, String> {
        confusion::read(classes, confusion)
    }

    /// Reads a CSV's content (any delimiter of `,`, `;` and tab).
    pub fn read(content: &[u8]) -> Result<Predictions, super::history::Unreadable> {
        read::read(content)
    }

    pub fn of(&self, split: Split) -> &[Pair] {
        &self.pairs[split as usize]
    }

    /// Images classified right, of all, in a split.
    pub fn right(&self, split: Split) -> (u32, u32) {
        let pairs = self.of(split);
        let right = pairs.iter().filter(|(label, given)| label == given).count();
        (right as u32, pairs.len() as u32)
    }

    /// Images of each class in each split that has any.
    pub fn class_counts(&self) -> Vec<(Split, Vec<u32>)> {
        Split::ALL
            .into_iter()
            .filter(|split| !self.of(*split).is_empty())
            .map(|split| {
                let mut counts = vec![0; self.classes.len()];
                for (label, _) in self.of(split) {
                    counts[*label as usize] += 1;
                }
                (split, counts)
            })
            .collect()
    }

    /// Everything that predictions show beyond counts: contradictions, permuted labels, collapse, missing and uneven classes.
    pub fn check<'a>(&self, told: impl Into<Told<'a>>, seed: u64) -> Found {
        let mut found = Found {
            findings: self.contradictions.clone(),
            not_checked: Vec::new(),
        };
        let told = told.into();
        let trained = told.curves.accuracies(Split::Train).1.last().copied();
        let findings = &mut found.findings;
        findings.extend(checks::against_history(self, told));
        findings.extend(checks::missing_classes(self));
        for split in [Split::Val, Split::Test] {
            findings.extend(checks::collapse(self, split));
            findings.extend(balance::finding(self, split));
        }
        for split in [Split::Val, Split::Test] {
            found.extend(label_map::look(self, split, trained, seed));
        }
        found
    }
}
