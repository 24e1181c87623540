//! What `gapwatch train` leaves behind: history, checkpoints, diagnosis, a PyTorch module.

use super::BadInput;
use crate::diagnose::{Diagnosis, Measured};
use crate::engine::Claim;
use crate::model::{Plan, python};
use crate::run::{EpochRecord, EpochReport, History, history_csv};
use crate::train::{self, STATE};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const HISTORY: &str = "history.json";
const DIAGNOSIS: &str = "diagnosis.json";

/// The folder of one run.
pub(super) struct RunFolder {
    place: Place,
    pub history: History,
    /// Of the last epoch, as far as this process has seen it.
    pub measured: Measured,
}

enum Place {
    /// Named by the user; nobody else trains there meanwhile.
    Kept(
        PathBuf,
        #[expect(dead_code, reason = "held, never read")] Claim,
    ),
    /// Gone at the end.
    Temporary(TempDir),
}

/// The history of a run that ended in this folder, and its verdict; none where no run has ended there.
pub(super) fn finished_run(folder: &Path) -> Result<Option<(History, String)>> {
    let read = |name: &str| fs::read_to_string(folder.join(name));
    let Ok(history) = read(HISTORY) else {
        return Ok(None);
    };
    let history: History = serde_json::from_str(&history)
        .with_context(|| format!("{} cannot be read", folder.join(HISTORY).display()))?;
    // The diagnosis is written last of what decides.
    let Ok(diagnosis) = read(DIAGNOSIS) else {
        return Ok(None);
    };
    if !history.run.status.is_over() {
        return Ok(None);
    }
    let diagnosis: Value = serde_json::from_str(&diagnosis)
        .with_context(|| format!("{} cannot be read", folder.join(DIAGNOSIS).display()))?;
    let verdict = diagnosis["verdict"].as_str().unwrap_or_default();
    Ok(Some((history, verdict.to_owned())))
}

impl RunFolder {
    /// The folder that a user names, or a temporary one. The epochs of a run that can be gone on with are read from it.
    pub fn open(out: Option<PathBuf>, history: History) -> Result<RunFolder> {
        let place = match out {
            Some(path) => {
                let refused = |error: io::Error| {
                    let reason = match error.kind() {
                        io::ErrorKind::WouldBlock => {
                            "another gapwatch trains there: wait for it, or take another folder"
                                .to_owned()
                        }
                        _ => error.to_string(),
                    };
                    BadInput(format!("--out {}: {reason}", path.display()))
                };
                fs::create_dir_all(&path).map_err(refused)?;
                let claim = Claim::take(&path).map_err(refused)?;
                Place::Kept(path, claim)
            }
            None => Place::Temporary(TempDir::new().context("no temporary folder")?),
        };
        let mut folder = RunFolder {
            place,
            history,
            measured: Measured::default(),
        };
        if folder.path().join(STATE).exists() {
            folder.history.epochs = folder.epochs_before()?;
        }
        Ok(folder)
    }

    fn epochs_before(&self) -> Result<Vec<EpochRecord>> {
        let path = self.path().join(HISTORY);
        let text = fs::read_to_string(&path)
            .and_then(|text| serde_json::from_str::<History>(&text).map_err(io::Error::from));
        let before = text.map_err(|error| {
            BadInput(format!(
                "{}: {error}; the run here cannot be gone on with: take another folder",
                path.display()
            ))
        })?;
        Ok(before.epochs)
    }

    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Kept(path, _) => path,
            Place::Temporary(folder) => folder.path(),
        }
    }

    /// The folder, if the user has named one.
    pub fn kept(&self) -> Option<&Path> {
        match &self.place {
            Place::Kept(path, _) => Some(path),
            Place::Temporary(_) => None,
        }
    }

    /// Takes in an epoch, in place of those from it on: after a restart epochs come again, and are the same.
    pub fn push(&mut self, report: &EpochReport) -> Result<()> {
        let record = &report.record;
        self.history.epochs.retain(|e| e.epoch < record.epoch);
        self.history.epochs.push(record.clone());
        self.measured.confusion.clone_from(&report.confusion);
        self.measured.images.clone_from(&report.images);
        self.write(HISTORY, &self.history)
    }

    /// Writes what a finished run has: its history, the diagnosis with what it rests on, and the PyTorch module that loads its
    /// checkpoints.
    pub fn finish(&self, plan: &Plan, diagnosis: &Diagnosis) -> Result<()> {
        if self.kept().is_some() {
            self.replace("model.py", python::model_py(plan).as_bytes())?;
            self.replace("load.py", python::LOAD_PY.as_bytes())?;
            self.write(HISTORY, &self.history)?;
            self.write(DIAGNOSIS, diagnosis)?;
            if let Some(examination) = &self.measured.examination {
                self.write("examination.json", examination)?;
            }
            let csv = history_csv(&self.history.epochs);
            self.replace("history.csv", csv.as_bytes())?;
            train::prune(self.path(), self.history.run.spec.keep)
                .context("checkpoints that are not kept cannot be removed")?;
        }
        Ok(())
    }

    /// How an interrupted run is gone on with.
    pub fn way_on(&self) -> String {
        let done = self.history.epochs.len();
        match self.kept() {
            Some(path) => format!(
                "Interrupted after epoch {done}. The same command goes on from there: what is done is in {}",
                path.display()
            ),
            None => "Interrupted. Nothing is kept without --out DIR".to_owned(),
        }
    }

    fn write(&self, name: &str, document: &impl Serialize) -> Result<()> {
        write_document(&self.path().join(name), document)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        replace(&self.path().join(name), bytes)
    }
}

/// Writes a JSON document, in one step.
pub(super) fn write_document(path: &Path, document: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(document)?;
    text.push(b'\n');
    replace(path, &text)
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    train::replace(path, |out| out.write_all(bytes))
        .with_context(|| format!("{} cannot be written", path.display()))
}
