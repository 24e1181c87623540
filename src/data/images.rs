//! The images of one split, in memory as far as there is room, ready to become batches.

use super::decode::{Decoded, Format};
use super::image_rows::ImageRows;
use super::prepare::{LEAST_STD, Normalization, Pixels, Shape};
use super::read_ahead::{FromDisk, ImageFiles, ReadAhead};
use super::{DataError, Dataset, Entry, OnProgress};
use crate::run::{InputSpec, Normalize, Split};
use rayon::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The images of one split, ready to become batches of one input size.
///
/// The first of them are kept in memory as bytes, as many as there is room for; the others are read from disk again for
/// each batch ([`Images::read_ahead`]). Where an image lies changes no bit of a batch.
pub struct Images {
    shape: Shape,
    kept: Vec<Pixels>,
    /// All of the split's.
    files: Arc<ImageFiles>,
    labels: Vec<u32>,
}

impl Images {
    /// Decodes the images of a split, in parallel, as long as they fit into `room` bytes, which are taken from it. A
    /// split without images gives none.
    pub fn load(
        dataset: &Dataset,
        split: Split,
        input: &InputSpec,
        room: &mut u64,
        progress: OnProgress,
    ) -> Result<Images, DataError> {
        let entries = dataset.index.of(split).cloned().collect();
        Images::of(dataset, entries, input, room, progress)
    }

    /// As [`Images::load`], for chosen images of a dataset.
    pub fn of(
        dataset: &Dataset,
        entries: Vec<Entry>,
        input: &InputSpec,
        room: &mut u64,
        progress: OnProgress,
    ) -> Result<Images, DataError> {
        let shape = Shape::of(input);
        let files = ImageFiles {
            root: dataset.root.clone(),
            entries,
            shape,
        };
        let mut fitting = 0;
        for entry in &files.entries {
            let own = u64::from(entry.width) * u64::from(entry.height) * u64::from(entry.channels);
            let bytes = own.min(4 * (shape.area() * shape.planes(entry.channels)) as u64);
            let Some(left) = room.checked_sub(bytes) else {
                // What comes later in the index is not let in before it: a split is kept from its beginning.
                *room = 0;
                break;
            };
            *room = left;
            fitting += 1;
        }
        let (done, of) = (AtomicU64::new(0), fitting as u64);
        let kept = (0..fitting)
            .into_par_iter()
            .map(|number| {
                let pixels = files.read(number)?;
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, of);
                Ok(pixels)
            })
            .collect::<Result<Vec<_>, DataError>>()?;
        Ok(Images {
            shape,
            kept,
            labels: files.entries.iter().map(|entry| entry.label).collect(),
            files: Arc::new(files),
        })
    }

    /// Images that never were files: 8-bit planes (C, H, W) of the input's own shape each.
    pub fn of_planes(input: &InputSpec, planes: Vec<Vec<u8>>, labels: Vec<u32>) -> Images {
        let keep = |planes| {
            Pixels::Bytes(Decoded {
                format: Format::Png,
                width: input.width as u32,
                height: input.height as u32,
                channels: input.channels as u8,
                planes,
                transparent: false,
            })
        };
        Images {
            shape: Shape::of(input),
            kept: planes.into_iter().map(keep).collect(),
            files: Arc::new(ImageFiles {
                root: PathBuf::new(),
                entries: Vec::new(),
                shape: Shape::of(input),
            }),
            labels,
        }
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many are read from disk for each batch, for want of room.
    pub fn on_disk(&self) -> usize {
        self.len() - self.kept.len()
    }

    /// The class of each image, in the index's order.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The classes of the chosen images.
    pub fn labels_of(&self, which: &[usize]) -> Vec<u32> {
        which.iter().map(|&i| self.labels[i]).collect()
    }

    /// What [`Normalize`] means for a dataset; `self` are the training images.
    ///
    /// `train` gives mean and standard deviation of each channel over all training pixels after gray and resizing,
    /// pixels being 0 to 1; a constant channel is divided by 1. Images that are not in memory are read once for it.
    pub fn normalization(
        &self,
        input: &InputSpec,
        progress: OnProgress,
    ) -> Result<Normalization, DataError> {
        let channels = self.shape.channels;
        Ok(match &input.normalize {
            Normalize::None | Normalize::Image => Normalization {
                mean: vec![0.0; channels],
                std: vec![1.0; channels],
                per_image: input.normalize == Normalize::Image,
            },
            Normalize::Fixed { mean, std } => Normalization {
                mean: mean.iter().map(|&x| x as f32).collect(),
                std: std.iter().map(|&x| x as f32).collect(),
                per_image: false,
            },
            Normalize::Train => self.fitted(progress)?,
        })
    }

    fn fitted(&self, progress: OnProgress) -> Result<Normalization, DataError> {
        let Shape { channels, .. } = self.shape;
        let area = self.shape.area();
        let (done, of) = (AtomicU64::new(0), self.on_disk() as u64);
        let sums: Vec<Vec<(f64, f64)>> = (0..self.len())
            .into_par_iter()
            .map_init(Vec::new, |scratch, number| {
                let read;
                let pixels = match self.kept.get(number) {
                    Some(pixels) => pixels,
                    None => {
                        read = self.files.read(number)?;
                        progress(done.fetch_add(1, Ordering::Relaxed) + 1, of);
                        &read
                    }
                };
                Ok(pixels
                    .planes(self.shape, scratch)
                    .chunks_exact(area)
                    .map(|plane| {
                        plane.iter().fold((0.0, 0.0), |(sum, squares), &x| {
                            let x = f64::from(x);
                            (sum + x, squares + x * x)
                        })
                    })
                    .collect())
            })
            .collect::<Result<_, DataError>>()?;
        // Image by image in order, so that the number of threads changes no bit.
        let mut totals = vec![(0.0, 0.0); channels];
        for image in &sums {
            for (total, plane) in totals.iter_mut().zip(image.iter().cycle()) {
                total.0 += plane.0;
                total.1 += plane.1;
            }
        }
        let n = (self.len() * area).max(1) as f64;
        let mut normalization = Normalization {
            mean: Vec::with_capacity(channels),
            std: Vec::with_capacity(channels),
            per_image: false,
        };
        for (sum, squares) in totals {
            let mean = sum / n / 255.0;
            let std = (squares / n / 65025.0 - mean * mean).max(0.0).sqrt();
            normalization.mean.push(mean as f32);
            normalization
                .std
                .push(if std < LEAST_STD { 1.0 } else { std as f32 });
        }
        Ok(normalization)
    }

    /// Begins to read what these batches want of the images that are not in memory, in this order.
    pub fn read_ahead(&self, batches: &[Vec<usize>]) -> ReadAhead {
        if self.on_disk() == 0 {
            return ReadAhead::nothing();
        }
        let missing = |which: &Vec<usize>| {
            let missing = which.iter().copied().filter(|&i| i >= self.kept.len());
            missing.collect()
        };
        ReadAhead::start(self.files.clone(), batches.iter().map(missing).collect())
    }

    /// Writes the chosen images as (N, C, H, W) float32, normalized, into `out`, in parallel over images.
    ///
    /// `read` holds those of them that are not in memory, in their order: see [`ReadAhead`].
    ///
    /// # Panics
    ///
    /// Where `out` has not N · C · H · W places, or `read` is of another batch.
    pub fn batch(
        &self,
        which: &[usize],
        read: &FromDisk,
        normalization: &Normalization,
        out: &mut [f32],
    ) {
        let (shape, size) = (self.shape, self.shape.channels * self.shape.area());
        let pixels = self.chosen(which, read);
        assert_eq!(out.len(), which.len() * size, "a batch of another shape");
        out.par_chunks_exact_mut(size).zip(pixels).for_each_init(
            Vec::new,
            |scratch, (out, pixels)| {
                pixels.write(shape, normalization, scratch, out);
            },
        );
    }

    /// The chosen images as rows that are made a part at a time: None where one of them is not in memory at the network's size.
    pub fn rows(&self, which: &[usize], normalization: &Normalization) -> Option<ImageRows<'_>> {
        let images: Option<Vec<&Pixels>> = which.iter().map(|&i| self.kept.get(i)).collect();
        ImageRows::of(&images?, self.shape, normalization)
    }

    /// Calls `each` with the position among `which`, the planes at the input's size, 0 to 255 (1 or C, H, W), and the
    /// image's place in `out` (C, H, W), in parallel over the chosen images; every thread has a `Scratch` of its own.
    ///
    /// # Panics
    ///
    /// As [`Images::batch`].
    pub fn each<Scratch: Default>(
        &self,
        which: &[usize],
        read: &FromDisk,
        out: &mut [f32],
        each: impl Fn(&mut Scratch, usize, &[f32], &mut [f32]) + Sync,
    ) {
        let (shape, size) = (self.shape, self.shape.channels * self.shape.area());
        let pixels = self.chosen(which, read);
        assert_eq!(out.len(), which.len() * size, "a batch of another shape");
        let places = out.par_chunks_exact_mut(size).zip(pixels).enumerate();
        places.for_each_init(
            Default::default,
            |(planes, scratch): &mut (Vec<f32>, _), (i, (out, pixels))| {
                each(scratch, i, pixels.planes(shape, planes), out);
            },
        );
    }

    /// The chosen images, those that are not in memory from `read`.
    fn chosen<'a>(&'a self, which: &[usize], read: &'a FromDisk) -> Vec<&'a Pixels> {
        let mut read = read.0.iter();
        let pixels: Vec<&Pixels> = which
            .iter()
            .filter_map(|&number| self.kept.get(number).or_else(|| read.next()))
            .collect();
        assert_eq!(pixels.len(), which.len(), "images read for another batch");
        pixels
    }
}
