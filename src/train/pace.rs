//! A network's training and scoring without a run around them, for whoever times them.

use super::input::{Batches, room};
use super::{TrainError, scoring};
use crate::data::{Images, Normalization};
use crate::model::{Network, Plan, StepError};
use crate::nn::Optimizer;
use crate::run::RunSpec;
use candle_core::Device;
use std::sync::Arc;

/// A network, its optimizer, and the images that it goes through in their order, epoch by epoch.
pub struct Pace {
    network: Network,
    optimizer: Optimizer,
    batches: Batches,
    batch_size: usize,
    /// Steps done.
    steps: u64,
    lr: f64,
}

impl Pace {
    /// By a spec's seed, optimizer and batch size; its other settings are not looked at.
    pub fn new(
        spec: &RunSpec,
        plan: &Plan,
        images: Images,
        normalization: Normalization,
        device: &Device,
    ) -> Result<Pace, TrainError> {
        let network = Network::new(plan, spec.train.seed, device)?;
        let mut batches = Batches::new(images, Arc::new(normalization), &spec.input);
        batches.bring_to(device, &mut room(device))?;
        Ok(Pace {
            optimizer: network.optimizer(&spec.train.optimizer),
            network,
            batches,
            batch_size: spec.train.batch_size,
            steps: 0,
            lr: spec.train.optimizer.lr(),
        })
    }

    /// Trains an epoch; it is over when the device has done all of it.
    pub fn train(&mut self) -> Result<(), TrainError> {
        let all: Vec<usize> = (0..self.batches.len()).collect();
        let order = all.chunks(self.batch_size).map(<[usize]>::to_vec).collect();
        let mut pass = self.batches.in_order(order);
        while let Some((images, labels)) = pass.next_batch()? {
            let optimizer = &mut self.optimizer;
            let taken =
                self.network
                    .step(images, labels.as_slice(), self.steps, optimizer, self.lr);
            match taken {
                Ok(_) => self.steps += 1,
                Err(StepError::Candle(error)) => return Err(error.into()),
                Err(diverged) => return Err(TrainError::State(diverged.to_string())),
            }
        }
        Ok(self.network.device().synchronize()?)
    }

    /// Scores all images in evaluation mode.
    pub fn score(&self) -> Result<(), TrainError> {
        let at_once = scoring::at_once(&self.network, self.batch_size);
        scoring::score(&self.network, &self.batches, at_once, |_, _| true).map(|_| ())
    }

    /// The images, for what is done to them beside the network.
    pub fn images(&self) -> &Images {
        self.batches.images()
    }
}
