//! What a producer (a worker, or somebody's own script) tells the server of its run.

use super::{BestEpoch, EpochReport, Examination, RunStatus};
use serde::{Deserialize, Serialize};

/// One entry of the body `{"attempt": 2, "events": [{"kind": "epoch", "data": {…}}]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", content = "data", rename_all = "lowercase")]
pub enum ProducerEvent {
    /// Where the run is trained now.
    Start(Machine),
    Epoch(Box<EpochReport>),
    /// Broadcast to watchers, never stored.
    Progress(Progress),
    Log {
        message: String,
    },
    /// The best epoch so far has changed.
    Best(BestEpoch),
    /// What forward passes with the run's weights showed; before the end.
    Examination(Box<Examination>),
    /// The run is over: one of the statuses that are.
    End {
        status: RunStatus,
        /// Why, in a sentence for the user.
        message: String,
    },
}

/// What decides the last bits of a run's figures, beside its spec and its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Machine {
    /// `avx512`, `avx2` or `portable`.
    pub instruction_set: String,
    pub threads: usize,
    /// `cpu`, or `cuda:0 (NVIDIA H200)`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// Gapwatch's, or the script's own.
    pub version: String,
}

/// How far an epoch has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Progress {
    pub epoch: u32,
    /// `reading` (images, before the first epoch of this process), `training`, `scoring` or `examining` (forward passes after
    /// the last epoch).
    pub phase: String,
    pub done: u32,
    pub of: u32,
    /// Seconds left in the run, from the epochs so far.
    pub left_s: Option<f64>,
}
