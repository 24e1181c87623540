//! `gapwatch diagnose`: the audit of a dataset, or the verdict from curves that something else produced.

use super::BadInput;
use super::intake::IntakeArguments;
use super::interrupt::Interrupt;
use super::progress::Terminal;
use super::spec::SpecArguments;
use crate::data::Dataset;
use crate::diagnose::audit::{Audit, audit};
use crate::diagnose::finding::Finding;
use crate::diagnose::history::{self, RecordedHistory, Unreadable};
use crate::diagnose::predictions::Predictions;
use crate::diagnose::report::HistoryReport;
use crate::diagnose::simple_models::{SimpleModels, simple_models};
use crate::diagnose::{SEED, network_findings};
use crate::model::{plan_for, resolve};
use crate::run::Split;
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

/// What `--data` prints: the audit, and what the layers tell.
#[derive(serde::Serialize)]
struct DataReport {
    audit: Audit,
    simple_models: SimpleModels,
    network: Vec<Finding>,
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
    let plan = resolve(partial, Some(index.common_size()))
        .map_err(|error| BadInput(error.to_string()))
        .and_then(|spec| {
            plan_for(&spec, index.classes.len()).map_err(|error| BadInput(error.to_string()))
        })?;
    let report = DataReport {
        audit: terminal.reading(data, |progress| {
            audit(&dataset, SEED, progress, interrupt.flag())
        })?,
        simple_models: terminal.reading(data, |progress| {
            simple_models(&dataset, SEED, progress, interrupt.flag())
        })?,
        network: network_findings(&plan, Some(index.of(Split::Train).count())),
    };
    write(arguments.json, &report, |out| {
        let found = [
            &report.audit.findings,
            &report.simple_models.findings,
            &report.network,
        ];
        for finding in found.into_iter().flatten() {
            print_finding(out, finding)?;
            writeln!(out)?;
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
        Ok(())
    })
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
    let diagnosis = &report.diagnosis;
    writeln!(out, "{}\n\n{}", diagnosis.verdict.name(), diagnosis.summary)?;
    if let Some(gates) = &diagnosis.gates {
        writeln!(out)?;
        for gate in [
            &gates.training_above_chance,
            &gates.above_chance,
            &gates.gap,
            &gates.val_vs_test,
            &gates.enough_images,
        ] {
            writeln!(out, "  {}", gate.statement)?;
        }
    }
    for finding in &diagnosis.findings {
        writeln!(out)?;
        print_finding(out, finding)?;
    }
    if !report.notes.is_empty() {
        writeln!(out, "\nHow the files were read:")?;
        for note in &report.notes {
            writeln!(out, "  {note}")?;
        }
    }
    Ok(())
}

/// A finding in the order in which it is read: what, how much, why, what to do, when it is none.
fn print_finding(out: &mut impl Write, finding: &Finding) -> Result<()> {
    writeln!(out, "{}: {}", finding.severity.name(), finding.title)?;
    for (word, text) in [
        ("Measured", &finding.measured),
        ("Why it matters", &finding.why),
        ("What to do", &finding.remedy),
        ("A false alarm if", &finding.false_alarm),
    ] {
        if !text.is_empty() {
            writeln!(out, "  {word}: {text}")?;
        }
    }
    for pictures in &finding.pictures {
        writeln!(out, "  {}: {}", pictures.caption, pictures.paths.join(", "))?;
    }
    Ok(())
}
