//! `gapwatch lr-range`: proposes a learning rate by a range test.

use super::BadInput;
use super::intake::IntakeArguments;
use super::interrupt::Interrupt;
use super::spec::SpecArguments;
use crate::data::Dataset;
use crate::model::resolve;
use crate::run::RateTest;
use crate::train::{RATE_STEPS, TrainError, check, rate_test};
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct RangeArguments {
    /// A folder or an archive of images
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    intake: IntakeArguments,
    #[command(flatten)]
    spec: SpecArguments,
    /// Threads to train with: all cores where absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// One JSON document on standard output, messages on standard error
    #[arg(long)]
    json: bool,
    /// How the dashboard calls it: the whole spec is JSON on standard input, and before the document comes a line
    /// {"done", "of"} for each step
    #[arg(long, hide = true, requires = "json")]
    job: bool,
}

pub(super) fn run(arguments: RangeArguments) -> Result<ExitCode> {
    let partial = if arguments.job {
        serde_json::from_reader(std::io::stdin()).context("the spec on standard input")?
    } else {
        arguments.spec.partial()?
    };
    let intake = arguments.intake.intake()?;
    let dataset = Dataset::open_with(&arguments.data, &intake, &|_, _| ())
        .map_err(|error| BadInput(format!("--data {}: {error}", arguments.data.display())))?;
    let spec = resolve(partial, Some(dataset.index.common_size()))
        .and_then(|spec| check(&spec, &dataset.index).map(|_| spec))
        .map_err(|error| BadInput(error.to_string()))?;
    let threads = arguments.threads.map_or_else(super::all_cores, usize::from);
    let interrupt = Interrupt::listen().context("signals cannot be listened to")?;
    let bar = ProgressBar::new(u64::from(RATE_STEPS));
    let tested = rate_test(&spec, &dataset, threads, &mut |step| {
        bar.set_position(u64::from(step));
        if arguments.job {
            println!("{}", json!({"done": step, "of": RATE_STEPS}));
        }
        !interrupt.is_set()
    });
    bar.finish_and_clear();
    let tested = tested.map_err(|error| match error {
        TrainError::Spec(_) => BadInput(error.to_string()).into(),
        other => anyhow::Error::new(other),
    })?;
    let Some(test) = tested else {
        eprintln!("interrupted: nothing is proposed");
        return Ok(ExitCode::FAILURE);
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&test)?);
    } else {
        show(&test);
    }
    Ok(if test.proposed.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A table of every fifth step, and the proposal.
fn show(test: &RateTest) {
    println!("learning rate      loss   smoothed");
    for point in test.points.iter().step_by(5) {
        println!(
            "{:>13.1e} {:>9.4} {:>10.4}",
            point.lr, point.loss, point.smoothed
        );
    }
    println!("{}", test.message);
    if let Some(lr) = test.proposed {
        println!("Take it by: gapwatch train … --set train.optimizer.lr={lr}");
    }
}
