//! The images of one split in memory, ready to become batches.

use super::prepare::{Normalization, Pixels, Shape};
use super::{DataError, Dataset, Limits, OnProgress, decode};
use crate::run::{InputSpec, Normalize, Split};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// The images of one split in memory, ready to become batches of one input size.
pub struct Images {
    shape: Shape,
    pixels: Vec<Pixels>,
    labels: Vec<u32>,
}

impl Images {
    /// Decodes the images of a split, in parallel. A split without images gives none.
    pub fn load(
        dataset: &Dataset,
        split: Split,
        input: &InputSpec,
        progress: OnProgress,
    ) -> Result<Images, DataError> {
        let shape = Shape::of(input);
        let limits = Limits::DEFAULT;
        let entries: Vec<_> = dataset.index.of(split).collect();
        let needed: u64 = entries
            .iter()
            .map(|e| {
                let own = u64::from(e.width) * u64::from(e.height) * u64::from(e.channels);
                own.min(4 * (shape.area() * shape.planes(e.channels)) as u64)
            })
            .sum();
        if needed > limits.memory_bytes {
            return DataError::refused(format!(
                "the {} {} images would take {} GiB of memory at {} × {}, and at most {} GiB are used: \
                 choose a smaller image size, or fewer images",
                entries.len(),
                split.word(),
                needed >> 30,
                shape.height,
                shape.width,
                limits.memory_bytes >> 30
            ));
        }
        let (done, of) = (AtomicU64::new(0), entries.len() as u64);
        let pixels = entries
            .par_iter()
            .map(|entry| {
                let path = dataset.root.join(&entry.path);
                let image = decode::read(&path, &limits).map_err(|reason| {
                    DataError::Refused(format!(
                        "{}: {reason}; it was readable when the dataset was taken in",
                        entry.path
                    ))
                })?;
                let found = (image.width, image.height, image.channels);
                if found != (entry.width, entry.height, entry.channels) {
                    return DataError::refused(format!(
                        "{} has changed since the dataset was taken in: take the dataset in again",
                        entry.path
                    ));
                }
                let kept = Pixels::keep(image, shape);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, of);
                Ok(kept)
            })
            .collect::<Result<Vec<_>, DataError>>()?;
        Ok(Images {
            shape,
            pixels,
            labels: entries.iter().map(|entry| entry.label).collect(),
        })
    }

    pub fn len(&self) -> usize {
        self.pixels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The class of each image, in the index's order.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// What [`Normalize`] means for a dataset; `self` are the training images.
    ///
    /// `train` gives mean and standard deviation of each channel over all training pixels after gray and resizing,
    /// pixels being 0 to 1; a constant channel is divided by 1.
    pub fn normalization(&self, input: &InputSpec) -> Normalization {
        let channels = self.shape.channels;
        match &input.normalize {
            Normalize::None => Normalization {
                mean: vec![0.0; channels],
                std: vec![1.0; channels],
            },
            Normalize::Fixed { mean, std } => Normalization {
                mean: mean.iter().map(|&x| x as f32).collect(),
                std: std.iter().map(|&x| x as f32).collect(),
            },
            Normalize::Train => self.fitted(),
        }
    }

    fn fitted(&self) -> Normalization {
        let Shape { channels, .. } = self.shape;
        let area = self.shape.area();
        let sums: Vec<Vec<(f64, f64)>> = self
            .pixels
            .par_iter()
            .map_init(Vec::new, |scratch, pixels| {
                pixels
                    .planes(self.shape, scratch)
                    .chunks_exact(area)
                    .map(|plane| {
                        plane.iter().fold((0.0, 0.0), |(sum, squares), &x| {
                            let x = f64::from(x);
                            (sum + x, squares + x * x)
                        })
                    })
                    .collect()
            })
            .collect();
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
        };
        for (sum, squares) in totals {
            let mean = sum / n / 255.0;
            let std = (squares / n / 65025.0 - mean * mean).max(0.0).sqrt();
            normalization.mean.push(mean as f32);
            normalization
                .std
                .push(if std < 1e-6 { 1.0 } else { std as f32 });
        }
        normalization
    }

    /// Writes the chosen images as (N, C, H, W) float32, normalized, into `out`, in parallel over images.
    ///
    /// # Panics
    ///
    /// Where `out` has not N · C · H · W places, or an image's number is not below [`Images::len`].
    pub fn batch(&self, which: &[usize], normalization: &Normalization, out: &mut [f32]) {
        let size = self.shape.channels * self.shape.area();
        assert_eq!(out.len(), which.len() * size, "a batch of another shape");
        out.par_chunks_exact_mut(size).zip(which).for_each_init(
            Vec::new,
            |scratch, (out, &image)| {
                self.pixels[image].write(self.shape, normalization, scratch, out);
            },
        );
    }
}
