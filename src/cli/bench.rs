//! `gapwatch bench`: seconds and memory of training and scoring.

use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct BenchArguments {}

pub(super) fn run(_arguments: BenchArguments) -> anyhow::Result<ExitCode> {
    todo!()
}
