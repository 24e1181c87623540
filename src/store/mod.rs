//! SQLite: runs, events, datasets, checkpoints.
//!
//! One thread writes, so that every change is committed before anybody is told of it; reads run beside it on their own
//! connections. What a run's watchers must hear goes from the writing thread to the [`Feed`] right after the commit.

mod check;
mod checkpoint;
mod connection;
mod dataset;
mod disk;
mod epoch;
mod event;
mod examination;
mod feed;
mod group;
mod home;
mod inspection;
mod library;
mod moment;
mod probe_chain;
mod report;
mod room;
mod run;
mod run_list;
mod schema;
mod sql;
mod staging;
mod test_look;
pub mod token;
mod transition;

pub use check::MAX_LABEL;
pub use checkpoint::{CHECKPOINT_NAMES, Checkpoint};
pub use connection::Store;
pub use dataset::{DataFacts, DatasetRow, DatasetState};
pub use disk::{Disk, FREE_BYTES_KEPT, Room};
pub use event::{Event, EventKind, LogLine};
pub use examination::Diagnosed;
pub use feed::{Feed, Message};
pub use group::{Group, GroupRun, GroupSummary, NewGroup};
pub use home::{Home, HomeError};
pub use inspection::{Inspected, Inspection, InspectionRow, InspectionState, MOST_DOCUMENT_BYTES};
pub use library::Library;
pub use moment::Moment;
pub use probe_chain::{ChainEnd, PROBE, ProbeChain};
pub use report::{MAX_EVENTS_A_POST, Reported};
pub use room::{DatasetRoom, Holdings, OldRule, RunRoom};
pub use run::{NewRun, Run, RunPatch};
pub use run_list::{RunFilter, RunSort};
pub use staging::{Preview, Upload, UploadState};
pub use test_look::TestLooks;
pub use transition::Lost;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done as things stand.
    #[error("{0}")]
    Conflict(String),
    /// What was sent is wrong.
    #[error("{0}")]
    Invalid(String),
    /// More than is taken.
    #[error("{0}")]
    TooLarge(String),
    /// The disk has no room for it.
    #[error("{0}")]
    Full(String),
    #[error("the database is closing")]
    Closed,
}

pub type StoreResult<T> = Result<T, StoreError>;
