//! Datasets: folders and archives of images, their index, decoding, resizing, batches.

use crate::run::{InputSpec, Split};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One readable image of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Below the dataset's folder, parts joined by `/`.
    pub path: String,
    pub split: Split,
    /// Position in [`Index::classes`].
    pub label: u32,
    pub width: u32,
    pub height: u32,
    /// 1 or 3, as decoded.
    pub channels: u8,
}

/// A file that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    pub path: String,
    pub reason: String,
}

/// What a dataset holds; written beside its images as `index.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Sorted names of the training classes: the one class map of every split.
    pub classes: Vec<String>,
    /// Sorted by split, then label, then path.
    pub entries: Vec<Entry>,
    pub unreadable: Vec<Unreadable>,
    /// What was decided on the way, for the user: "split by seed 1, stratified", "class 10 is not in training: left out".
    pub notes: Vec<String>,
    /// Mean and standard deviation of each channel of the training images as decoded, 0 to 1.
    pub channel_mean: Vec<f64>,
    pub channel_std: Vec<f64>,
    /// BLAKE3 over the decoded images and labels in order, hexadecimal.
    pub fingerprint: String,
}

impl Index {
    pub fn of(&self, split: Split) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |e| e.split == split)
    }

    /// The commonest (height, width) of the training images.
    pub fn common_size(&self) -> (u32, u32) {
        todo!()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("{0}")]
    Refused(String),
    #[error("{path}: {source}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// How far an import or a load has come: files done, of how many.
pub type OnProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// A dataset whose images are in a folder.
pub struct Dataset {
    pub root: PathBuf,
    pub index: Index,
}

impl Dataset {
    /// Opens what a user names with `--data`: a folder or an archive (unpacked into a temporary folder).
    pub fn open(_path: &Path, _progress: OnProgress) -> Result<Dataset, DataError> {
        todo!()
    }

    /// Takes a folder or an archive into the empty folder `into` of the home: images, `index.json`.
    pub fn import(
        _source: &Path,
        _into: &Path,
        _progress: OnProgress,
    ) -> Result<Dataset, DataError> {
        todo!()
    }

    /// Opens what [`Dataset::import`] left in a folder.
    pub fn reopen(_folder: &Path) -> Result<Dataset, DataError> {
        todo!()
    }
}

/// Subtracted from and divided by, a channel, pixels being 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
}

/// The images of one split in memory, ready to become batches of one input size.
pub struct Images {
    // bytes as decoded, or resized floats where those are smaller
}

impl Images {
    pub fn load(
        _dataset: &Dataset,
        _split: Split,
        _input: &InputSpec,
        _progress: OnProgress,
    ) -> Result<Images, DataError> {
        todo!()
    }

    pub fn len(&self) -> usize {
        todo!()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The class of each image, in the index's order.
    pub fn labels(&self) -> &[u32] {
        todo!()
    }

    /// What [`crate::run::Normalize`] means for a dataset; `self` are the training images.
    pub fn normalization(&self, _input: &InputSpec) -> Normalization {
        todo!()
    }

    /// Writes the chosen images as (N, C, H, W) float32, normalized, into `out`, in parallel over images.
    pub fn batch(&self, _which: &[usize], _normalization: &Normalization, _out: &mut [f32]) {
        todo!()
    }
}
