//! `gapwatch train`: one run in the terminal.

use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct TrainArguments {}

pub(super) fn run(_arguments: TrainArguments) -> anyhow::Result<ExitCode> {
    todo!()
}
