//! A dataset in numbers, for its page and the API.

use super::index::{ChannelStatistics, Entry, Index, Unreadable, common_size};
use crate::run::Split;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a dataset's page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub images: usize,
    /// In the order of the class map.
    pub classes: Vec<ClassCounts>,
    /// Of each split that has images, in the order training, validation, test.
    pub splits: Vec<SplitSummary>,
    /// Images of each file format (`png`, `jpeg`).
    pub formats: BTreeMap<String, usize>,
    pub gray: usize,
    pub colour: usize,
    /// Of training, validation and test, 0 to 1.
    pub channels: Vec<ChannelStatistics>,
    pub notes: Vec<String>,
    /// The first [`Summary::SHOWN`] of the files that were left out.
    pub unreadable: Vec<Unreadable>,
    /// All of them.
    pub unreadable_count: usize,
    pub fingerprint: String,
}

/// How many images a class has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCounts {
    pub name: String,
    pub train: usize,
    pub val: usize,
    pub test: usize,
}

/// How many images a split has, and how large they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitSummary {
    pub split: Split,
    pub images: usize,
    /// The image with the fewest pixels.
    pub smallest: Size,
    /// The commonest size.
    pub common: Size,
    /// The image with the most pixels.
    pub largest: Size,
}

/// Pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    pub height: u32,
    pub width: u32,
}

impl Summary {
    /// How many of the files that were left out are listed.
    pub const SHOWN: usize = 200;
}

impl Index {
    /// Counts what the index holds.
    pub fn summary(&self) -> Summary {
        let mut classes: Vec<ClassCounts> = self
            .classes
            .iter()
            .map(|name| ClassCounts {
                name: name.clone(),
                train: 0,
                val: 0,
                test: 0,
            })
            .collect();
        let mut formats = BTreeMap::new();
        for entry in &self.entries {
            let class = &mut classes[entry.label as usize];
            match entry.split {
                Split::Train => class.train += 1,
                Split::Val => class.val += 1,
                Split::Test => class.test += 1,
            }
            let format = entry.format.name().to_ascii_lowercase();
            *formats.entry(format).or_default() += 1;
        }
        let gray = self.entries.iter().filter(|e| e.channels == 1).count();
        Summary {
            images: self.entries.len(),
            classes,
            splits: Split::ALL
                .into_iter()
                .filter_map(|split| self.split_summary(split))
                .collect(),
            formats,
            gray,
            colour: self.entries.len() - gray,
            channels: self.channels.clone(),
            notes: self.notes.clone(),
            unreadable: self
                .unreadable
                .iter()
                .take(Summary::SHOWN)
                .cloned()
                .collect(),
            unreadable_count: self.unreadable.len(),
            fingerprint: self.fingerprint.clone(),
        }
    }

    /// What it is in one line: "810 images, 9 classes, split as found; label column: digit".
    pub fn sentence(&self) -> String {
        let label = match &self.origin.label {
            Some(label) if self.origin.layout == "CSV" => format!("label column: {label}"),
            Some(label) => format!("{} files, {label}", self.origin.layout),
            None => "labels by folder".to_owned(),
        };
        format!(
            "{} images, {} classes, {}; {label}",
            self.entries.len(),
            self.classes.len(),
            self.origin.split
        )
    }

    /// None for a split without images.
    fn split_summary(&self, split: Split) -> Option<SplitSummary> {
        let pixels = |e: &&Entry| u64::from(e.width) * u64::from(e.height);
        let size = |e: &Entry| Size {
            height: e.height,
            width: e.width,
        };
        let (height, width) = common_size(self.of(split))?;
        Some(SplitSummary {
            split,
            images: self.of(split).count(),
            smallest: size(self.of(split).min_by_key(pixels)?),
            common: Size { height, width },
            largest: size(self.of(split).max_by_key(pixels)?),
        })
    }
}
