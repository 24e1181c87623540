//! The checkpoint files of a run.

use super::{Moment, Store, StoreError, StoreResult};
use crate::run::RunId;
use serde::Serialize;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// The files that a worker may bring, the best first.
pub const CHECKPOINT_NAMES: [&str; 3] = [
    "best.safetensors",
    "last.safetensors",
    "last.state.safetensors",
];

/// A file that is complete.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Checkpoint {
    pub name: &'static str,
    pub bytes: u64,
    pub modified: Moment,
}

impl Store {
    /// The checkpoints that a run has.
    pub async fn checkpoints(&self, run: RunId) -> StoreResult<Vec<Checkpoint>> {
        self.run(run).await?;
        let mut found = Vec::new();
        for name in CHECKPOINT_NAMES {
            let Ok(facts) = tokio::fs::metadata(self.home().run(run).join(name)).await else {
                continue;
            };
            let modified = facts
                .modified()
                .ok()
                .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
                .and_then(|since| i64::try_from(since.as_millis()).ok());
            found.push(Checkpoint {
                name,
                bytes: facts.len(),
                modified: Moment(modified.unwrap_or_default()),
            });
        }
        Ok(found)
    }

    /// Where a run's checkpoint is or will be; any other name is refused.
    pub fn checkpoint_path(&self, run: RunId, name: &str) -> StoreResult<PathBuf> {
        if CHECKPOINT_NAMES.contains(&name) {
            Ok(self.home().run(run).join(name))
        } else {
            Err(StoreError::NotFound(format!(
                "no checkpoint is called '{name}'; there are {}",
                CHECKPOINT_NAMES.join(", ")
            )))
        }
    }
}
