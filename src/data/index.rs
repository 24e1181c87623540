//! What a dataset holds: its classes, its images with split and label, what was left out.

use super::decode::Format;
use super::intake::Intake;
use crate::run::Split;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// One readable image of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Below the dataset's folder, parts joined by `/`.
    pub path: String,
    pub split: Split,
    /// Position in [`Index::classes`].
    pub label: u32,
    pub format: Format,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// 1 or 3, as decoded.
    pub channels: u8,
    /// What belongs together (a patient, a speaker), where a table or the names say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// A file that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Below the dataset's folder, parts joined by `/`.
    pub path: String,
    pub reason: String,
}

/// The pixels of one split as decoded, 0 to 1: one number where every image of the dataset is gray, else red, green, blue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelStatistics {
    pub split: Split,
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
}

/// What a dataset holds; written beside its images as `index.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Names of the training classes in the order of their bytes, as PyTorch's ImageFolder sorts them: the one class map
    /// of every split.
    pub classes: Vec<String>,
    /// Sorted by split, then label, then path.
    pub entries: Vec<Entry>,
    pub unreadable: Vec<Unreadable>,
    /// What was decided on the way, in sentences for the user.
    pub notes: Vec<String>,
    /// Of each split that has images.
    pub channels: Vec<ChannelStatistics>,
    /// How labels and splits were found or made.
    #[serde(default)]
    pub origin: Origin,
    /// BLAKE3 over the decoded images and labels in order, hexadecimal.
    pub fingerprint: String,
}

/// How a dataset's labels and splits were found or made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// `folders`, `CSV`, `IDX`, `CIFAR` or `NPZ`.
    pub layout: String,
    /// The column that is the label.
    pub label: Option<String>,
    /// The column, or the part of the names, that is the group.
    pub group: Option<String>,
    /// How the splits came about, in words: "split as found".
    pub split: String,
    /// What was asked for.
    pub intake: Intake,
}

impl Index {
    /// The entries of one split, in order.
    pub fn of(&self, split: Split) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |e| e.split == split)
    }

    /// Images of each class in a split.
    pub fn class_counts(&self, split: Split) -> Vec<u32> {
        let mut counts = vec![0; self.classes.len()];
        for entry in self.of(split) {
            if let Some(count) = counts.get_mut(entry.label as usize) {
                *count += 1;
            }
        }
        counts
    }

    /// The commonest (height, width) of the training images; the larger of equally common ones.
    pub fn common_size(&self) -> (u32, u32) {
        common_size(self.of(Split::Train)).unwrap_or((1, 1))
    }
}

/// The commonest (height, width), the larger of equally common ones; None without images.
pub(super) fn common_size<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<(u32, u32)> {
    let mut counts: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for entry in entries {
        *counts.entry((entry.height, entry.width)).or_default() += 1;
    }
    counts
        .into_iter()
        .min_by_key(|&(size, count)| Reverse((count, size)))
        .map(|(size, _)| size)
}
