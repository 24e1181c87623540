//! The three splits as batches of a network's input.

use super::TrainError;
use crate::data::{DataError, Dataset, ImageRows, Images, Normalization, OnProgress, ReadAhead};
use crate::nn::{Refill, cuda};
use crate::run::{InputSpec, Split};
use candle_core::{DType, Device, Tensor};
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
        let splits = images.map(|images| Batches::new(images, normalization.clone(), spec));
        Ok(Input { splits })
    }

    /// Brings the splits to a card, as many as it has room for: see [`Batches::bring_to`].
    pub fn bring_to(&mut self, device: &Device) -> Result<(), TrainError> {
        let mut room = room(device);
        self.splits
            .iter_mut()
            .try_for_each(|split| split.bring_to(device, &mut room))
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

/// Bytes that images may take of a card: a fourth of what is free. None of the processor, where they are.
pub(super) fn room(device: &Device) -> usize {
    cuda::memory(device).map_or(0, |(free, _)| free / 4)
}

/// Images that are copied to a card at once.
const BROUGHT_AT_ONCE: usize = 256;

/// Numbers of a split that kernels can still count.
const MOST_ON_CARD: usize = 1 << 30;

/// One split's images.
#[derive(Clone)]
pub struct Batches {
    images: Arc<Images>,
    normalization: Arc<Normalization>,
    /// (channels, height, width).
    shape: [usize; 3],
    /// All of them, (N, C, H, W), where a card holds them.
    on_card: Option<Tensor>,
}

impl Batches {
    pub fn new(images: Images, normalization: Arc<Normalization>, input: &InputSpec) -> Self {
        Batches {
            images: Arc::new(images),
            normalization,
            shape: [input.channels, input.height, input.width],
            on_card: None,
        }
    }

    /// Copies the images to a card once, as the network takes them, so that no step waits for its batch's way there. They stay
    /// where they are if some are read from disk, or if they would take more than `room` bytes, which they are taken from.
    pub fn bring_to(&mut self, device: &Device, room: &mut usize) -> Result<(), TrainError> {
        let n = self.len();
        let numbers = n * self.shape.iter().product::<usize>();
        let fits = numbers <= MOST_ON_CARD && numbers * 4 <= *room;
        if n == 0 || !fits || self.images.on_disk() > 0 {
            return Ok(());
        }
        *room -= numbers * 4;
        let on_card = Tensor::zeros(self.shape_of(n), DType::F32, device)?;
        let all: Vec<usize> = (0..n).collect();
        let order = all.chunks(BROUGHT_AT_ONCE).map(<[usize]>::to_vec).collect();
        let (mut pass, mut first) = (self.on_host(order), 0);
        while let Some((images, labels)) = pass.next_batch()? {
            on_card.slice_set(&images.to_device(device)?, 0, first)?;
            first += labels.len();
        }
        self.on_card = Some(on_card);
        Ok(())
    }

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

    /// These batches of image numbers one after the other; only one at a time is held as numbers of the network, unless a
    /// card holds all.
    pub fn in_order(&self, order: Vec<Vec<usize>>) -> Pass {
        Pass {
            ahead: self.images.read_ahead(&order),
            batches: self.clone(),
            order: order.into_iter(),
            numbers: Refill::default(),
            chosen: None,
        }
    }

    /// As [`Batches::in_order`], always in the host's memory.
    pub fn on_host(&self, order: Vec<Vec<usize>>) -> Pass {
        let on_card = None;
        Batches {
            on_card,
            ..self.clone()
        }
        .in_order(order)
    }
}

/// One way through a split's images.
pub struct Pass {
    batches: Batches,
    order: std::vec::IntoIter<Vec<usize>>,
    numbers: Refill,
    /// The batch on a card.
    chosen: Option<Tensor>,
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
            on_card,
            ..
        } = &self.batches;
        let labels = images.labels_of(&which);
        if let Some(all) = on_card {
            let chosen = self.chosen.insert(cuda::chosen(all, &which)?);
            return Ok(Some((chosen, labels)));
        }
        let read = self.ahead.next_batch()?;
        let tensor = self
            .numbers
            .with(self.batches.shape_of(which.len()), |numbers| {
                images.batch(&which, &read, normalization, numbers);
            })?;
        Ok(Some((tensor, labels)))
    }
}
