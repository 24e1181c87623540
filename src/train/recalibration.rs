//! Batch norm's running statistics estimated anew before a run's last scoring.

use super::clock::Phase;
use super::passes::{self, Walk};
use super::session::Session;
use super::{TrainError, Wish};
use crate::run::Split;

impl Session<'_> {
    /// Replaces the running statistics by their mean over all batches of the training images, every batch counting the
    /// same, in training mode: PyTorch's `update_bn`. Nothing where the network has no batch norm.
    pub(super) fn recalibrate(&mut self, epoch: u32) -> Result<Result<(), Wish>, TrainError> {
        if self.network.running_statistics()?.is_empty() {
            return Ok(Ok(()));
        }
        let train = &self.spec.train;
        let walk = Walk {
            batches: self.input.of(Split::Train),
            batch_size: train.batch_size,
            seed: train.seed,
            epoch,
        };
        let n = walk.batches.len();
        let copy = passes::of_batches(&self.plan, &self.network, train.seed)?;
        let (mut wish, mut done) = (Wish::Continue, 0);
        let (observer, clock) = (&mut *self.observer, &mut self.clock);
        let estimated = walk.recalibrate(&copy, &mut |images| {
            done += images;
            if let Some(progress) = clock.tick(epoch, Phase::Recalibrating, images, (done, n)) {
                observer.progress(&progress);
            }
            wish = observer.wish();
            wish == Wish::Continue
        })?;
        let Some((_, tensors)) = estimated else {
            return Ok(Err(wish));
        };
        self.network.load(&tensors)?;
        self.observer.log(&format!(
            "batch norm's running statistics were estimated anew from {n} training images"
        ));
        Ok(Ok(()))
    }
}
