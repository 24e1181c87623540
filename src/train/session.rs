//! One run from its start, or its last checkpoint, to its end.

use super::checkpoint::{self, BEST, CheckpointFacts, CheckpointMetrics, LAST, Preprocessing};
use super::clock::{Clock, Phase};
use super::input::Input;
use super::scoring::{self, MOST_AT_ONCE, Scores};
use super::state::{self, STATE, Standing, State};
use super::stopping::{Selection, SelectionState};
use super::{Job, Observer, Outcome, TrainError, Wish, order, tensor_file};
use crate::data::Index;
use crate::model::{GradientFinding, Network, Plan, StepError, plan_for};
use crate::nn::{Optimizer, instruction_set};
use crate::run::{
    Device, EpochRecord, EpochReport, FieldError, RunSpec, RunStatus, Running, SpecError, Split,
};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// Checks that a spec can be trained on a dataset; what cannot is named by its field.
pub fn check(spec: &RunSpec, index: &Index) -> Result<Plan, SpecError> {
    let plan = plan_for(spec, index.classes.len())?;
    let images = |split| index.of(split).count();
    let mut errors = Vec::new();
    let mut say = |field: &str, message: &str| {
        errors.push(FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        });
    };
    if images(Split::Train) == 0 {
        say("dataset", "it has no training images");
    }
    if images(Split::Train) == 1 && plan.needs_two_images() {
        say(
            "dataset",
            "batch norm over single numbers needs at least two training images",
        );
    }
    if spec.train.early_stopping.is_some() && images(Split::Val) == 0 {
        say(
            "train.early_stopping",
            "the dataset has no validation images to stop by: set it to false, or give the dataset a folder val",
        );
    }
    if let Device::Cuda(_) = spec.device {
        say(
            "device",
            "training runs on the CPU in this version: write auto or cpu",
        );
    }
    if errors.is_empty() {
        Ok(plan)
    } else {
        Err(SpecError(errors))
    }
}

/// Why an epoch was left before its end.
enum Left {
    Wish(Wish),
    /// The loss is not finite; where that came from, in a sentence.
    Diverged(String),
}

pub(super) struct Session<'a> {
    spec: &'a RunSpec,
    folder: &'a Path,
    observer: &'a mut dyn Observer,
    input: Input,
    network: Network,
    optimizer: Optimizer,
    selection: Selection,
    /// Epoch and metrics are those of the last whole epoch.
    facts: CheckpointFacts,
    clock: Clock,
}

impl<'a> Session<'a> {
    pub fn start(job: &'a Job, observer: &'a mut dyn Observer) -> Result<Self, TrainError> {
        let spec = job.spec;
        let index = &job.dataset.index;
        let plan = check(spec, index)?;
        fs::create_dir_all(&job.folder).map_err(TrainError::at(&job.folder))?;
        let state = State::read(&job.folder)?;
        if let Some(state) = &state {
            state
                .check(spec, &index.classes, &index.fingerprint)
                .map_err(|reason| {
                    TrainError::State(format!("{}: {reason}", job.folder.display()))
                })?;
        }
        observer.log(&format!(
            "Gapwatch {}, {}, {} {}, data {}",
            env!("CARGO_PKG_VERSION"),
            instruction_set(),
            job.threads,
            if job.threads == 1 {
                "thread"
            } else {
                "threads"
            },
            index.fingerprint.get(..16).unwrap_or(&index.fingerprint),
        ));

        let started = Instant::now();
        let epoch = state.as_ref().map_or(0, |state| state.facts.epoch) + 1;
        let reading = Mutex::new((&mut *observer, Clock::new(0, 0, 0)));
        let input = Input::load(job.dataset, &spec.input, &|done, of| {
            // A poisoned lock means a panic that ends the run in any case.
            if let Ok(mut reading) = reading.lock() {
                let (observer, clock) = &mut *reading;
                let counts = (done as usize, of as usize);
                if let Some(progress) = clock.tick(epoch, Phase::Reading, 1, counts) {
                    observer.progress(&progress);
                }
            }
        })?;
        let [trained, val, test] = Split::ALL.map(|split| input.of(split).len());
        observer.log(&format!(
            "{trained} training, {val} validation and {test} test images read in {:.1} s",
            started.elapsed().as_secs_f64()
        ));
        if input.on_disk() > 0 {
            observer.log(&format!(
                "{} of the {} images do not fit into the {} MiB that images may take of this machine's memory: \
                 they are read from disk ahead of each step",
                input.on_disk(),
                trained + val + test,
                job.dataset.image_memory_bytes >> 20
            ));
        }
        for layer in &plan.layers {
            if let Some(note) = layer.note {
                observer.log(&format!("layer {} ({}): {note}", layer.name, layer.kind));
            }
        }

        let network = Network::new(&plan, spec.train.seed, &candle_core::Device::Cpu)?;
        let mut session = Session {
            spec,
            folder: &job.folder,
            observer,
            optimizer: network.optimizer(&spec.train.optimizer),
            network,
            selection: Selection::new(
                spec.train.early_stopping.as_ref(),
                SelectionState::default(),
            ),
            facts: CheckpointFacts {
                spec: spec.clone(),
                classes: index.classes.clone(),
                preprocessing: Preprocessing::new(&spec.input, input.normalization()),
                epoch: 0,
                metrics: CheckpointMetrics::default(),
                dataset_fingerprint: index.fingerprint.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            clock: Clock::new(0, 0, 0),
            input,
        };
        if let Some(state) = state {
            session.go_on(state, &plan)?;
        }
        let left = spec.train.epochs.saturating_sub(session.facts.epoch);
        session.clock = Clock::new(left, trained, trained + val + test);
        Ok(session)
    }

    /// Takes up a state that [`State::check`] has passed.
    fn go_on(&mut self, state: State, plan: &Plan) -> Result<(), TrainError> {
        state.mend(self.folder, plan)?;
        self.network.load(&state.weights)?;
        self.optimizer.load_state(&state.moments)?;
        self.observer
            .log(&format!("goes on after epoch {}", state.facts.epoch));
        let before = &state.standing.instruction_set;
        if before != instruction_set() {
            self.observer.log(&format!(
                "the run was begun with {before}: from here on the last bits of its figures can differ"
            ));
        }
        self.facts.epoch = state.facts.epoch;
        self.facts.metrics = state.facts.metrics;
        self.selection = Selection::new(
            self.spec.train.early_stopping.as_ref(),
            state.standing.selection,
        );
        Ok(())
    }

    /// Trains the epochs that are left.
    pub fn run(mut self) -> Result<Outcome, TrainError> {
        let epochs = self.spec.train.epochs;
        while self.facts.epoch < epochs {
            if let Some(why) = self.selection.verdict() {
                return self.finish(RunStatus::Finished, why);
            }
            match self.epoch(self.facts.epoch + 1)? {
                None => {}
                Some(Left::Diverged(message)) => return Ok(self.over(RunStatus::Diverged, message)),
                Some(Left::Wish(Wish::Stop)) => {
                    let message = format!("stopped after epoch {}", self.facts.epoch);
                    return self.finish(RunStatus::Stopped, message);
                }
                Some(Left::Wish(Wish::Cancel)) => {
                    return Ok(self.over(RunStatus::Cancelled, "cancelled".to_owned()));
                }
                Some(Left::Wish(Wish::Pause | Wish::Continue)) => return Ok(Outcome::Paused),
            }
        }
        let why = self.selection.verdict().unwrap_or_else(|| match epochs {
            1 => "the one epoch is done".to_owned(),
            _ => format!("all {epochs} epochs are done"),
        });
        self.finish(RunStatus::Finished, why)
    }

    /// Ends a run that keeps its weights: the best ones, where early stopping says so.
    fn finish(self, status: RunStatus, message: String) -> Result<Outcome, TrainError> {
        let restore = self
            .spec
            .train
            .early_stopping
            .as_ref()
            .is_some_and(|e| e.restore_best);
        if restore
            && let Some(best) = self.selection.best()
            && best.epoch != self.facts.epoch
        {
            let epoch = best.epoch;
            let (from, to) = (self.folder.join(BEST), self.folder.join(LAST));
            let bytes = fs::read(&from).map_err(TrainError::at(&from))?;
            tensor_file::replace(&to, |out| std::io::Write::write_all(out, &bytes))
                .map_err(TrainError::at(&to))?;
            self.observer.checkpoint(LAST);
            self.observer.log(&format!(
                "{LAST} now holds the weights of the best epoch, {epoch}"
            ));
        }
        Ok(self.over(status, message))
    }

    fn over(self, status: RunStatus, message: String) -> Outcome {
        Outcome::Over {
            status,
            message,
            best: self.selection.best().cloned(),
        }
    }

    /// Trains and scores one epoch, reports it, and puts it on the disk.
    fn epoch(&mut self, epoch: u32) -> Result<Option<Left>, TrainError> {
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
        self.facts.metrics = CheckpointMetrics {
            train: metrics(0),
            val: metrics(1),
            test: metrics(2),
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
        for (i, batch) in self.input.of(Split::Train).in_order(order).enumerate() {
            match self.observer.wish() {
                Wish::Continue => {}
                wish => return Ok(Err(Left::Wish(wish))),
            }
            let (images, labels) = batch?;
            let step = first + i as u64;
            let lr = train.optimizer.lr();
            let taken = match self
                .network
                .step(&images, &labels, step, &mut self.optimizer, lr)
            {
                Ok(taken) => taken,
                Err(StepError::Candle(error)) => return Err(error.into()),
                Err(StepError::Diverged { loss, place }) => {
                    return Ok(Err(Left::Diverged(format!(
                        "the loss became {loss} in epoch {epoch}, step {}: {place}. Lower the learning rate",
                        i + 1
                    ))));
                }
            };
            if step == 0 {
                self.tell_gradients(&taken.findings);
            }
            loss_sum += taken.loss_sum;
            correct += taken.correct;
            done += labels.len();
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
