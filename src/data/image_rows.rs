//! A batch of images as a network's input that is made a part at a time.

use super::prepare::{Normalization, Pixels, Planes, Shape};
use crate::nn::LazyRows;
use rayon::prelude::*;

/// Images (N, C · H · W) that lie in memory at the network's size: their numbers are made where they are asked for.
pub struct ImageRows<'a> {
    /// Pixels of a plane.
    area: usize,
    /// With the factor and the summand of each channel.
    images: Vec<(Planes<'a>, Vec<(f32, f32)>)>,
}

impl<'a> ImageRows<'a> {
    /// None where one of the images is not at the network's size.
    pub(super) fn of(
        images: &[&'a Pixels],
        shape: Shape,
        normalization: &Normalization,
    ) -> Option<ImageRows<'a>> {
        let area = shape.area();
        // In parallel, for an image's own mean and deviation take a way through it.
        let ready = |pixels: &&'a Pixels| {
            let planes = pixels.ready(shape)?;
            let affine = (0..shape.channels)
                .map(|channel| planes.affine(channel, area, normalization))
                .collect();
            Some((planes, affine))
        };
        Some(ImageRows {
            area,
            images: images.par_iter().map(ready).collect::<Option<_>>()?,
        })
    }
}

impl LazyRows for ImageRows<'_> {
    fn count(&self) -> usize {
        self.images.len()
    }

    /// The bits of [`Images::batch`](super::Images::batch).
    fn write(&self, image: usize, mut from: usize, mut out: &mut [f32]) {
        let (planes, affine) = &self.images[image];
        while !out.is_empty() {
            let (channel, place) = (from / self.area, from % self.area);
            let count = out.len().min(self.area - place);
            let (now, later) = out.split_at_mut(count);
            planes.scale(channel, self.area, place, affine[channel], now);
            (from, out) = (from + count, later);
        }
    }
}
