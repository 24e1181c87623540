//! The command line: `serve`, `train`, `diagnose`, `predict`, `devices`, `worker`, `bench`.

mod bench;
mod devices;
mod diagnose;
mod inquiry;
mod intake;
mod interrupt;
mod lr_range;
mod predict;
mod printed;
mod progress;
mod repeated;
mod run_folder;
mod serve;
mod spec;
mod sweep;
mod train;
mod worker;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tells why a network scores 100 % in training and fails in validation, and what helps.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArguments,
}

#[derive(Subcommand)]
enum Command {
    /// The dashboard (the default command)
    Serve(serve::ServeArguments),
    /// One run in the terminal, or several where the spec has lists
    Train(train::TrainArguments),
    /// What a dataset, a model or somebody else's history tells of the gap
    Diagnose(diagnose::DiagnoseArguments),
    /// Proposes a learning rate by a range test
    LrRange(lr_range::RangeArguments),
    /// Class, probabilities and logits for each image of a folder
    Predict(predict::PredictArguments),
    /// What runs can be trained on: the processor, and NVIDIA cards with their free memory
    Devices(devices::DevicesArguments),
    /// One run's process; started by the scheduler
    #[command(hide = true)]
    Worker(worker::WorkerArguments),
    /// Times training and scoring on random images
    Bench(bench::BenchArguments),
}

/// Wrong arguments or unreadable input: exit status 2, where other failures have 1.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadInput(String);

/// Runs the command that the arguments name. Exit status: 0 done, 1 failed, 2 wrong arguments or unreadable input.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command.unwrap_or(Command::Serve(arguments.serve)) {
        Command::Serve(a) => serve::run(a),
        Command::Train(a) => train::run(a),
        Command::Diagnose(a) => diagnose::run(a),
        Command::LrRange(a) => lr_range::run(a),
        Command::Predict(a) => predict::run(a),
        Command::Devices(a) => devices::run(a),
        Command::Worker(a) => worker::run(a),
        Command::Bench(a) => bench::run(a),
    };
    match done {
        Ok(status) => status,
        Err(error) => {
            eprintln!("gapwatch: {error:#}");
            if error.is::<BadInput>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// How many threads this process may run at once.
fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
