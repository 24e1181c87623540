//! One epoch of a run: trained, scored, reported, put on the disk.

use super::ahead::TrainingPass;
use super::checkpoint::{self, BEST, CheckpointMetrics, LAST};
use super::clock::Phase;
use super::scoring::{self, Scores};
use super::session::{Left, Session};
use super::state::{self, STATE, Standing};
use super::{TrainError, Wish, device, order};
use crate::model::{GradientFinding, StepError};
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
        let recalibrate = self.spec.train.recalibrate;
        if recalibrate
            && epoch == self.spec.train.epochs
            && let Err(wish) = self.recalibrate(epoch)?
        {
            return Ok(Some(Left::Wish(wish)));
        }
        let mut report = match self.report(epoch, &running)? {
            Ok(report) => report,
            Err(wish) => return Ok(Some(Left::Wish(wish))),
        };
        // Early stopping is not foreseen: the epoch that it would end with is scored once more.
        if recalibrate
            && epoch < self.spec.train.epochs
            && self.selection.would_end_with(&report.record)
        {
            if let Err(wish) = self.recalibrate(epoch)? {
                return Ok(Some(Left::Wish(wish)));
            }
            report = match self.report(epoch, &running)? {
                Ok(report) => report,
                Err(wish) => return Ok(Some(Left::Wish(wish))),
            };
        }
        report.record.seconds = started.elapsed().as_secs_f64();
        let metrics = |split| report.record.split(split).cloned();
        let sealed = self.spec.test == TestFigures::Sealed;
        self.facts.metrics = CheckpointMetrics {
            train: metrics(Split::Train),
            val: metrics(Split::Val),
            // A checkpoint is downloaded by whoever may not see sealed figures.
            test: metrics(Split::Test).filter(|_| !sealed),
        };
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
        self.rate.take(record);
        self.facts.epoch = epoch;
        self.keep(improved)?;
        Ok(None)
    }

    /// Scores all splits; the epoch's seconds are filled in by the one who knows when it began.
    fn report(
        &mut self,
        epoch: u32,
        running: &Running,
    ) -> Result<Result<EpochReport, Wish>, TrainError> {
        let mut scores = Vec::with_capacity(3);
        for split in Split::ALL {
            match self.score(epoch, split)? {
                Ok(scored) => scores.push(scored),
                Err(wish) => return Ok(Err(wish)),
            }
        }
        let metrics = |i: usize| scores[i].as_ref().map(|s: &Scores| s.metrics.clone());
        let record = EpochRecord {
            epoch,
            lr: self.rate.of_epoch(epoch),
            seconds: 0.0,
            train: metrics(0),
            val: metrics(1),
            test: metrics(2),
            running: Some(running.clone()),
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
        Ok(Ok(report))
    }

    /// Writes the state, then the checkpoints that follow from it.
    fn keep(&mut self, improved: bool) -> Result<(), TrainError> {
        let standing = Standing {
            selection: self.selection.state().clone(),
            plateau: self.rate.state().clone(),
            instruction_set: device::arithmetic(self.network.device()),
        };
        let trained = self.average.as_ref().map(|a| a.trained(&self.network));
        state::write(
            self.folder,
            &self.facts,
            &standing,
            &self.network,
            &self.optimizer,
            trained.unwrap_or_default(),
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
        if let Some(average) = &mut self.average {
            average.hide(&self.network)?;
        }
        let train = &self.spec.train;
        let n = self.input.of(Split::Train).len();
        let first = u64::from(epoch - 1) * order::steps(n, train.batch_size);
        let (mut loss_sum, mut correct, mut done) = (0.0, 0_u32, 0);
        let order = order::of_epoch(self.input.of(Split::Train).labels(), train, epoch);
        let mut pass = TrainingPass::new(self.input.of(Split::Train), order, self.spec, epoch)?;
        let mut step = first;
        while let Some((images, targets)) = pass.next_batch()? {
            let shown = targets.labels.len();
            match self.observer.wish() {
                Wish::Continue => {}
                wish => return Ok(Err(Left::Wish(wish))),
            }
            let lr = self.rate.at(step);
            let taken = match self
                .network
                .step(images, targets, step, &mut self.optimizer, lr)
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
            if let Some(average) = &self.average {
                average.take(&self.network, step == 0)?;
            }
            loss_sum += taken.loss_sum;
            correct += taken.correct;
            done += shown;
            step += 1;
            if let Some(progress) = self.clock.tick(epoch, Phase::Training, shown, (done, n)) {
                self.observer.progress(&progress);
            }
        }
        if let Some(average) = &mut self.average {
            average.show(&self.network)?;
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
        let at_once = scoring::at_once(&self.network, self.spec.train.batch_size);
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
