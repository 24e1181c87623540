//! `gapwatch train`: one run in the terminal.

use super::BadInput;
use super::intake::IntakeArguments;
use super::interrupt::Interrupt;
use super::progress::Terminal;
use super::repeated::repeated;
use super::run_folder::RunFolder;
use super::spec::SpecArguments;
use crate::data::Dataset;
use crate::diagnose::{Diagnosis, Subject, diagnose_run};
use crate::model::resolve;
use crate::nn::instruction_set;
use crate::run::{History, RunFacts, RunStatus, Split};
use crate::train::{self, Job, Outcome, TrainError};
use anyhow::{Context, Result};
use serde_json::json;
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

pub(super) fn run(arguments: TrainArguments) -> Result<ExitCode> {
    let partial = arguments.spec.partial()?;
    let earlier = arguments.spec.earlier()?;
    let intake = arguments.intake.intake()?;
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
    let (spec, plan) = resolve(partial, Some(dataset.index.common_size()))
        .and_then(|spec| train::check(&spec, &dataset.index).map(|plan| (spec, plan)))
        .map_err(|error| BadInput(error.to_string()))?;
    let threads = arguments.threads.map_or_else(super::all_cores, usize::from);

    let history = History {
        run: RunFacts {
            id: None,
            name: spec.name.clone(),
            status: RunStatus::Running,
            spec: spec.clone(),
            classes: dataset.index.classes.clone(),
            best: None,
            dataset_fingerprint: dataset.index.fingerprint.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instruction_set: instruction_set().to_owned(),
            threads,
        },
        epochs: Vec::new(),
    };
    let folder = RunFolder::open(arguments.out, history)?;
    let job = Job {
        spec: &spec,
        dataset: &dataset,
        folder: folder.path().to_owned(),
        threads,
    };
    let mut observer = terminal.observe(folder, &spec);
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
        return Ok(ExitCode::FAILURE);
    };
    folder.history.run.status = status;
    folder.history.run.best = best;
    let diagnosis = diagnosis(&folder, &dataset);
    folder.finish(&plan, &diagnosis)?;

    terminal.say(&format!("{message}. {}", diagnosis.summary));
    for finding in &diagnosis.findings {
        terminal.say(&format!("{}: {}", finding.severity.name(), finding.title));
    }
    let repeated = earlier.map(|earlier| repeated(&earlier, &folder.history));
    if let Some(repeated) = &repeated {
        terminal.say(&repeated.message);
    }
    if let Some(place) = folder.kept() {
        terminal.say(&format!(
            "History, checkpoints and diagnosis are in {}",
            place.display()
        ));
    }
    if arguments.json {
        let History { run, epochs } = &folder.history;
        let mut document =
            json!({"run": run, "epochs": epochs, "message": message, "diagnosis": diagnosis});
        if let Some(repeated) = repeated {
            document["repeated"] = json!(repeated);
        }
        println!("{document}");
    }
    Ok(match status {
        RunStatus::Diverged | RunStatus::Failed => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

fn diagnosis(folder: &RunFolder, dataset: &Dataset) -> Diagnosis {
    let history = &folder.history;
    let classes = history.run.classes.len();
    let class_counts = Split::ALL.map(|split| {
        let mut counts = vec![0; classes];
        for entry in dataset.index.of(split) {
            counts[entry.label as usize] += 1;
        }
        (split, counts)
    });
    let subject = Subject {
        epochs: &history.epochs,
        classes,
        class_counts: &class_counts,
        status: history.run.status,
        best_epoch: history.run.best.as_ref().map(|b| b.epoch),
    };
    diagnose_run(&subject, &history.run.classes, &folder.measured)
}
