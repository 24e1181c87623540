//! Training: the loop, evaluation, early stopping, checkpoints, resume.

mod ahead;
mod average;
mod balance;
mod checkpoint;
mod classifier;
mod clock;
pub mod device;
mod epoch;
mod examination;
mod input;
mod keep;
mod learning_rate;
mod memory;
mod order;
mod pace;
mod passes;
mod preview;
mod rate_test;
mod recalibration;
mod scoring;
mod session;
mod state;
mod stopping;
mod tensor_file;

pub use checkpoint::{
    BEST, Checkpoint, CheckpointError, CheckpointFacts, CheckpointMetrics, LAST, Preprocessing,
};
pub use classifier::{Classified, Classifier};
pub use keep::prune;
pub use learning_rate::LearningRate;
pub use pace::Pace;
pub use preview::{MOST_PREVIEWED, Previewed, preview};
pub use rate_test::{RATE_STEPS, rate_test};
pub use session::{check, check_for};
pub use state::STATE;
pub use tensor_file::replace;

use crate::data::Dataset;
use crate::run::{BestEpoch, EpochReport, Examination, Progress, RunSpec, RunStatus, SpecError};
use serde::{Deserialize, Serialize};
use session::Session;
use std::io;
use std::path::{Path, PathBuf};

/// What the one who started a run wants of it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    Continue,
    /// End after this step, keep the best.
    Stop,
    /// End now; the run is not wanted.
    Cancel,
    /// Leave; the run goes on later from its last whole epoch, which is on the disk already.
    Pause,
}

/// Hears what a training run does, and says whether it is to go on.
pub trait Observer: Send {
    /// An epoch is done; called before its checkpoint is written. After a restart one can come twice, with the same figures.
    fn epoch(&mut self, report: &EpochReport);
    fn best(&mut self, best: &BestEpoch);
    fn progress(&mut self, progress: &Progress);
    fn log(&mut self, message: &str);
    /// The run has its weights and was examined; called before its end. After a restart it can come twice.
    fn examined(&mut self, examination: &Examination);
    /// A file of the run's folder is complete: [`BEST`], [`LAST`], [`STATE`].
    fn checkpoint(&mut self, name: &str);
    /// Asked at every step.
    fn wish(&mut self) -> Wish;
}

/// A run to train.
pub struct Job<'a> {
    /// Complete: presets and sizes resolved.
    pub spec: &'a RunSpec,
    pub dataset: &'a Dataset,
    /// Where checkpoints go; one that holds [`STATE`] is resumed.
    pub folder: PathBuf,
    /// Kernels' threads; the curve is the same with any number.
    pub threads: usize,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Over {
        status: RunStatus,
        /// Why, in a sentence for the user.
        message: String,
        best: Option<BestEpoch>,
    },
    /// After [`Wish::Pause`]: goes on from its checkpoint when started again.
    Paused,
}

#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The spec does not fit the data, or the layers do not fit each other.
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// What the folder holds cannot be gone on with.
    #[error("{0}")]
    State(String),
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The device that the spec asks for cannot be used; why, and what to do.
    #[error("{0}")]
    Device(String),
    #[error("no threads to train with: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl TrainError {
    fn at(path: &Path) -> impl Fn(io::Error) -> TrainError {
        let path = path.to_owned();
        move |source| TrainError::Io {
            path: path.clone(),
            source,
        }
    }
}

/// Dropping a long chain of tensors recurses, once a layer and step of a sequence.
const STACK_BYTES: usize = 64 << 20;

/// Trains until the epochs are done, early stopping ends it, or the observer wishes otherwise.
///
/// Everything happens in a pool of `job.threads` threads of its own. A folder with a [`STATE`] of the same settings and
/// data is gone on with, bit for bit as if it had never been left; with other settings or data it is an error.
pub fn train(job: Job, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
    // What is wrong with the settings is said before a card is opened.
    let plan = session::check(job.spec, &job.dataset.index)?;
    let device = device::open(job.spec)?;
    in_pool(job.threads, || {
        Session::start(&job, plan, &device, observer)?.run()
    })
    .map_err(|error| memory::explained(error, &job, &device))
}

/// Works in a pool of its own threads.
fn in_pool<T: Send>(
    threads: usize,
    work: impl FnOnce() -> Result<T, TrainError> + Send,
) -> Result<T, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .stack_size(STACK_BYTES)
        .thread_name(|i| format!("train-{i}"))
        .build()?;
    pool.install(work)
}
