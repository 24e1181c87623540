//! The three splits as batches of a network's input.

use super::TrainError;
use crate::data::{DataError, Dataset, ImageRows, Images, Normalization, OnProgress, ReadAhead};
use crate::nn::Refill;
use crate::run::{InputSpec, Split};
use candle_core::Tensor;
use std::sync::Arc;

/// A run's images.
pub(super) struct Input {
    /// Training, validation, test; a split that the dataset has not is empty.
    splits: [Batches; 3],
}

impl Input {
    /// Reads the images of a dataset, as many as may be kept in memory.
    pub fn load(
        dataset: &Dataset,
        spec: &InputSpec,
        progress: OnProgress,
    ) -> Result<Input, DataError> {
        let mut room = dataset.image_memory_bytes;
        let mut load = |split| Images::load(dataset, split, spec, &mut room, progress);
        let images = [load(Split::Train)?, load(Split::Val)?, load(Split::Test)?];
        let normalization = Arc::new(images[0].normalization(spec, progress)?);
        let splits = images.map(|images| Batches {
            images: Arc::new(images),
            normalization: normalization.clone(),
            shape: [spec.channels, spec.height, spec.width],
        });
        Ok(Input { splits })
    }

    pub fn of(&self, split: Split) -> &Batches {
        let [train, val, test] = &self.splits;
        match split {
            Split::Train => train,
            Split::Val => val,
            Split::Test => test,
        }
    }

    pub fn normalization(&self) -> &Normalization {
        self.of(Split::Train).normalization()
    }

    /// Images that are read from disk for each batch, for want of memory.
    pub fn on_disk(&self) -> usize {
        self.splits.iter().map(|split| split.images.on_disk()).sum()
    }
}

/// One split's images.
#[derive(Clone)]
pub(super) struct Batches {
    images: Arc<Images>,
    normalization: Arc<Normalization>,
    /// (channels, height, width).
    shape: [usize; 3],
}

impl Batches {
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// The class of each image, in the dataset's order.
    pub fn labels(&self) -> &[u32] {
        self.images.labels()
    }

    pub fn images(&self) -> &Images {
        &self.images
    }

    pub fn normalization(&self) -> &Normalization {
        &self.normalization
    }

    /// (N, C, H, W) of a batch of `n`.
    pub fn shape_of(&self, n: usize) -> (usize, usize, usize, usize) {
        let [c, h, w] = self.shape;
        (n, c, h, w)
    }

    /// Images as rows that are made a part at a time, and their classes: None where one of them must be read or resized first.
    pub fn rows(&self, which: &[usize]) -> Option<(ImageRows<'_>, Vec<u32>)> {
        let rows = self.images.rows(which, &self.normalization)?;
        Some((rows, self.images.labels_of(which)))
    }

    /// These batches of image numbers one after the other; only one at a time is held as numbers of the network.
    pub fn in_order(&self, order: Vec<Vec<usize>>) -> Pass {
        Pass {
            ahead: self.images.read_ahead(&order),
            batches: self.clone(),
            order: order.into_iter(),
            numbers: Refill::default(),
        }
    }
}

/// One way through a split's images.
pub(super) struct Pass {
    batches: Batches,
    order: std::vec::IntoIter<Vec<usize>>,
    numbers: Refill,
    ahead: ReadAhead,
}

impl Pass {
    /// The next batch's images (N, C, H, W), whose memory the batch after it takes over, and their classes.
    pub fn next_batch(&mut self) -> Result<Option<(&Tensor, Vec<u32>)>, TrainError> {
        let Some(which) = self.order.next() else {
            return Ok(None);
        };
        let Batches {
            images,
            normalization,
            ..
        } = &self.batches;
        let read = self.ahead.next_batch()?;
        let labels = images.labels_of(&which);
        let tensor = self
            .numbers
            .with(self.batches.shape_of(which.len()), |numbers| {
                images.batch(&which, &read, normalization, numbers);
            })?;
        Ok(Some((tensor, labels)))
    }
}
