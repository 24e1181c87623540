//! Training: the loop, evaluation, early stopping, checkpoints, resume.

mod checkpoint;
mod stopping;
mod tensor_file;

pub use checkpoint::{
    BEST, Checkpoint, CheckpointError, CheckpointFacts, CheckpointMetrics, LAST, Preprocessing,
};
pub use tensor_file::replace;

use crate::data::Dataset;
use crate::run::{BestEpoch, EpochReport, Progress, RunSpec, RunStatus};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the one who started a run wants of it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    Continue,
    /// End after this step, keep the best.
    Stop,
    /// End now; the run is not wanted.
    Cancel,
    /// Checkpoint what is done and leave; the run goes on later.
    Pause,
}

/// Hears what a training run does, and says whether it is to go on.
pub trait Observer {
    /// An epoch is done; called before its checkpoint is written.
    fn epoch(&mut self, report: &EpochReport);
    fn best(&mut self, best: &BestEpoch);
    fn progress(&mut self, progress: &Progress);
    fn log(&mut self, message: &str);
    /// A file of the run's folder is complete: `best.safetensors`, `last.safetensors`, `last.state.safetensors`.
    fn checkpoint(&mut self, name: &str);
    /// Asked at every step.
    fn wish(&mut self) -> Wish;
}

/// A run to train.
pub struct Job<'a> {
    /// Complete: presets and sizes resolved.
    pub spec: &'a RunSpec,
    pub dataset: &'a Dataset,
    /// Where checkpoints go; one that holds `last.state.safetensors` is resumed.
    pub folder: PathBuf,
    /// Kernels' threads.
    pub threads: usize,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Over {
        status: RunStatus,
        message: String,
        best: Option<BestEpoch>,
    },
    /// After [`Wish::Pause`]: goes on from its checkpoint when started again.
    Paused,
}

#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    #[error("{0}")]
    Other(String),
}

/// Trains until the epochs are done, early stopping ends it, or the observer wishes otherwise.
pub fn train(_job: Job, _observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
    todo!()
}
