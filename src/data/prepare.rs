//! The formula that makes a network's input of an image.
//!
//! Gray where one channel is asked for (0.299 R + 0.587 G + 0.114 B), then [`resize`](super::resize), then from 0–255 to
//! 0–1, then normalisation, all in float32. Gray images are repeated where three channels are asked for.

use super::decode::{self, Decoded};
use super::resize::Resize;
use super::{DataError, Limits};
use crate::nn::scale_bytes;
use crate::run::InputSpec;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Subtracted from and divided by, a channel, pixels being 0 to 1; where `per_image`, first each image's own channel is
/// brought to mean 0 and deviation 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
    #[serde(default)]
    pub per_image: bool,
}

/// A channel with a smaller deviation, pixels being 0 to 1, is constant: it is divided by 1.
pub(super) const LEAST_STD: f64 = 1e-6;

impl Normalization {
    /// The same as a factor and a summand for pixels of 0 to 255, which are these of the channel.
    fn affine<T: Copy + Into<f32>>(&self, channel: usize, plane: &[T]) -> (f32, f32) {
        let (mean, std) = (f64::from(self.mean[channel]), f64::from(self.std[channel]));
        if !self.per_image {
            return ((1.0 / (255.0 * std)) as f32, (-mean / std) as f32);
        }
        let (own_mean, own_std) = moments(plane);
        (
            (1.0 / (255.0 * own_std * std)) as f32,
            (-(own_mean / own_std + mean) / std) as f32,
        )
    }

    /// Writes planes of 0 to 255, `area` pixels each, as normalized channels: a single plane is repeated in all of `out`.
    pub(crate) fn write(&self, planes: &[f32], area: usize, out: &mut [f32]) {
        Planes::Floats(planes).write(area, self, out);
    }
}

/// The shape that a network takes: channels, height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    pub fn of(input: &InputSpec) -> Shape {
        Shape {
            channels: input.channels,
            height: input.height,
            width: input.width,
        }
    }

    pub fn area(self) -> usize {
        self.height * self.width
    }

    /// How many different planes an image of `channels` gives: gray ones are repeated only in the batch.
    pub fn planes(self, channels: u8) -> usize {
        self.channels.min(usize::from(channels))
    }
}

/// One image as it is kept: whichever is smaller.
pub(super) enum Pixels {
    /// As decoded.
    Bytes(Decoded),
    /// Resized, 0 to 255, (1 or channels, height, width).
    Floats(Vec<f32>),
}

/// Prepares one image file as a batch of one: (C, H, W) float32, normalized.
pub fn prepare(
    path: &Path,
    input: &InputSpec,
    normalization: &Normalization,
    limits: &Limits,
) -> Result<Vec<f32>, DataError> {
    let image = decode::read(path, limits)
        .map_err(|reason| DataError::Refused(format!("{}: {reason}", path.display())))?;
    let shape = Shape::of(input);
    let mut out = vec![0.0; shape.channels * shape.area()];
    Pixels::Bytes(image).write(shape, normalization, &mut Vec::new(), &mut out);
    Ok(out)
}

impl Pixels {
    /// Keeps the smaller of the image's own bytes and its resized floats.
    pub fn keep(image: Decoded, shape: Shape) -> Pixels {
        if image.planes.len() <= 4 * shape.planes(image.channels) * shape.area() {
            return Pixels::Bytes(image);
        }
        let mut floats = Vec::new();
        resized(&image, shape, &mut floats);
        Pixels::Floats(floats)
    }

    /// The planes at the network's size, 0 to 255, as many as [`Shape::planes`]; `scratch` holds them where they are not
    /// kept like that.
    pub fn planes<'a>(&'a self, shape: Shape, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        match self {
            Pixels::Floats(floats) => floats,
            Pixels::Bytes(image) => {
                resized(image, shape, scratch);
                scratch
            }
        }
    }

    /// Writes (C, H, W), normalized, into `out`.
    pub fn write(
        &self,
        shape: Shape,
        normalization: &Normalization,
        scratch: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        match self.ready(shape) {
            Some(planes) => planes.write(shape.area(), normalization, out),
            None => normalization.write(self.planes(shape, scratch), shape.area(), out),
        }
    }

    /// The planes, where nothing is to be done but to normalize them.
    pub fn ready(&self, shape: Shape) -> Option<Planes<'_>> {
        match self {
            Pixels::Floats(planes) => Some(Planes::Floats(planes)),
            Pixels::Bytes(image) => is_ready(image, shape).then_some(Planes::Bytes(&image.planes)),
        }
    }
}

/// Planes of 0 to 255 at the network's size, one after the other; a single one is every channel's.
pub(super) enum Planes<'a> {
    Bytes(&'a [u8]),
    Floats(&'a [f32]),
}

impl Planes<'_> {
    /// Writes (C, H, W), normalized; `area` pixels a plane.
    fn write(&self, area: usize, normalization: &Normalization, out: &mut [f32]) {
        for (c, out) in out.chunks_exact_mut(area).enumerate() {
            self.scale(c, area, 0, self.affine(c, area, normalization), out);
        }
    }

    /// The factor and the summand of a channel.
    pub fn affine(&self, channel: usize, area: usize, normalization: &Normalization) -> (f32, f32) {
        match self {
            Planes::Bytes(planes) => normalization.affine(channel, plane(planes, channel, area)),
            Planes::Floats(planes) => normalization.affine(channel, plane(planes, channel, area)),
        }
    }

    /// Writes a channel's pixels, those from `from` on, as many as fit into `out`, multiplied and added to.
    pub fn scale(
        &self,
        channel: usize,
        area: usize,
        from: usize,
        (factor, summand): (f32, f32),
        out: &mut [f32],
    ) {
        match self {
            Planes::Bytes(planes) => {
                scale_bytes(&plane(planes, channel, area)[from..], factor, summand, out);
            }
            Planes::Floats(planes) => {
                let pixels = &plane(planes, channel, area)[from..];
                let pairs = out.iter_mut().zip(pixels);
                pairs.for_each(|(out, x)| *out = x * factor + summand);
            }
        }
    }
}

fn plane<T>(planes: &[T], channel: usize, area: usize) -> &[T] {
    let single = planes.len() == area;
    let start = if single { 0 } else { channel * area };
    &planes[start..][..area]
}

/// Mean and standard deviation of pixels of 0 to 255 as if they were 0 to 1.
fn moments<T: Copy + Into<f32>>(plane: &[T]) -> (f64, f64) {
    let pixels = || plane.iter().map(|&x| f64::from(x.into()) / 255.0);
    let n = plane.len().max(1) as f64;
    let mean = pixels().sum::<f64>() / n;
    let variance = pixels().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    let std = variance.sqrt();
    (mean, if std < LEAST_STD { 1.0 } else { std })
}

/// True where an image's own planes are the network's: right size, no conversion to gray.
fn is_ready(image: &Decoded, shape: Shape) -> bool {
    (image.height as usize, image.width as usize) == (shape.height, shape.width)
        && (usize::from(image.channels) == shape.channels || image.channels == 1)
}

/// Writes gray and resized planes, 0 to 255, into `out`: as many as [`Shape::planes`].
fn resized(image: &Decoded, shape: Shape, out: &mut Vec<f32>) {
    let from = (image.height as usize, image.width as usize);
    let area = shape.area();
    if is_ready(image, shape) {
        out.clear();
        out.extend(image.planes.iter().map(|&x| f32::from(x)));
        return;
    }
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
