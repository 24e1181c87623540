//! The local engine: a run's worker is a process of the same executable, in a process group of its own.

use super::holder;
use crate::run::{Attempt, RunId};
use crate::store::Home;
use nix::sys::signal::{Signal, killpg};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How much of the end of a worker's output is shown.
const TAIL_BYTES: u64 = 2000;

/// Starts workers on this machine and finds those that an earlier server started.
#[derive(Clone, Debug)]
pub struct LocalEngine {
    home: Home,
    executable: PathBuf,
}

impl LocalEngine {
    pub fn new(home: Home) -> io::Result<LocalEngine> {
        Ok(LocalEngine {
            home,
            executable: std::env::current_exe()?,
        })
    }

    /// Starts a worker. It outlives this server if it must: only [`LocalEngine::kill`] ends it.
    pub fn start(
        &self,
        run: RunId,
        attempt: Attempt,
        token: &str,
        threads: usize,
    ) -> io::Result<Child> {
        let folder = self.home.run(run);
        std::fs::create_dir_all(&folder)?;
        // Begun anew: what an earlier attempt ended with is in the run's log.
        let output = File::create(self.output_path(run))?;
        Command::new(&self.executable)
            .arg("worker")
            .args(["--run", &run.to_string()])
            .args(["--attempt", &attempt.to_string()])
            .args(["--threads", &threads.to_string()])
            .arg("--home")
            .arg(self.home.root())
            .env("GAPWATCH_TOKEN", token)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(false)
            .spawn()
    }

    /// True while some process has the run's folder.
    pub fn has_worker(&self, run: RunId) -> bool {
        matches!(holder(&self.home.run(run)), Ok(Some(_)))
    }

    /// Ends whatever process group has the run's folder, and waits until it is gone.
    pub async fn kill(&self, run: RunId) -> io::Result<()> {
        for _ in 0..100 {
            let Some(pid) = holder(&self.home.run(run))? else {
                return Ok(());
            };
            // One that is gone by now is what is wanted.
            let _ = killpg(pid, Signal::SIGKILL);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("the worker of run {run} does not end"),
        ))
    }

    /// The last lines that a run's worker wrote; empty where there are none.
    pub fn output_tail(&self, run: RunId) -> String {
        let read = || -> io::Result<String> {
            let mut file = File::open(self.output_path(run))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_default()
    }

    fn output_path(&self, run: RunId) -> PathBuf {
        self.home.run(run).join("worker.log")
    }
}
