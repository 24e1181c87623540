//! `gapwatch train`: a run in the terminal, or one after the other where the spec has lists.

use super::BadInput;
use super::intake::IntakeArguments;
use super::interrupt::Interrupt;
use super::progress::Terminal;
use super::repeated::repeated;
use super::run_folder::RunFolder;
use super::spec::SpecArguments;
use crate::data::{Dataset, Index};
use crate::device::Devices;
use crate::diagnose::{Diagnosis, Subject, diagnose_run};
use crate::model::{Plan, resolve, sweep};
use crate::nn::instruction_set;
use crate::run::sweep::Settings;
use crate::run::{Device, History, RunFacts, RunSpec, RunStatus, SpecError, Split};
use crate::train::{self, Job, Outcome, TrainError};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::cell::LazyCell;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct TrainArguments {
    /// A folder or an archive of images
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    intake: IntakeArguments,
    #[command(flatten)]
    spec: SpecArguments,
    /// Where history, checkpoints and diagnosis go; a run that was interrupted there is gone on with
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Threads to train with: all cores where absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Memory that images may take: a fourth of the machine's where absent. Others are read from disk ahead of each step
    #[arg(long, value_name = "MIB")]
    image_memory: Option<u32>,
    /// One JSON document on standard output, messages on standard error
    #[arg(long)]
    json: bool,
}

/// What all runs of one call share.
pub(super) struct Trainer {
    terminal: Terminal,
    pub dataset: Dataset,
    threads: usize,
    json: bool,
}

/// A run that was trained to its end.
pub(super) struct Trained {
    pub history: History,
    pub verdict: String,
    pub message: String,
}

pub(super) fn run(arguments: TrainArguments) -> Result<ExitCode> {
    let partial = arguments.spec.partial()?;
    let earlier = arguments.spec.earlier()?;
    let intake = arguments.intake.intake()?;
    let wrong = |error: SpecError| BadInput(error.to_string());
    let sweep = sweep(&partial).map_err(wrong)?;
    let interrupt = Interrupt::listen().context("signals cannot be listened to")?;
    let terminal = Terminal::new(arguments.json, interrupt);
    let mut dataset = terminal
        .reading(&arguments.data, |progress| {
            Dataset::open_with(&arguments.data, &intake, progress)
        })
        .map_err(|error| BadInput(format!("--data {}: {error}", arguments.data.display())))?;
    if let Some(mebibytes) = arguments.image_memory {
        dataset.image_memory_bytes = u64::from(mebibytes) << 20;
    }
    let devices = LazyCell::new(Devices::ask);
    let checked = |(_, user): &(Settings, Value)| {
        let spec = resolve(user.clone(), Some(dataset.index.common_size()))?;
        if let Device::Cuda(_) = spec.device {
            devices.check(spec.device)?;
        }
        let plan = train::check(&spec, &dataset.index)?;
        Ok((spec, plan))
    };
    // Every run is checked before the first one starts.
    let mut specs = sweep
        .runs
        .iter()
        .map(checked)
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    let trainer = Trainer {
        terminal,
        dataset,
        threads: arguments.threads.map_or_else(super::all_cores, usize::from),
        json: arguments.json,
    };
    match specs.pop() {
        Some((spec, plan)) if sweep.axes.is_empty() => {
            trainer.one(spec, &plan, arguments.out, earlier)
        }
        last => {
            specs.extend(last);
            super::sweep::run(&trainer, &sweep, specs, arguments.out.as_deref())
        }
    }
}

impl Trainer {
    /// One run with its document.
    fn one(
        &self,
        spec: RunSpec,
        plan: &Plan,
        out: Option<PathBuf>,
        earlier: Option<History>,
    ) -> Result<ExitCode> {
        let Some((folder, diagnosis, message)) = self.folder(spec, plan, out)? else {
            return Ok(ExitCode::FAILURE);
        };
        let repeated = earlier.map(|earlier| repeated(&earlier, &folder.history));
        if let Some(repeated) = &repeated {
            self.say(&repeated.message);
        }
        if let Some(place) = folder.kept() {
            self.say(&format!(
                "History, checkpoints and diagnosis are in {}",
                place.display()
            ));
        }
        let History { run, epochs } = &folder.history;
        let mut document =
            json!({"run": run, "epochs": epochs, "message": message, "diagnosis": diagnosis});
        if let Some(repeated) = repeated {
            document["repeated"] = json!(repeated);
        }
        self.document(&document)?;
        Ok(match run.status {
            RunStatus::Diverged | RunStatus::Failed => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        })
    }

    /// Trains a run to its end; none where it was interrupted, which is said.
    pub fn train(
        &self,
        spec: RunSpec,
        plan: &Plan,
        out: Option<PathBuf>,
    ) -> Result<Option<Trained>> {
        let trained = self.folder(spec, plan, out)?;
        Ok(trained.map(|(folder, diagnosis, message)| Trained {
            history: folder.history,
            verdict: diagnosis.verdict.name().to_owned(),
            message,
        }))
    }

    pub fn say(&self, line: &str) {
        self.terminal.say(line);
    }

    /// Prints the document of `--json`, where that is asked for.
    pub fn document(&self, document: &impl Serialize) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(document)?);
        }
        Ok(())
    }

    fn folder(
        &self,
        spec: RunSpec,
        plan: &Plan,
        out: Option<PathBuf>,
    ) -> Result<Option<(RunFolder, Diagnosis, String)>> {
        let index = &self.dataset.index;
        let history = History {
            run: RunFacts {
                id: None,
                name: spec.name.clone(),
                status: RunStatus::Running,
                spec: spec.clone(),
                classes: index.classes.clone(),
                best: None,
                dataset_fingerprint: index.fingerprint.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                instruction_set: instruction_set().to_owned(),
                threads: self.threads,
            },
            epochs: Vec::new(),
        };
        let folder = RunFolder::open(out, history)?;
        let job = Job {
            spec: &spec,
            dataset: &self.dataset,
            folder: folder.path().to_owned(),
            threads: self.threads,
        };
        let mut observer = self.terminal.observe(folder, &spec);
        let outcome = train::train(job, &mut observer).map_err(|error| match error {
            TrainError::Spec(_) | TrainError::State(_) => BadInput(error.to_string()).into(),
            other => anyhow::Error::new(other),
        });
        let mut folder = observer.done()?;
        let Outcome::Over {
            status,
            message,
            best,
        } = outcome?
        else {
            eprintln!("{}", folder.way_on());
            return Ok(None);
        };
        folder.history.run.status = status;
        folder.history.run.best = best;
        let varied = index.varied(&folder.history.run.spec.variation)?;
        let diagnosis = diagnosis(&folder, &varied);
        folder.finish(plan, &diagnosis)?;

        self.say(&format!("{message}. {}", diagnosis.summary));
        self.say(&diagnosis.answer.sentence);
        for finding in &diagnosis.findings {
            self.say(&format!("{}: {}", finding.severity.name(), finding.title));
        }
        Ok(Some((folder, diagnosis, message)))
    }
}

fn diagnosis(folder: &RunFolder, index: &Index) -> Diagnosis {
    let history = &folder.history;
    let classes = history.run.classes.len();
    let class_counts = Split::ALL.map(|split| (split, index.class_counts(split)));
    let subject = Subject {
        epochs: &history.epochs,
        classes,
        class_counts: &class_counts,
        status: history.run.status,
        best_epoch: history.run.best.as_ref().map(|b| b.epoch),
    };
    diagnose_run(&subject, &history.run.classes, &folder.measured)
}
