//! `gapwatch diagnose`: the audit of a dataset, with a budget also a run and its probes; or the verdict from curves that something
//! else produced.

use super::BadInput;
use super::inquiry::{Budget, TerminalAttendant};
use super::intake::IntakeArguments;
use super::interrupt::Interrupt;
use super::printed::{print_causes, print_diagnosis, print_finding};
use super::progress::Terminal;
use super::spec::SpecArguments;
use crate::data::Dataset;
use crate::diagnose::audit::{Audit, audit};
use crate::diagnose::finding::Finding;
use crate::diagnose::history::{self, RecordedHistory, Unreadable};
use crate::diagnose::looks::{Looks, Source};
use crate::diagnose::predictions::Predictions;
use crate::diagnose::probes::Calibration;
use crate::diagnose::report::HistoryReport;
use crate::diagnose::simple_models::{SimpleModels, simple_models};
use crate::diagnose::{Diagnosis, SEED, network_findings};
use crate::model::{plan_for, resolve};
use crate::probe::{Asked, Case, Inquired, inquire};
use crate::run::{EpochRecord, RunSpec, RunStatus, Split};
use crate::train::{self, TrainError};
use anyhow::{Context, Result};
use clap::Args;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["data", "history"])))]
pub(super) struct DiagnoseArguments {
    /// A folder or an archive of images: its splits, labels and pictures are audited, and the model's layers looked at
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    intake: IntakeArguments,
    #[command(flatten)]
    spec: SpecArguments,
    /// Train the run that the spec means, then the probes that tell its causes apart, as many as this time allows: 90s, 10m, 2h
    #[arg(
        long,
        value_name = "TIME",
        requires = "data",
        conflicts_with = "history"
    )]
    budget: Option<Budget>,
    /// Threads to train with: all cores where absent
    #[arg(long, value_name = "N", requires = "budget", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// A history: Keras' or Lightning's CSV, a CSV with columns such as epoch, train_loss, val_acc, or history.json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["like", "spec", "model", "settings"])]
    history: Option<PathBuf>,
    /// A CSV with columns label, prediction and, where there are, split, id and probabilities (p_CLASS)
    #[arg(long, value_name = "FILE", requires = "history")]
    predictions: Option<PathBuf>,
    /// Training images behind the history's accuracies
    #[arg(long, value_name = "N", requires = "history", value_parser = clap::value_parser!(u32).range(1..))]
    n_train: Option<u32>,
    /// Validation images
    #[arg(long, value_name = "N", requires = "history", value_parser = clap::value_parser!(u32).range(1..))]
    n_val: Option<u32>,
    /// Test images
    #[arg(long, value_name = "N", requires = "history", value_parser = clap::value_parser!(u32).range(1..))]
    n_test: Option<u32>,
    /// Classes, so that chance is known
    #[arg(long, value_name = "K", requires = "history", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    classes: Option<u32>,
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: DiagnoseArguments) -> Result<ExitCode> {
    match (&arguments.data, &arguments.history) {
        (Some(data), _) => of_data(data, &arguments),
        (_, Some(history)) => of_history(history, &arguments),
        // The command line wants one of them.
        (None, None) => Err(BadInput("name --data or --history".to_owned()).into()),
    }
}

/// What `--data` prints: the audit, what the layers tell, and with a budget the diagnosis of a run.
#[derive(serde::Serialize)]
struct DataReport {
    #[serde(flatten)]
    diagnosis: Option<Diagnosis>,
    audit: Audit,
    simple_models: SimpleModels,
    network: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunReport>,
}

/// The run that was diagnosed.
#[derive(serde::Serialize)]
struct RunReport {
    spec: RunSpec,
    status: RunStatus,
    epochs: Vec<EpochRecord>,
    /// With those of its probes.
    trainings: usize,
    seconds: f64,
    interrupted: bool,
}

fn of_data(data: &Path, arguments: &DiagnoseArguments) -> Result<ExitCode> {
    let partial = arguments.spec.partial()?;
    let intake = arguments.intake.intake()?;
    let interrupt = Interrupt::listen().context("signals cannot be listened to")?;
    let terminal = Terminal::new(arguments.json, interrupt.clone());
    let dataset = terminal
        .reading(data, |progress| Dataset::open_with(data, &intake, progress))
        .map_err(|error| BadInput(format!("--data: {error}")))?;
    let index = &dataset.index;
    let wrong = |error: crate::run::SpecError| BadInput(error.to_string());
    let spec = resolve(partial, Some(index.common_size())).map_err(wrong)?;
    let plan = match arguments.budget {
        Some(_) => train::check(&spec, index),
        None => plan_for(&spec, index.classes.len()),
    }
    .map_err(wrong)?;
    let mut report = DataReport {
        diagnosis: None,
        run: None,
        audit: terminal.reading(data, |progress| {
            audit(&dataset, SEED, progress, interrupt.flag())
        })?,
        simple_models: terminal.reading(data, |progress| {
            simple_models(&dataset, SEED, progress, interrupt.flag())
        })?,
        network: network_findings(&plan, Some(index.of(Split::Train).count())),
    };
    if let Some(Budget(budget)) = arguments.budget {
        let looks = Looks::default()
            .with(Source::Data, report.audit.findings.clone())
            .with(Source::SimpleModels, report.simple_models.findings.clone())
            .with(Source::Layers, report.network.clone());
        let case = Case {
            dataset: &dataset,
            spec: &spec,
            looks,
            budget,
            asked: Asked::Telling,
            calibration: Calibration::shipped(),
            threads: arguments.threads.map_or_else(super::all_cores, usize::from),
        };
        let inquired = inquire(case, &mut TerminalAttendant::new(&terminal));
        report.take(
            spec,
            inquired.map_err(|error| match error {
                TrainError::Spec(error) => wrong(error).into(),
                other => anyhow::Error::new(other),
            })?,
        );
    }
    let interrupted = report.run.as_ref().is_some_and(|run| run.interrupted);
    let written = write(arguments.json, &report, |out| {
        match &report.diagnosis {
            Some(diagnosis) => {
                print_diagnosis(out, diagnosis)?;
                print_causes(out, diagnosis)?;
                writeln!(out)?;
            }
            None => print_findings(out, &report)?,
        }
        if report.audit.findings.is_empty() {
            writeln!(
                out,
                "The audit of {} images found nothing.",
                report.audit.images
            )?;
        }
        writeln!(out, "Looked at and in order:")?;
        for sentence in &report.audit.in_order {
            writeln!(out, "  {sentence}")?;
        }
        for note in &report.audit.notes {
            writeln!(out, "{note}")?;
        }
        if interrupted {
            writeln!(out, "\nInterrupted: this is what was known until then.")?;
        }
        Ok(())
    })?;
    Ok(if interrupted {
        ExitCode::FAILURE
    } else {
        written
    })
}

/// What was found without training.
fn print_findings(out: &mut impl Write, report: &DataReport) -> Result<()> {
    let found = [
        &report.audit.findings,
        &report.simple_models.findings,
        &report.network,
    ];
    for finding in found.into_iter().flatten() {
        print_finding(out, finding)?;
        writeln!(out)?;
    }
    Ok(())
}

impl DataReport {
    fn take(&mut self, spec: RunSpec, inquired: Inquired) {
        let Inquired {
            diagnosis,
            signs: _,
            status,
            epochs,
            trainings,
            seconds,
            interrupted,
        } = inquired;
        self.diagnosis = Some(diagnosis);
        self.run = Some(RunReport {
            spec,
            status,
            epochs,
            trainings,
            seconds,
            interrupted,
        });
    }
}

fn of_history(path: &Path, arguments: &DiagnoseArguments) -> Result<ExitCode> {
    let mut history = read(path, history::MOST_BYTES, RecordedHistory::read)?.with_images([
        arguments.n_train,
        arguments.n_val,
        arguments.n_test,
    ]);
    if let Some(classes) = arguments.classes {
        history.classes = classes as usize;
    }
    let predictions = arguments
        .predictions
        .as_ref()
        .map(|path| {
            read(
                path,
                crate::diagnose::predictions::MOST_BYTES,
                Predictions::read,
            )
        })
        .transpose()?;
    let report = HistoryReport::new(history, predictions.as_ref(), SEED);
    write(arguments.json, &report, |out| print(out, &report))
}

/// Writes a document as JSON, or as `text` has it.
fn write<T: serde::Serialize>(
    json: bool,
    document: &T,
    text: impl FnOnce(&mut std::io::StdoutLock) -> Result<()>,
) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, document)?;
        writeln!(out)?;
    } else {
        text(&mut out)?;
    }
    out.flush().context("standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a file that the user names, at most `most` bytes of it: anything wrong with it is wrong input.
fn read<T>(path: &Path, most: usize, parse: impl Fn(&[u8]) -> Result<T, Unreadable>) -> Result<T> {
    let bad = |what: &dyn std::fmt::Display| BadInput(format!("{}: {what}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| bad(&error))?;
    let mut content = Vec::new();
    // One byte more shows the parser that the file is too large.
    file.take(most as u64 + 1)
        .read_to_end(&mut content)
        .map_err(|error| bad(&error))?;
    Ok(parse(&content).map_err(|error| bad(&error))?)
}

fn print(out: &mut impl Write, report: &HistoryReport) -> Result<()> {
    print_diagnosis(out, &report.diagnosis)?;
    if !report.notes.is_empty() {
        writeln!(out, "\nHow the files were read:")?;
        for note in &report.notes {
            writeln!(out, "  {note}")?;
        }
    }
    Ok(())
}
