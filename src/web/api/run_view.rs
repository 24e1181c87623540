//! A run as the API shows it.

use crate::run::{
    Attempt, BestEpoch, DatasetId, EpochRecord, GroupId, RunId, RunSpec, RunStatus, Seq,
};
use crate::store::{Moment, Run, TestLooks};
use crate::train::Wish;
use crate::web::{App, HttpError};
use serde::Serialize;

/// A run as the API shows it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RunView {
    pub id: RunId,
    pub name: String,
    pub notes: String,
    pub tags: Vec<String>,
    pub status: RunStatus,
    /// Why the status is what it is; may be empty.
    pub message: String,
    /// What the user wants of the run's worker now.
    pub wish: Wish,
    pub attempt: Attempt,
    pub external: bool,
    pub dataset: Option<DatasetId>,
    /// The same data, the same fingerprint.
    pub dataset_fingerprint: Option<String>,
    /// Empty where nobody knows.
    pub classes: Vec<String>,
    pub spec: RunSpec,
    pub created: Moment,
    pub started: Option<Moment>,
    pub ended: Option<Moment>,
    /// The last epoch that is done; 0 before the first.
    pub epoch: u32,
    pub epochs: u32,
    pub latest: Option<EpochRecord>,
    pub best: Option<BestEpoch>,
    /// Once the run is over.
    pub verdict: Option<String>,
    /// What was measured on the test images is kept from everybody until it is revealed.
    pub sealed: bool,
    /// How often the test images of its data were looked at; where one run is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_looks: Option<TestLooks>,
    /// The group that it was made with.
    pub group: Option<GroupId>,
    /// The newest event: where a stream may go on from.
    pub last_seq: Seq,
}

impl RunView {
    /// Adds what is known of the looks at its test images.
    pub async fn with_test_looks(mut self, app: &App) -> Result<RunView, HttpError> {
        if let Some(fingerprint) = &self.dataset_fingerprint {
            self.test_looks = Some(app.store.test_looks(fingerprint).await?);
        }
        Ok(self)
    }
}

impl From<Run> for RunView {
    fn from(run: Run) -> RunView {
        RunView {
            id: run.id,
            name: run.name,
            notes: run.notes,
            tags: run.tags,
            status: run.status,
            message: run.message,
            wish: run.wish,
            attempt: run.attempt,
            external: run.spec.external,
            dataset: run.dataset,
            dataset_fingerprint: run.facts.as_ref().map(|facts| facts.fingerprint.clone()),
            classes: run.facts.map_or_else(Vec::new, |facts| facts.classes),
            spec: run.spec,
            created: run.created,
            started: run.started,
            ended: run.ended,
            epoch: run.epoch,
            epochs: run.epochs,
            latest: run.latest,
            best: run.best,
            verdict: run.verdict,
            sealed: run.sealed,
            test_looks: None,
            group: run.group,
            last_seq: run.last_seq,
        }
    }
}
