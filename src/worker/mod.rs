//! One run's process: fetch, train, report.

mod assignment;
mod client;
mod fetch;
mod outbox;
mod report;
mod spool;

pub use client::{ClientError, Server};

use crate::data::Dataset;
use crate::engine::Claim;
use crate::nn::instruction_set;
use crate::run::{Attempt, Machine, ProducerEvent, RunId, RunStatus};
use crate::store::Home;
use crate::train::{Job, Outcome, train};
use anyhow::{Context, bail};
use assignment::Assignment;
use client::Client;
use report::Reporter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a worker waits for one of an older attempt to let go of the run's folder.
const CLAIM_WAIT: Duration = Duration::from_secs(10);

/// Which run, and how its server is reached.
pub struct Settings {
    pub run: RunId,
    pub attempt: Attempt,
    pub server: Server,
    pub token: String,
    /// Kernels' threads.
    pub threads: usize,
    /// Where it trains, as it is told to the run's readers; as the spec says where nobody has placed it.
    pub on: Option<String>,
}

/// Where a worker keeps its checkpoints and finds its images.
struct Place {
    /// Checkpoints, and what could not be delivered yet.
    folder: PathBuf,
    dataset: Dataset,
    /// Held or kept for as long as the worker lives.
    _claim: Option<Claim>,
    _temporary: Option<TempDir>,
}

/// Trains one run and reports it. Gives false where the run failed; what failed is reported.
pub fn work(settings: Settings) -> anyhow::Result<bool> {
    let client = Client::new(
        settings.run,
        settings.attempt,
        settings.server.clone(),
        settings.token,
    );
    let assignment = client.assignment()?;
    if assignment.attempt != settings.attempt {
        bail!(
            "run {} is at attempt {}, this is a worker of attempt {}",
            settings.run,
            assignment.attempt,
            settings.attempt
        );
    }
    let place = match &settings.server {
        Server::Home(home) => at_home(home, settings.run, &assignment),
        Server::Url(_) => elsewhere(&client, &assignment),
    };
    let uploads = matches!(settings.server, Server::Url(_));
    let place = match place {
        Ok(place) => place,
        Err(error) => {
            let mut reporter = Reporter::start(client, None)?;
            reporter.end(RunStatus::Failed, &format!("{error:#}"));
            reporter.finish();
            return Ok(false);
        }
    };
    let mut reporter = Reporter::start(client, Some((place.folder.clone(), uploads)))?;
    if reporter.has_ended() {
        // An earlier attempt trained to the end without a server to tell.
        reporter.finish();
        return Ok(true);
    }
    reporter.tell(ProducerEvent::Start(Machine {
        instruction_set: instruction_set().to_owned(),
        threads: settings.threads,
        device: settings.on.unwrap_or_else(|| assignment.spec.device.into()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }));
    let job = Job {
        spec: &assignment.spec,
        dataset: &place.dataset,
        folder: place.folder.clone(),
        threads: settings.threads,
    };
    let good = match train(job, &mut reporter) {
        Ok(Outcome::Over {
            status,
            message,
            best,
        }) => {
            if let Some(best) = best {
                reporter.tell(ProducerEvent::Best(best));
            }
            reporter.end(status, &message);
            status != RunStatus::Failed
        }
        Ok(Outcome::Paused) => true,
        Err(error) => {
            eprintln!("gapwatch: {error}");
            reporter.end(RunStatus::Failed, &error.to_string());
            false
        }
    };
    reporter.finish();
    Ok(good)
}

fn at_home(home: &Home, run: RunId, assignment: &Assignment) -> anyhow::Result<Place> {
    let folder = home.run(run);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let claim = claim(&folder)?;
    let id = assignment
        .dataset
        .as_ref()
        .context("the run names no dataset")?;
    let dataset = Dataset::reopen(&home.dataset(id))?;
    assignment.same_data(&dataset)?;
    Ok(Place {
        folder,
        dataset,
        _claim: Some(claim),
        _temporary: None,
    })
}

fn elsewhere(client: &Client, assignment: &Assignment) -> anyhow::Result<Place> {
    let temporary = tempfile::Builder::new()
        .prefix("gapwatch-worker-")
        .tempdir()
        .context("making a temporary folder")?;
    let folder = temporary.path().join("run");
    std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    let dataset = fetch::dataset(client, &temporary.path().join("dataset"))?;
    assignment.same_data(&dataset)?;
    fetch::checkpoints(client, &folder)?;
    Ok(Place {
        folder,
        dataset,
        _claim: None,
        _temporary: Some(temporary),
    })
}

fn claim(folder: &Path) -> anyhow::Result<Claim> {
    let deadline = Instant::now() + CLAIM_WAIT;
    loop {
        match Claim::take(folder) {
            Err(error)
                if error.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            claim => {
                return claim.with_context(|| format!("another worker has {}", folder.display()));
            }
        }
    }
}
