//! `gapwatch worker`: one run's process.

use super::BadInput;
use crate::run::{Attempt, RunId};
use crate::store::Home;
use crate::worker::{Server, Settings, work};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
#[group(skip)]
pub(super) struct WorkerArguments {
    /// The run's number
    #[arg(long)]
    run: RunId,
    /// Which start of the run's worker this is
    #[arg(long)]
    attempt: Attempt,
    /// The home folder of the server, on this machine
    #[arg(long, value_name = "DIR", required_unless_present = "server")]
    home: Option<PathBuf>,
    /// The server's address, from another machine
    #[arg(long, value_name = "URL", conflicts_with = "home")]
    server: Option<String>,
    /// Threads that train [default: the machine's cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where it trains, in words for the run's page
    #[arg(long, value_name = "DEVICE")]
    on: Option<String>,
}

pub(super) fn run(arguments: WorkerArguments) -> anyhow::Result<ExitCode> {
    let token = std::env::var("GAPWATCH_TOKEN").map_err(|_| {
        BadInput("the environment has no GAPWATCH_TOKEN: the run's token".to_owned())
    })?;
    let server = match (arguments.server, arguments.home) {
        (Some(url), _) => Server::Url(url),
        (None, Some(home)) => Server::Home(Home::at(home)),
        (None, None) => return Err(BadInput("name --home or --server".to_owned()).into()),
    };
    let threads = arguments
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let good = work(Settings {
        run: arguments.run,
        attempt: arguments.attempt,
        server,
        token,
        threads: threads.max(1),
        on: arguments.on,
    })?;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
