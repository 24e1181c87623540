//! `gapwatch serve`: the dashboard.

use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct ServeArguments {}

pub(super) fn run(_arguments: ServeArguments) -> anyhow::Result<ExitCode> {
    todo!()
}
