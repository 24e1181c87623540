//! How a run stands, and its history as a document.

use super::{EpochRecord, RunId, RunSpec};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Waiting for a free place.
    Queued,
    /// A worker has it.
    Running,
    /// All epochs are done, or early stopping ended it.
    Finished,
    /// A user stopped it and kept the best.
    Stopped,
    Cancelled,
    Failed,
    /// The loss was not finite.
    Diverged,
}

impl RunStatus {
    pub const ALL: [RunStatus; 7] = [
        RunStatus::Queued,
        RunStatus::Running,
        RunStatus::Finished,
        RunStatus::Stopped,
        RunStatus::Cancelled,
        RunStatus::Failed,
        RunStatus::Diverged,
    ];

    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Queued => "queued",
            RunStatus::Running => "running",
            RunStatus::Finished => "finished",
            RunStatus::Stopped => "stopped",
            RunStatus::Cancelled => "cancelled",
            RunStatus::Failed => "failed",
            RunStatus::Diverged => "diverged",
        }
    }

    /// True when nothing more will come, unless somebody resumes the run.
    pub fn is_over(self) -> bool {
        !matches!(self, RunStatus::Queued | RunStatus::Running)
    }
}

impl FromStr for RunStatus {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        RunStatus::ALL
            .into_iter()
            .find(|status| status.name() == s)
            .ok_or_else(|| {
                let names = RunStatus::ALL.map(RunStatus::name).join(", ");
                format!("no status is called '{s}'; there are {names}")
            })
    }
}

impl std::fmt::Display for RunStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The epoch that validation chose, with the value it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BestEpoch {
    pub epoch: u32,
    /// `val_loss` or `val_accuracy`, as the run's early stopping names it.
    pub metric: super::Metric,
    pub value: f64,
}

/// What `history.json` says of the run itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunFacts {
    /// None for a run of `gapwatch train`, which no dashboard numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RunId>,
    pub name: String,
    pub status: RunStatus,
    pub spec: RunSpec,
    pub classes: Vec<String>,
    pub best: Option<BestEpoch>,
    /// BLAKE3 over the decoded images and labels in order: the same data, the same fingerprint.
    pub dataset_fingerprint: String,
    pub version: String,
    /// `avx512`, `avx2` or `portable`.
    pub instruction_set: String,
    pub threads: usize,
}

/// A run's history as `history.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct History {
    pub run: RunFacts,
    pub epochs: Vec<EpochRecord>,
}
