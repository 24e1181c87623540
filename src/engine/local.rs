//! The local engine: a run's worker is a process of the same executable, in a process group of its own.

use super::{DeviceList, holder};
use crate::run::{Attempt, Device, RunId};
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
    devices: DeviceList,
}

/// What a worker is given of this machine.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// Where it trains.
    pub device: Device,
    /// The same, as a run's page says it.
    pub label: String,
    /// Kernels' threads.
    pub threads: usize,
    /// True where the run asked for no device: it sees no card but the one that it was given.
    pub by_choice: bool,
}

impl LocalEngine {
    pub fn new(home: Home, devices: DeviceList) -> io::Result<LocalEngine> {
        Ok(LocalEngine {
            home,
            executable: std::env::current_exe()?,
            devices,
        })
    }

    /// What can be trained on here.
    pub fn devices(&self) -> &DeviceList {
        &self.devices
    }

    /// Starts a worker. It outlives this server if it must: only [`LocalEngine::kill`] ends it.
    pub fn start(
        &self,
        run: RunId,
        attempt: Attempt,
        token: &str,
        assigned: &Assigned,
    ) -> io::Result<Child> {
        let folder = self.home.run(run);
        std::fs::create_dir_all(&folder)?;
        // Begun anew: what an earlier attempt ended with is in the run's log.
        let output = File::create(self.output_path(run))?;
        let mut command = Command::new(&self.executable);
        if assigned.by_choice {
            command.env("CUDA_VISIBLE_DEVICES", visible(assigned.device));
        }
        command
            .arg("worker")
            .args(["--run", &run.to_string()])
            .args(["--attempt", &attempt.to_string()])
            .args(["--threads", &assigned.threads.to_string()])
            .args(["--on", &assigned.label])
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

/// What CUDA is to see of the cards that this process sees: the only way to give `auto` a card without changing the spec.
fn visible(device: Device) -> String {
    let Device::Cuda(index) = device else {
        return String::new();
    };
    let own = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    nth_visible(own.as_deref(), index)
}

/// The name of a card, of those that a list leaves visible, or of all.
fn nth_visible(list: Option<&str>, index: usize) -> String {
    list.and_then(|list| list.split(',').nth(index))
        .map_or_else(|| index.to_string(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_sees_its_card_where_the_server_sees_only_some() {
        assert_eq!(nth_visible(None, 2), "2");
        assert_eq!(nth_visible(Some("3, 5"), 1), "5");
        assert_eq!(nth_visible(Some("GPU-8f2a,MIG-77"), 1), "MIG-77");
        assert_eq!(visible(Device::Cpu), "");
    }
}
