//! One epoch of a run: trained, scored, reported, put on the disk.

use super::ahead::TrainingPass;
use super::checkpoint::{self, BEST, CheckpointMetrics, LAST};
use super::clock::Phase;
use super::scoring::{self, MOST_AT_ONCE, Scores};
use super::session::{Left, Session};
use super::state::{self, STATE, Standing};
use super::{TrainError, Wish, order};
use crate::model::{GradientFinding, StepError};
use crate::nn::instruction_set;
use crate::run::{EpochRecord, EpochReport, Running, Split, TestFigures};
use std::time::Instant;

impl Session<'_> {
    /// Trains and scores one epoch, reports it, and puts it on the disk.
    pub(super) fn epoch(&mut self, epoch: u32) -> Result<Option<Left>, TrainError> {
        let started = Instant::now();
        let running = match self.train(epoch)? {
            Ok(running) => running,
            Err(left) => return Ok(Some(left)),
        };
        let mut scores = Vec::with_capacity(3);
        for split in Split::ALL {
            match self.score(epoch, split)? {
                Ok(scored) => scores.push(scored),
                Err(wish) => return Ok(Some(Left::Wish(wish))),
            }
        }
        let metrics = |i: usize| scores[i].as_ref().map(|s: &Scores| s.metrics.clone());
        let record = EpochRecord {
            epoch,
            lr: self.spec.train.optimizer.lr(),
            seconds: started.elapsed().as_secs_f64(),
            train: metrics(0),
            val: metrics(1),
            test: metrics(2),
            running: Some(running),
        };
        let sealed = self.spec.test == TestFigures::Sealed;
        self.facts.metrics = CheckpointMetrics {
            train: metrics(0),
            val: metrics(1),
            // A checkpoint is downloaded by whoever may not see sealed figures.
            test: metrics(2).filter(|_| !sealed),
        };
        let mut report = EpochReport {
            record,
            confusion: Vec::new(),
            images: Vec::new(),
        };
        for (split, scored) in Split::ALL.into_iter().zip(scores) {
            let Some(scored) = scored else { continue };
            report.confusion.push((split, scored.confusion));
            if split != Split::Train {
                report.images.push((split, scored.images));
            }
        }
        self.observer.epoch(&report);

        let record = &report.record;
        let lost = Split::ALL
            .into_iter()
            .filter(|split| !(sealed && *split == Split::Test))
            .find(|s| record.split(*s).is_some_and(|m| !m.loss.is_finite()));
        if let Some(split) = lost {
            return Ok(Some(Left::Diverged(format!(
                "the {} loss after epoch {epoch} is not a number: {}. Lower the learning rate",
                split.word(),
                scoring::not_finite(&self.network)?.map_or_else(
                    || "the weights are finite, but the scores they give are not".to_owned(),
                    |name| format!("{name} is no longer finite")
                ),
            ))));
        }
        let improved = self.selection.take(record);
        self.facts.epoch = epoch;
        self.keep(improved)?;
        Ok(None)
    }

    /// Writes the state, then the checkpoints that follow from it.
    fn keep(&mut self, improved: bool) -> Result<(), TrainError> {
        let standing = Standing {
            selection: self.selection.state().clone(),
            instruction_set: instruction_set().to_owned(),
        };
        state::write(
            self.folder,
            &self.facts,
            &standing,
            &self.network,
            &self.optimizer,
        )?;
        self.observer.checkpoint(STATE);
        if improved && let Some(best) = self.selection.best() {
            self.observer.best(best);
        }
        let tensors = self.network.tensors()?;
        for name in improved.then_some(BEST).into_iter().chain([LAST]) {
            let path = self.folder.join(name);
            checkpoint::write(&path, &self.facts, &tensors).map_err(TrainError::at(&path))?;
            self.observer.checkpoint(name);
        }
        Ok(())
    }

    /// One pass over the training images that moves the weights.
    fn train(&mut self, epoch: u32) -> Result<Result<Running, Left>, TrainError> {
        let train = &self.spec.train;
        let n = self.input.of(Split::Train).len();
        let first = u64::from(epoch - 1) * order::steps(n, train.batch_size);
        let (mut loss_sum, mut correct, mut done) = (0.0, 0_u32, 0);
        let order = order::batches(n, train.batch_size, train.seed, epoch);
        let mut pass = TrainingPass::new(self.input.of(Split::Train), order, self.spec, epoch)?;
        let mut step = first;
        while let Some((images, labels)) = pass.next_batch()? {
            match self.observer.wish() {
                Wish::Continue => {}
                wish => return Ok(Err(Left::Wish(wish))),
            }
            let lr = train.optimizer.lr();
            let taken = match self
                .network
                .step(images, &labels, step, &mut self.optimizer, lr)
            {
                Ok(taken) => taken,
                Err(StepError::Candle(error)) => return Err(error.into()),
                Err(StepError::Diverged { loss, place }) => {
                    return Ok(Err(Left::Diverged(format!(
                        "the loss became {loss} in epoch {epoch}, step {}: {place}. Lower the learning rate",
                        step - first + 1
                    ))));
                }
            };
            if step == 0 {
                self.tell_gradients(&taken.findings);
            }
            loss_sum += taken.loss_sum;
            correct += taken.correct;
            done += labels.len();
            step += 1;
            if let Some(progress) = self
                .clock
                .tick(epoch, Phase::Training, labels.len(), (done, n))
            {
                self.observer.progress(&progress);
            }
        }
        Ok(Ok(Running {
            loss: loss_sum / n as f64,
            accuracy: f64::from(correct) / n as f64,
        }))
    }

    /// Says what the first step's gradients show; where a parameter gets none without a reason, something is wrong.
    fn tell_gradients(&mut self, findings: &[GradientFinding]) {
        let (expected, odd): (Vec<_>, Vec<_>) = findings.iter().partition(|f| f.by_structure);
        let count = self.network.parameters().len();
        let mut message = format!(
            "first step: {} of {count} parameter tensors get a gradient",
            count - findings.len()
        );
        if !expected.is_empty() {
            let names: Vec<&str> = expected.iter().map(|f| f.parameter.as_str()).collect();
            message += &format!(
                "; by the network's own structure these get none: {}",
                names.join(", ")
            );
        }
        self.observer.log(&message);
        for finding in odd {
            self.observer.log(&format!(
                "warning: {}: {}",
                finding.parameter, finding.reason
            ));
        }
    }

    /// Scores a split in evaluation mode; nothing for a split without images.
    fn score(
        &mut self,
        epoch: u32,
        split: Split,
    ) -> Result<Result<Option<Scores>, Wish>, TrainError> {
        let batches = self.input.of(split);
        let n = batches.len();
        if n == 0 {
            return Ok(Ok(None));
        }
        let at_once = self.spec.train.batch_size.min(MOST_AT_ONCE);
        let mut wish = Wish::Continue;
        let (observer, clock) = (&mut *self.observer, &mut self.clock);
        let scores = scoring::score(&self.network, batches, at_once, |images, done| {
            if let Some(progress) = clock.tick(epoch, Phase::Scoring, images, (done, n)) {
                observer.progress(&progress);
            }
            wish = observer.wish();
            wish == Wish::Continue
        })?;
        Ok(match scores {
            Some(scores) => Ok(Some(scores)),
            None => Err(wish),
        })
    }
}
