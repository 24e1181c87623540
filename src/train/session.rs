//! One run from its start, or its last checkpoint, to its end.

use super::average::Average;
use super::checkpoint::{BEST, CheckpointFacts, CheckpointMetrics, LAST, Preprocessing};
use super::clock::{Clock, Phase};
use super::examination::{self, Examiner};
use super::input::Input;
use super::state::State;
use super::stopping::{Selection, SelectionState};
use super::{
    Job, LearningRate, Observer, Outcome, TrainError, Wish, balance, device, order, tensor_file,
};
use crate::data::Index;
use crate::device::check_build;
use crate::model::{Network, Place, Plan, plan_for};
use crate::nn::{Objective, Optimizer, instruction_set};
use crate::run::{ClassWeights, FieldError, RunSpec, RunStatus, Schedule, SpecError, Split};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// Checks that a spec can be trained on a dataset; what cannot is named by its field.
pub fn check(spec: &RunSpec, index: &Index) -> Result<Plan, SpecError> {
    let index = index.varied(&spec.variation)?;
    check_for(spec, index.classes.len(), &|split| index.of(split).count())
}

/// As [`check`], where only the numbers of classes and of a split's images are known.
pub fn check_for(
    spec: &RunSpec,
    classes: usize,
    images: &dyn Fn(Split) -> usize,
) -> Result<Plan, SpecError> {
    let plan = plan_for(spec, classes)?;
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
    if matches!(spec.train.schedule, Schedule::Plateau { .. }) && images(Split::Val) == 0 {
        say(
            "train.schedule",
            "the dataset has no validation images to see a plateau by: choose another schedule, or give it a folder val",
        );
    }
    if let Err(message) = check_build(spec.device) {
        say("device", &message);
    }
    if errors.is_empty() {
        Ok(plan)
    } else {
        Err(SpecError(errors))
    }
}

/// What the training images' labels and the settings make of the loss.
pub(super) fn objective(spec: &RunSpec, labels: &[u32], classes: usize) -> Objective {
    Objective {
        smoothing: spec.train.label_smoothing,
        weights: match spec.train.class_weights {
            ClassWeights::None => None,
            ClassWeights::Balanced => Some(balance::weights(labels, classes)),
        },
    }
}

/// Why an epoch was left before its end.
pub(super) enum Left {
    Wish(Wish),
    /// The loss is not finite; where that came from, in a sentence.
    Diverged(String),
}

pub(super) struct Session<'a> {
    pub(super) spec: &'a RunSpec,
    pub(super) folder: &'a Path,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) input: Input,
    pub(super) plan: Plan,
    pub(super) network: Network,
    pub(super) optimizer: Optimizer,
    /// Where one is scored and saved in the place of the trained weights.
    pub(super) average: Option<Average>,
    pub(super) rate: LearningRate,
    pub(super) selection: Selection,
    /// Epoch and metrics are those of the last whole epoch.
    pub(super) facts: CheckpointFacts,
    pub(super) clock: Clock,
}

impl<'a> Session<'a> {
    /// Begins, or goes on from the folder's state, with the network on `device`; `plan` is what [`check`] gave.
    pub fn start(
        job: &'a Job,
        plan: Plan,
        device: &candle_core::Device,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let spec = job.spec;
        let dataset = job.dataset.varied(&spec.variation)?;
        let index = &dataset.index;
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
            "Gapwatch {}, {}, {}, {} {}, data {}",
            env!("CARGO_PKG_VERSION"),
            device::described(device, spec.tf32),
            instruction_set(),
            job.threads,
            if job.threads == 1 {
                "thread"
            } else {
                "threads"
            },
            index.fingerprint.get(..16).unwrap_or(&index.fingerprint),
        ));

        if !spec.variation.is_none() {
            observer.log(&format!("the dataset is varied: {}", spec.variation));
        }

        let started = Instant::now();
        let epoch = state.as_ref().map_or(0, |state| state.facts.epoch) + 1;
        let reading = Mutex::new((&mut *observer, Clock::new(0, 0, 0, 0)));
        let mut input = Input::load(&dataset, &spec.input, &|done, of| {
            // A poisoned lock means a panic that ends the run in any case.
            if let Ok(mut reading) = reading.lock() {
                let (observer, clock) = &mut *reading;
                let counts = (done as usize, of as usize);
                if let Some(progress) = clock.tick(epoch, Phase::Reading, 1, counts) {
                    observer.progress(&progress);
                }
            }
        })?;
        input.bring_to(device)?;
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
                dataset.image_memory_bytes >> 20
            ));
        }
        for Place { layer, .. } in plan.places() {
            if let Some(note) = layer.note {
                observer.log(&format!("layer {} ({}): {note}", layer.name, layer.kind));
            }
        }

        let network = Network::new(&plan, spec.train.seed, device)?.minimising(objective(
            spec,
            input.of(Split::Train).labels(),
            plan.classes,
        ));
        let average = match spec.train.ema_decay {
            0.0 => None,
            decay => Some(Average::new(decay, &network)?),
        };
        let mut session = Session {
            spec,
            folder: &job.folder,
            observer,
            optimizer: network
                .optimizer(&spec.train.optimizer)
                .clipping(spec.train.clip_norm),
            network,
            average,
            rate: LearningRate::new(&spec.train, order::steps(trained, spec.train.batch_size)),
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
            clock: Clock::new(0, 0, 0, 0),
            plan,
            input,
        };
        if let Some(state) = state {
            session.go_on(state)?;
        }
        let left = spec.train.epochs.saturating_sub(session.facts.epoch);
        let examined = examination::images(&session.plan, &session.input);
        let recalibrated = usize::from(spec.train.recalibrate) * trained;
        session.clock = Clock::new(left, trained, trained + val + test, examined + recalibrated);
        Ok(session)
    }

    /// Takes up a state that [`State::check`] has passed.
    fn go_on(&mut self, state: State) -> Result<(), TrainError> {
        state.mend(self.folder, &self.plan)?;
        self.network.load(&state.weights)?;
        self.optimizer.load_state(&state.moments)?;
        if let Some(average) = &mut self.average {
            average.go_on(&self.network, &state.trained)?;
        }
        self.observer
            .log(&format!("goes on after epoch {}", state.facts.epoch));
        let before = &state.standing.instruction_set;
        if *before != device::arithmetic(self.network.device()) {
            self.observer.log(&format!(
                "the run was begun with {before}: from here on the last bits of its figures can differ"
            ));
        }
        self.facts.epoch = state.facts.epoch;
        self.facts.metrics = state.facts.metrics;
        self.rate = self.rate.clone().going_on(state.standing.plateau);
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

    /// Ends a run that keeps its weights, the best ones where early stopping says so, after they have been examined.
    fn finish(mut self, status: RunStatus, message: String) -> Result<Outcome, TrainError> {
        match self.examine(status)? {
            Wish::Cancel => return Ok(self.over(RunStatus::Cancelled, "cancelled".to_owned())),
            Wish::Pause => return Ok(Outcome::Paused),
            Wish::Continue | Wish::Stop => {}
        }
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

    /// Looks at the network of the last whole epoch. A cancel or a pause ends it, as does a stop of a run that has not been
    /// stopped before; the wish is given back.
    fn examine(&mut self, status: RunStatus) -> Result<Wish, TrainError> {
        if self.facts.epoch == 0 {
            return Ok(Wish::Continue);
        }
        if status == RunStatus::Stopped
            && let Some(state) = State::read(self.folder)?
        {
            // The steps since then belong to no epoch.
            self.network.load(&state.weights)?;
        }
        let of = examination::images(&self.plan, &self.input);
        self.clock.only_examination(of);
        let epoch = self.facts.epoch;
        self.observer.log(&format!(
            "examining the network of epoch {epoch}: {of} images go forward through it"
        ));
        let (observer, clock) = (&mut *self.observer, &mut self.clock);
        let (mut wish, mut done) = (Wish::Continue, 0);
        let examination = Examiner {
            plan: &self.plan,
            network: &self.network,
            input: &self.input,
            spec: self.spec,
            epoch,
        }
        .examine(&mut |images| {
            done += images;
            if let Some(progress) = clock.tick(epoch, Phase::Examining, images, (done, of)) {
                observer.progress(&progress);
            }
            wish = observer.wish();
            wish == Wish::Continue || (wish == Wish::Stop && status == RunStatus::Stopped)
        })?;
        let Some(examination) = examination else {
            return Ok(wish);
        };
        self.observer
            .log(&format!("examined in {:.1} s", examination.seconds));
        self.observer.examined(&examination);
        Ok(Wish::Continue)
    }

    fn over(self, status: RunStatus, message: String) -> Outcome {
        Outcome::Over {
            status,
            message,
            best: self.selection.best().cloned(),
        }
    }
}
