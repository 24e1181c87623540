//! Batches of changed images.

use super::blur::{self, Room};
use super::change::Change;
use super::tone::Tone;
use super::{mixup, warp};
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
    shares: Stream,
    /// A batch before it is mixed; empty without mixup.
    unmixed: Vec<f32>,
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
            shares: Stream::new(seed, "augment.mixup"),
            unmixed: Vec::new(),
        }
    }

    /// Writes a batch (N, C, H, W), changed and normalized, into `out`, in parallel over its images. With mixup: gives
    /// each image's own share, the rest being that of its [`Augmenter::partner`].
    ///
    /// # Panics
    ///
    /// As [`Images::batch`].
    pub fn batch(&mut self, batch: &Batch, out: &mut [f32]) -> Option<Vec<f32>> {
        if self.augment.mixup == 0.0 {
            self.changed(batch, out);
            return None;
        }
        let steps = batch.steps.iter();
        let shares: Vec<f32> = steps
            .map(|&step| mixup::share(self.augment.mixup, &self.shares.at(step)))
            .collect();
        let mut unmixed = std::mem::take(&mut self.unmixed);
        unmixed.resize(out.len(), 0.0);
        self.changed(batch, &mut unmixed);
        mixup::mix(&unmixed, &shares, out);
        self.unmixed = unmixed;
        Some(shares)
    }

    /// The position that the image at position `i` of a batch of `n` is mixed with.
    pub fn partner(i: usize, n: usize) -> usize {
        mixup::partner(i, n)
    }

    fn changed(&self, batch: &Batch, out: &mut [f32]) {
        batch
            .images
            .each(batch.places, batch.read, out, |scratch, i, planes, out| {
                self.image(batch.steps[i], planes, out, scratch);
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
