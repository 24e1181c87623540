//! `gapwatch devices`: what runs can be trained on here.

use crate::device::Devices;
use anyhow::Result;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct DevicesArguments {
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: DevicesArguments) -> Result<ExitCode> {
    let devices = Devices::look();
    if arguments.json {
        println!("{}", serde_json::to_string(&devices)?);
    } else {
        println!("{devices}");
    }
    Ok(ExitCode::SUCCESS)
}
