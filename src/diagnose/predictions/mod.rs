//! Predictions that something else wrote, image by image: which class each has and which it was given.

mod checks;
mod label_map;
mod read;

pub use label_map::{LabelMap, label_map};

use super::finding::Finding;
use super::history::RecordedHistory;
use crate::run::Split;

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

impl Predictions {
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

    /// Everything that predictions show beyond counts: contradictions, permuted labels, collapse, missing classes.
    pub fn findings(&self, history: &RecordedHistory, seed: u64) -> Vec<Finding> {
        let mut findings = self.contradictions.clone();
        findings.extend(checks::against_history(self, history));
        findings.extend(checks::missing_classes(self));
        for split in [Split::Val, Split::Test] {
            findings.extend(label_map::finding(self, split, seed));
            findings.extend(checks::collapse(self, split));
        }
        findings
    }
}
