//! `gapwatch serve`: the dashboard.

use super::BadInput;
use crate::store::{FREE_BYTES_KEPT, Home, HomeError};
use crate::web::{ServeError, Settings, serve};
use anyhow::Context;
use std::io::IsTerminal;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

#[derive(clap::Args)]
pub(super) struct ServeArguments {
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:7860", value_parser = address)]
    addr: SocketAddr,
    /// Folder of the database, datasets and checkpoints [default: gapwatch in the user's data folder]
    #[arg(long, env = "GAPWATCH_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    /// What everybody must show who uses the dashboard; needed where others can reach the address
    #[arg(long, env = "GAPWATCH_SERVER_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Runs that train at once on the processor
    #[arg(long, default_value_t = 1, value_name = "N")]
    parallel: usize,
    /// Runs that share an NVIDIA card
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    runs_per_gpu: u16,
    /// MiB of the disk that stay free: below, runs pause and nothing more is taken; below four times of it pages warn
    #[arg(long, default_value_t = FREE_BYTES_KEPT >> 20, value_name = "MIB")]
    keep_free: u64,
    /// A folder or archive of images to import at the start; may be given more than once
    #[arg(long, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Do not make the demonstration datasets
    #[arg(long)]
    no_demonstration: bool,
}

pub(super) fn run(arguments: ServeArguments) -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let token = arguments.token.filter(|token| !token.is_empty());
    let settings = Settings {
        addr: arguments.addr,
        home: match arguments.home {
            Some(home) => home,
            None => Home::usual().map_err(|error| BadInput(error.to_string()))?,
        },
        token,
        parallel: arguments.parallel,
        runs_per_gpu: arguments.runs_per_gpu.into(),
        keep_free_bytes: arguments.keep_free.saturating_mul(1 << 20),
        demonstration: !arguments.no_demonstration,
        data: arguments
            .data
            .into_iter()
            .map(readable)
            .collect::<Result<_, _>>()?,
    };
    let runtime = tokio::runtime::Runtime::new().context("starting the server's threads")?;
    let served = runtime.block_on(serve(settings, |url| {
        println!("Gapwatch is at {url} (Ctrl-C ends it)");
    }));
    // An import that is under way is given up; the next start says so.
    runtime.shutdown_timeout(Duration::from_millis(50));
    match served {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(
            error @ (ServeError::Unprotected(_)
            | ServeError::Home(HomeError::Unwritable { .. } | HomeError::Unknown)),
        ) => Err(BadInput(error.to_string()).into()),
        Err(error) => Err(error.into()),
    }
}

/// An address with a port, its host a number or a name.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(|| format!("'{text}' is no address with a port: write 127.0.0.1:7860"))
}

fn readable(path: PathBuf) -> Result<PathBuf, BadInput> {
    path.canonicalize()
        .map_err(|error| BadInput(format!("--data {}: {error}", path.display())))
}
