//! One pass over a split: in evaluation mode, with batch statistics, or to estimate the running statistics anew.

use super::input::Batches;
use super::scoring;
use super::{TrainError, order};
use crate::model::{Mode, Network, Plan};
use crate::nn::{cross_entropy, values};
use crate::run::{ImageResults, Layer, Repetition, Split, SplitMetrics};
use candle_core::{Device, Tensor};
use std::collections::HashMap;

/// A network's parameters and running statistics by name.
type Tensors = HashMap<String, Tensor>;

/// The images of one split, and the order in which batches of training's size show them.
pub(super) struct Walk<'a> {
    pub batches: &'a Batches,
    pub batch_size: usize,
    pub seed: u64,
    pub epoch: u32,
}

impl Walk<'_> {
    /// Scores all images in evaluation mode. None where `tick` ended it, here and below.
    pub fn evaluate(
        &self,
        network: &Network,
        tick: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<(SplitMetrics, ImageResults)>, TrainError> {
        let at_once = scoring::at_once(network, self.batch_size);
        let scores = scoring::score(network, self.batches, at_once, |images, _| tick(images))?;
        Ok(scores.map(|scores| (scores.metrics, scores.images)))
    }

    /// Scores all images in training mode, in shuffled batches: the running statistics of `network` move, so it is a copy.
    pub fn train_mode(
        &self,
        network: &Network,
        tick: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<(SplitMetrics, Vec<u32>)>, TrainError> {
        self.shuffled(network, tick, |_| Ok(()))
    }

    /// As [`Walk::train_mode`], and gives `network`'s tensors with the running statistics that these batches have on
    /// average, every batch counting the same (PyTorch's `update_bn`). Its batch norms must keep a batch's statistics as
    /// they are: see [`of_batches`] and [`without_dropout`].
    pub fn recalibrate(
        &self,
        network: &Network,
        tick: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<(SplitMetrics, Tensors)>, TrainError> {
        let mut sums: Vec<(String, Vec<f64>)> = Vec::new();
        let mut batches = 0.0;
        let scored = self.shuffled(network, tick, |network| {
            batches += 1.0;
            for (i, (name, tensor)) in network.running_statistics()?.into_iter().enumerate() {
                let numbers = values(&tensor)?;
                if i == sums.len() {
                    sums.push((name, vec![0.0; numbers.len()]));
                }
                for (sum, number) in sums[i].1.iter_mut().zip(numbers) {
                    *sum += f64::from(number);
                }
            }
            Ok(())
        })?;
        let Some((metrics, _)) = scored else {
            return Ok(None);
        };
        let mut tensors: Tensors = network.tensors()?.into_iter().collect();
        for (name, sum) in sums {
            let mean: Vec<f32> = sum.iter().map(|sum| (sum / batches) as f32).collect();
            let length = mean.len();
            tensors.insert(name, Tensor::from_vec(mean, length, &Device::Cpu)?);
        }
        Ok(Some((metrics, tensors)))
    }

    fn shuffled(
        &self,
        network: &Network,
        tick: &mut dyn FnMut(usize) -> bool,
        mut after: impl FnMut(&Network) -> candle_core::Result<()>,
    ) -> Result<Option<(SplitMetrics, Vec<u32>)>, TrainError> {
        let n = self.batches.len();
        let mut prediction = vec![0; n];
        let (mut loss_sum, mut correct) = (0.0, 0);
        // Dropout's masks are those that the next epoch would have drawn.
        let first = u64::from(self.epoch) * order::steps(n, self.batch_size);
        let order = order::batches(n, self.batch_size, self.seed, self.epoch + 1);
        let mut pass = self.batches.in_order(order.clone());
        for (i, which) in order.iter().enumerate() {
            let Some((images, labels)) = pass.next_batch()? else {
                break;
            };
            let mode = Mode::Train {
                step: first + i as u64,
            };
            let result = cross_entropy(&network.forward(images, mode)?, &labels)?;
            loss_sum += result.loss_sum();
            correct += result.correct(&labels);
            for (&image, &class) in which.iter().zip(&result.prediction) {
                prediction[image] = class;
            }
            after(network)?;
            if !tick(which.len()) {
                return Ok(None);
            }
        }
        let metrics = SplitMetrics::new(loss_sum, correct, n as u32);
        Ok(Some((metrics, prediction)))
    }
}

/// Another network with the same weights and statistics, its dropout drawn from the streams of `seed`.
pub(super) fn copy(plan: &Plan, network: &Network, seed: u64) -> candle_core::Result<Network> {
    let copy = Network::new(plan, seed, network.device())?;
    copy.load(&network.tensors()?.into_iter().collect())?;
    Ok(copy)
}

/// As [`copy`], and its batch norms take each batch's statistics for their running ones.
pub(super) fn of_batches(
    plan: &Plan,
    network: &Network,
    seed: u64,
) -> candle_core::Result<Network> {
    let mut plan = plan.clone();
    plan.for_each_layer(|layer| {
        if let Layer::BatchNorm(norm) = &mut layer.layer {
            norm.momentum = 1.0;
        }
    });
    copy(&plan, network, seed)
}

/// As [`of_batches`], without dropout.
pub(super) fn without_dropout(plan: &Plan, network: &Network) -> candle_core::Result<Network> {
    let mut plan = plan.clone();
    plan.for_each_layer(|layer| {
        if let Layer::Dropout(dropout) = &mut layer.layer {
            dropout.p = 0.0;
        }
    });
    of_batches(&plan, network, 0)
}

/// What two scorings of the same images differ in.
pub(super) fn compare(split: Split, one: &ImageResults, other: &ImageResults) -> Repetition {
    let classes = one.prediction.iter().zip(&other.prediction);
    let losses = one.loss.iter().zip(&other.loss);
    Repetition {
        split,
        n: one.prediction.len() as u32,
        classes: classes.filter(|(a, b)| a != b).count() as u32,
        losses: losses.filter(|(a, b)| a.to_bits() != b.to_bits()).count() as u32,
    }
}
