//! `gapwatch worker`: one run's process.

use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct WorkerArguments {}

pub(super) fn run(_arguments: WorkerArguments) -> anyhow::Result<ExitCode> {
    todo!()
}
