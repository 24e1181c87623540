//! The images of one split in memory, and the formula that makes batches of them.
//!
//! Gray where one channel is asked for (0.299 R + 0.587 G + 0.114 B), then [`resize`](super::resize), then from 0–255 to
//! 0–1, then normalisation, all in float32. Gray images are repeated where three channels are asked for.

use super::decode::{self, Decoded};
use super::resize::Resize;
use super::{DataError, Dataset, Limits, OnProgress};
use crate::run::{InputSpec, Normalize, Split};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Subtracted from and divided by, a channel, pixels being 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
}

impl Normalization {
    /// The same as a factor and a summand for pixels of 0 to 255.
    fn affine(&self, channel: usize) -> (f32, f32) {
        let (mean, std) = (f64::from(self.mean[channel]), f64::from(self.std[channel]));
        ((1.0 / (255.0 * std)) as f32, (-mean / std) as f32)
    }
}

/// The shape that a network takes: channels, height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    channels: usize,
    height: usize,
    width: usize,
}

impl Shape {
    fn of(input: &InputSpec) -> Shape {
        Shape {
            channels: input.channels,
            height: input.height,
            width: input.width,
        }
    }

    fn area(self) -> usize {
        self.height * self.width
    }

    /// How many different planes an image of `channels` gives: gray ones are repeated only in the batch.
    fn planes(self, channels: u8) -> usize {
        self.channels.min(usize::from(channels))
    }
}

/// One image as it is kept: whichever is smaller.
enum Pixels {
    /// As decoded.
    Bytes(Decoded),
    /// Resized, 0 to 255, (1 or channels, height, width).
    Floats(Vec<f32>),
}

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
                let kept = keep(image, shape);
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
                planes(pixels, self.shape, scratch)
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
                normalize(&self.pixels[image], self.shape, normalization, scratch, out);
            },
        );
    }
}

/// Prepares one image file as a batch of one: (C, H, W) float32, normalized.
pub fn prepare(
    path: &Path,
    input: &InputSpec,
    normalization: &Normalization,
) -> Result<Vec<f32>, DataError> {
    let image = decode::read(path, &Limits::DEFAULT)
        .map_err(|reason| DataError::Refused(format!("{}: {reason}", path.display())))?;
    let shape = Shape::of(input);
    let mut out = vec![0.0; shape.channels * shape.area()];
    let pixels = Pixels::Bytes(image);
    normalize(&pixels, shape, normalization, &mut Vec::new(), &mut out);
    Ok(out)
}

/// Chooses the smaller of the image's own bytes and its resized floats.
fn keep(image: Decoded, shape: Shape) -> Pixels {
    if image.planes.len() <= 4 * shape.planes(image.channels) * shape.area() {
        return Pixels::Bytes(image);
    }
    let mut floats = Vec::new();
    resized(&image, shape, &mut floats);
    Pixels::Floats(floats)
}

/// Writes an image as (C, H, W), normalized, into `out`.
fn normalize(
    pixels: &Pixels,
    shape: Shape,
    normalization: &Normalization,
    scratch: &mut Vec<f32>,
    out: &mut [f32],
) {
    let area = shape.area();
    if let Pixels::Bytes(image) = pixels
        && is_ready(image, shape)
    {
        let planes = image.planes.chunks_exact(area).cycle();
        for (c, (plane, out)) in planes.zip(out.chunks_exact_mut(area)).enumerate() {
            let (factor, summand) = normalization.affine(c);
            for (out, &x) in out.iter_mut().zip(plane) {
                *out = f32::from(x) * factor + summand;
            }
        }
        return;
    }
    let planes = planes(pixels, shape, scratch).chunks_exact(area).cycle();
    for (c, (plane, out)) in planes.zip(out.chunks_exact_mut(area)).enumerate() {
        let (factor, summand) = normalization.affine(c);
        for (out, &x) in out.iter_mut().zip(plane) {
            *out = x * factor + summand;
        }
    }
}

/// True where an image's own planes are the network's: right size, no conversion to gray.
fn is_ready(image: &Decoded, shape: Shape) -> bool {
    (image.height as usize, image.width as usize) == (shape.height, shape.width)
        && (usize::from(image.channels) == shape.channels || image.channels == 1)
}

/// The image's planes at the network's size, 0 to 255; `scratch` holds them where they are not kept like that.
fn planes<'a>(pixels: &'a Pixels, shape: Shape, scratch: &'a mut Vec<f32>) -> &'a [f32] {
    match pixels {
        Pixels::Floats(floats) => floats,
        Pixels::Bytes(image) => {
            resized(image, shape, scratch);
            scratch
        }
    }
}

/// Writes gray and resized planes, 0 to 255, into `out`: as many as [`Shape::planes`].
fn resized(image: &Decoded, shape: Shape, out: &mut Vec<f32>) {
    let from = (image.height as usize, image.width as usize);
    let area = shape.area();
    out.resize(shape.planes(image.channels) * area, 0.0);
    let resize = Resize::new(from, (shape.height, shape.width));
    if shape.channels == 1 && image.channels == 3 {
        resize.plane(&gray(&image.planes), out);
        return;
    }
    for (plane, out) in image
        .planes
        .chunks_exact(from.0 * from.1)
        .zip(out.chunks_exact_mut(area))
    {
        resize.plane(plane, out);
    }
}

/// 0.299 R + 0.587 G + 0.114 B of (3, H, W), not rounded.
fn gray(planes: &[u8]) -> Vec<f32> {
    let (red, rest) = planes.split_at(planes.len() / 3);
    let (green, blue) = rest.split_at(rest.len() / 2);
    red.iter()
        .zip(green)
        .zip(blue)
        .map(|((&r, &g), &b)| 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b))
        .collect()
}
