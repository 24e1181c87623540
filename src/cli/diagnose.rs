//! `gapwatch diagnose`: the verdict from curves and predictions that something else produced.

use super::BadInput;
use crate::diagnose::finding::Finding;
use crate::diagnose::history::{self, RecordedHistory, Unreadable};
use crate::diagnose::predictions::Predictions;
use crate::diagnose::report::HistoryReport;
use anyhow::{Context, Result};
use clap::Args;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The seed of every test by random arrangements: the same input gives the same words.
const SEED: u64 = 1;

#[derive(Args)]
pub struct DiagnoseArguments {
    /// A history: Keras' or Lightning's CSV, a CSV with columns such as epoch, train_loss, val_acc, or history.json
    #[arg(long, value_name = "FILE")]
    history: PathBuf,
    /// A CSV with columns label, prediction and, where there are, split, id and probabilities (p_CLASS)
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Training images behind the history's accuracies
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    n_train: Option<u32>,
    /// Validation images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    n_val: Option<u32>,
    /// Test images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    n_test: Option<u32>,
    /// Classes, so that chance is known
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    classes: Option<u32>,
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: DiagnoseArguments) -> Result<ExitCode> {
    let mut history = read(
        &arguments.history,
        history::MOST_BYTES,
        RecordedHistory::read,
    )?
    .with_images([arguments.n_train, arguments.n_val, arguments.n_test]);
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
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        print(&mut out, &report)?;
    }
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
    out.flush().context("standard output")
}

/// A finding in the order in which it is read: what, how much, why, what to do, when it is none.
pub(super) fn print_finding(out: &mut impl Write, finding: &Finding) -> Result<()> {
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
