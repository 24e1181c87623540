//! `gapwatch predict`: a checkpoint's answer for each image.

use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct PredictArguments {}

pub(super) fn run(_arguments: PredictArguments) -> anyhow::Result<ExitCode> {
    todo!()
}
