//! The words of the domain as plain serde types: what a run is asked to do, what it reports, how it stands.

mod augment;
mod check;
mod csv;
mod epoch;
mod event;
mod examination;
mod id;
mod input;
mod layer;
mod number;
mod optimizer;
mod rate_test;
mod schedule;
mod spec;
mod split;
mod status;
pub mod sweep;
mod training;
mod variation;

pub use augment::{AUGMENT_PRESETS, Augment, AugmentPreset, OPERATIONS, Operation};
pub use csv::history_csv;
pub use epoch::{Confusion, EpochRecord, EpochReport, ImageResults, Running, SplitMetrics};
pub use event::{Machine, ProducerEvent, Progress};
pub use examination::{
    Examination, InputStatistics, Pass, Preparation, Reach, Repetition, Statistics, StillParameter,
};
pub use id::{Attempt, DatasetId, GroupId, RunId, Seq};
pub use input::{InputSpec, Normalize};
pub use layer::{
    AdaptivePool, AvgPool, BatchNorm, Conv2d, Dropout, GroupNorm, Layer, LayerSpec, Linear,
    MaxPool, Pair, Recurrent, Residual, Sequence, SequenceOf,
};
pub use number::nullable;
pub use optimizer::{Decay, Optimizer};
pub use rate_test::{RatePoint, RateTest, RateTested};
pub use schedule::Schedule;
pub use spec::{Device, FieldError, Keep, ModelSpec, RunSpec, SpecError, TestFigures, merge};
pub use split::Split;
pub use status::{BestEpoch, History, RunFacts, RunStatus};
pub use training::{ClassWeights, EarlyStopping, Metric, Sampling, TrainSpec};
pub use variation::{ClassMap, MOST_FOLDS, MOST_WITHOUT, Resplit, Variation};
