//! A checkpoint's answer for images: their classes, with the preparation that its header tells.

use super::checkpoint::{Checkpoint, CheckpointError};
use crate::data::{self, DataError, Limits, Normalization};
use crate::model::{Mode, Network, plan_for};
use crate::nn::values;
use crate::run::InputSpec;
use candle_core::{Device, Tensor};
use std::path::Path;

/// A trained network with what it needs to know of images and classes.
pub struct Classifier {
    network: Network,
    pub classes: Vec<String>,
    /// The epoch that its weights are of.
    pub epoch: u32,
    input: InputSpec,
    normalization: Normalization,
    activations: usize,
}

/// What a network makes of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// The most probable class, a position in [`Classifier::classes`].
    pub class: usize,
    /// Of each class.
    pub probabilities: Vec<f64>,
    /// Scores before softmax.
    pub logits: Vec<f32>,
}

impl Classifier {
    /// Reads a checkpoint; one whose header describes more weights than the file can hold is refused before memory is taken
    /// for them.
    pub fn open(path: &Path) -> Result<Classifier, CheckpointError> {
        let refused = |reason: String| CheckpointError {
            path: path.to_owned(),
            reason,
        };
        let Checkpoint { facts, tensors } = Checkpoint::read(path)?;
        let plan =
            plan_for(&facts.spec, facts.classes.len()).map_err(|e| refused(e.to_string()))?;
        let held: usize = tensors.values().map(Tensor::elem_count).sum();
        if plan.parameters > held {
            return Err(refused(format!(
                "its header describes {} parameters, and the file holds {held} numbers",
                plan.parameters
            )));
        }
        let network = Network::new(&plan, 0, &Device::Cpu).map_err(|e| refused(e.to_string()))?;
        network.load(&tensors).map_err(|e| refused(e.to_string()))?;
        Ok(Classifier {
            network,
            normalization: facts.preprocessing.normalization(),
            input: facts.spec.input,
            classes: facts.classes,
            epoch: facts.epoch,
            activations: plan.activations,
        })
    }

    /// Bytes that the layers' outputs of one image take together.
    pub fn bytes_an_image(&self) -> u64 {
        4 * self.activations as u64
    }

    /// An image file as the network takes it.
    pub fn prepare(&self, path: &Path, limits: &Limits) -> Result<Vec<f32>, DataError> {
        data::prepare(path, &self.input, &self.normalization, limits)
    }

    /// The answers for `n` prepared images, one after the other in `pixels`.
    pub fn classify(&self, pixels: Vec<f32>, n: usize) -> candle_core::Result<Vec<Classified>> {
        let InputSpec {
            channels,
            height,
            width,
            ..
        } = self.input;
        let images = Tensor::from_vec(pixels, (n, channels, height, width), &Device::Cpu)?;
        let logits = values(&self.network.forward(&images, Mode::Eval)?)?;
        let answers = logits.chunks_exact(self.classes.len()).map(|logits| {
            let class = (1..logits.len())
                .fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
            Classified {
                class,
                probabilities: softmax(logits, logits[class]),
                logits: logits.to_vec(),
            }
        });
        Ok(answers.collect())
    }
}

fn softmax(logits: &[f32], greatest: f32) -> Vec<f64> {
    let powers: Vec<f64> = logits
        .iter()
        .map(|&x| (f64::from(x) - f64::from(greatest)).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}
