//! What a worker is told of its run.

use crate::data::Dataset;
use crate::run::{Attempt, DatasetId, RunSpec};
use anyhow::bail;
use serde::Deserialize;

/// The part of `GET /runs/{id}` that training needs.
#[derive(Debug, Deserialize)]
pub struct Assignment {
    pub attempt: Attempt,
    /// Complete.
    pub spec: RunSpec,
    pub dataset: Option<DatasetId>,
    pub dataset_fingerprint: Option<String>,
}

impl Assignment {
    /// An error where the images are not those that the run was made for.
    pub fn same_data(&self, dataset: &Dataset) -> anyhow::Result<()> {
        match &self.dataset_fingerprint {
            Some(fingerprint) if *fingerprint != dataset.index.fingerprint => bail!(
                "the dataset's images have changed since the run was made: launch the run again"
            ),
            _ => Ok(()),
        }
    }
}
