//! Batches of changed images.

use super::blur::{self, Room};
use super::change::Change;
use super::tone::Tone;
use super::warp;
use crate::data::{FromDisk, Images, Normalization};
use crate::nn::Stream;
use crate::run::{Augment, InputSpec};

/// Changes the images of one run.
pub struct Augmenter {
    augment: Augment,
    /// Height and width.
    size: (usize, usize),
    normalization: Normalization,
    changes: Stream,
    noise: Stream,
}

/// Which images, and what their changes are drawn from.
pub struct Batch<'a> {
    /// The step of the streams that each image's changes are drawn at: see [`Looks`](super::Looks).
    pub steps: &'a [u64],
    /// Its place in `images`.
    pub places: &'a [usize],
    pub images: &'a Images,
    /// Those of them that are not in memory.
    pub read: &'a FromDisk,
}

/// What a thread needs while it changes an image.
#[derive(Default)]
struct Scratch {
    row: warp::Row,
    planes: Vec<f32>,
    blurred: Room,
}

impl Augmenter {
    pub fn new(
        augment: &Augment,
        input: &InputSpec,
        normalization: Normalization,
        seed: u64,
    ) -> Augmenter {
        Augmenter {
            augment: augment.clone(),
            size: (input.height, input.width),
            normalization,
            changes: Stream::new(seed, "augment"),
            noise: Stream::new(seed, "augment.noise"),
        }
    }

    /// Writes a batch (N, C, H, W), changed and normalized, into `out`, in parallel over its images.
    ///
    /// # Panics
    ///
    /// As [`Images::batch`].
    pub fn batch(&self, batch: &Batch, out: &mut [f32]) {
        let Batch {
            steps,
            places,
            images,
            read,
        } = batch;
        images.each(places, read, out, |scratch, i, planes, out| {
            self.image(steps[i], planes, out, scratch);
        });
    }

    /// Writes one image (C, H, W) of its planes of 0 to 255.
    fn image(&self, step: u64, planes: &[f32], out: &mut [f32], scratch: &mut Scratch) {
        let change = Change::draw(&self.augment, self.changes.at(step), self.size);
        let Scratch {
            row,
            planes: changed,
            blurred,
        } = scratch;
        match &change.warp {
            Some(map) => warp::warp(planes, self.size, map, row, changed),
            None => {
                changed.clear();
                changed.extend_from_slice(planes);
            }
        }
        blur::blur(changed, self.size, change.blur, blurred);
        let tone = Tone {
            contrast: change.contrast,
            brightness: change.brightness,
            noise: change.noise,
        };
        tone.apply(changed, &self.noise.at(step));
        self.normalization
            .write(changed, self.size.0 * self.size.1, out);
        for mask in &change.masks {
            mask.lay_on(out, self.size);
        }
    }
}
