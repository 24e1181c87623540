//! The three splits in memory as batches of a network's input.

use crate::data::{DataError, Dataset, Images, Normalization};
use crate::run::{InputSpec, Split};
use candle_core::{Device, Result, Tensor};

/// A run's images.
pub(super) struct Input {
    /// Training, validation, test; a split that the dataset has not is empty.
    images: [Images; 3],
    pub normalization: Normalization,
    /// (channels, height, width).
    shape: [usize; 3],
}

impl Input {
    /// Reads all images of a dataset.
    pub fn load(dataset: &Dataset, spec: &InputSpec) -> std::result::Result<Input, DataError> {
        let load = |split| Images::load(dataset, split, spec, &|_, _| ());
        let images = [load(Split::Train)?, load(Split::Val)?, load(Split::Test)?];
        Ok(Input {
            normalization: images[0].normalization(spec),
            images,
            shape: [spec.channels, spec.height, spec.width],
        })
    }

    pub fn of(&self, split: Split) -> Batches<'_> {
        let [train, val, test] = &self.images;
        Batches {
            images: match split {
                Split::Train => train,
                Split::Val => val,
                Split::Test => test,
            },
            normalization: &self.normalization,
            shape: self.shape,
        }
    }
}

/// One split's images.
#[derive(Clone, Copy)]
pub(super) struct Batches<'a> {
    images: &'a Images,
    normalization: &'a Normalization,
    shape: [usize; 3],
}

impl<'a> Batches<'a> {
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// The class of each image, in the dataset's order.
    pub fn labels(&self) -> &'a [u32] {
        self.images.labels()
    }

    /// The chosen images (N, C, H, W) and their classes.
    pub fn get(&self, which: &[usize]) -> Result<(Tensor, Vec<u32>)> {
        let [c, h, w] = self.shape;
        let mut pixels = vec![0.0_f32; which.len() * c * h * w];
        self.images.batch(which, self.normalization, &mut pixels);
        let images = Tensor::from_vec(pixels, (which.len(), c, h, w), &Device::Cpu)?;
        let labels = self.labels();
        Ok((images, which.iter().map(|&i| labels[i]).collect()))
    }
}
