//! What is looked into of a dataset in the background, its audit and its simple models: asked for, done, and kept.

use super::connection::Change;
use super::event::to_json;
use super::{DatasetState, Moment, Store, StoreError, StoreResult};
use crate::run::{DatasetId, RunId, RunSpec};
use rusqlite::{OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Of a document as JSON; an audit has some tens of thousands.
pub const MOST_DOCUMENT_BYTES: usize = 8 << 20;

/// What can be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Inspection {
    /// Classes, copies, properties, groups, order and odd files by split; after an import.
    Audit,
    /// Linear, nearest-neighbour and two-sample models; after a run.
    SimpleModels,
    /// A range test of the learning rate, of a spec that comes with it.
    RateTest,
}

impl Inspection {
    pub const ALL: [Inspection; 3] = [
        Inspection::Audit,
        Inspection::SimpleModels,
        Inspection::RateTest,
    ];

    /// Those of the images alone, which need nothing else.
    pub const OF_IMAGES: [Inspection; 2] = [Inspection::Audit, Inspection::SimpleModels];

    /// As in addresses: `simple-models`.
    pub fn name(self) -> &'static str {
        match self {
            Inspection::Audit => "audit",
            Inspection::SimpleModels => "simple-models",
            Inspection::RateTest => "rate-test",
        }
    }
}

impl FromStr for Inspection {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Inspection::ALL
            .into_iter()
            .find(|kind| kind.name() == s)
            .ok_or_else(|| {
                format!("a dataset has an audit, simple-models and a rate-test, no '{s}'")
            })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InspectionState {
    /// For its turn: one is done at a time.
    Waiting,
    Running,
    Done,
    /// By a user; it starts again when it is asked for.
    Cancelled,
    /// The message says why.
    Failed,
}

impl InspectionState {
    pub(super) const ALL: [InspectionState; 5] = [
        InspectionState::Waiting,
        InspectionState::Running,
        InspectionState::Done,
        InspectionState::Cancelled,
        InspectionState::Failed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            InspectionState::Waiting => "waiting",
            InspectionState::Running => "running",
            InspectionState::Done => "done",
            InspectionState::Cancelled => "cancelled",
            InspectionState::Failed => "failed",
        }
    }

    /// True while something is to come.
    pub fn is_pending(self) -> bool {
        matches!(self, InspectionState::Waiting | InspectionState::Running)
    }
}

/// An inspection as the database has it, without its document.
#[derive(Clone, Debug, PartialEq)]
pub struct InspectionRow {
    pub dataset: DatasetId,
    pub kind: Inspection,
    pub state: InspectionState,
    /// When it was asked for; tells one from the next of the same kind.
    pub asked: Moment,
    /// When it was last over.
    pub ended: Option<Moment>,
    /// Why it failed; empty otherwise.
    pub message: String,
    /// True where a document is kept, perhaps of an earlier time.
    pub kept: bool,
    /// Findings of the document.
    pub problems: u32,
    pub warnings: u32,
    /// What a range test is to test.
    pub spec: Option<RunSpec>,
}

/// What an inspection found.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// JSON.
    pub document: String,
    /// Of the images that it was made from.
    pub fingerprint: String,
    pub problems: u32,
    pub warnings: u32,
}

impl Store {
    /// Asks for an inspection of a dataset that is ready; one that waits or runs already is left at that. `spec` is what a
    /// range test is to test; there one that waits or runs, perhaps with other settings, is a conflict.
    pub async fn ask_inspection(
        &self,
        id: &DatasetId,
        kind: Inspection,
        spec: Option<&RunSpec>,
    ) -> StoreResult<InspectionRow> {
        let id = id.clone();
        let spec = spec.map(to_json);
        self.write(move |change| {
            let state: DatasetState = change
                .tx
                .query_row("SELECT state FROM dataset WHERE id = ?1", [&id], |row| {
                    row.get(0)
                })
                .optional()?
                .ok_or_else(|| StoreError::NotFound(format!("there is no dataset '{id}'")))?;
            if state != DatasetState::Ready {
                return Err(StoreError::Conflict(format!(
                    "the dataset '{id}' is {}",
                    state.name()
                )));
            }
            let asked = change.tx.execute(
                "INSERT INTO inspection (dataset, kind, state, asked, spec) VALUES (?1, ?2, 'waiting', ?3, ?4)
                 ON CONFLICT (dataset, kind) DO UPDATE
                 SET state = 'waiting', message = '', asked = MAX(excluded.asked, asked + 1), spec = excluded.spec
                 WHERE state NOT IN ('waiting', 'running')",
                params![id, kind, Moment::now(), spec],
            )?;
            if asked == 0 && spec.is_some() {
                return Err(StoreError::Conflict(format!(
                    "a range test of the dataset '{id}' waits or runs already: cancel it, or wait for its end"
                )));
            }
            change.data_changed();
            Ok(change.tx.query_row(
                &format!("{SELECT} WHERE dataset = ?1 AND kind = ?2"),
                params![id, kind],
                read_row,
            )?)
        })
        .await
    }

    /// Gives up an inspection that waits or runs; what an earlier one found is kept.
    pub async fn cancel_inspection(&self, id: &DatasetId, kind: Inspection) -> StoreResult<()> {
        let id = id.clone();
        self.write(move |change| {
            let cancelled = change.tx.execute(
                "UPDATE inspection SET state = 'cancelled', ended = ?3
                 WHERE dataset = ?1 AND kind = ?2 AND state IN ('waiting', 'running')",
                params![id, kind, Moment::now()],
            )?;
            change.data_changed();
            match cancelled {
                0 => Err(StoreError::Conflict(format!(
                    "no {} of the dataset '{id}' waits or runs",
                    kind.name()
                ))),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Marks the one that has waited longest as running, and gives it.
    pub async fn start_inspection(&self) -> StoreResult<Option<InspectionRow>> {
        let waits: bool = self
            .read(|db| {
                let sql = "SELECT EXISTS (SELECT 1 FROM inspection WHERE state = 'waiting')";
                Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
            })
            .await?;
        if !waits {
            return Ok(None);
        }
        self.write(|change| {
            let next = change
                .tx
                .query_row(
                    &format!(
                        "{SELECT} WHERE state = 'waiting' ORDER BY asked, dataset, kind LIMIT 1"
                    ),
                    [],
                    read_row,
                )
                .optional()?;
            if let Some(row) = &next {
                change.tx.execute(
                    "UPDATE inspection SET state = 'running' WHERE dataset = ?1 AND kind = ?2",
                    params![row.dataset, row.kind],
                )?;
                change.data_changed();
            }
            Ok(next)
        })
        .await
    }

    /// Keeps what a running inspection found, or why it failed; nothing where it was cancelled or its dataset deleted since.
    pub async fn inspection_done(
        &self,
        row: InspectionRow,
        result: Result<Inspected, String>,
    ) -> StoreResult<()> {
        let result = result.and_then(|found| match found.document.len() {
            0..=MOST_DOCUMENT_BYTES => Ok(found),
            bytes => Err(format!(
                "what was found takes {} MiB and at most {} are kept: the dataset has very many classes with long names",
                bytes >> 20,
                MOST_DOCUMENT_BYTES >> 20
            )),
        });
        self.write(move |change| {
            let InspectionRow { dataset, kind, asked, .. } = row;
            let now = Moment::now();
            let still = "WHERE dataset = ?1 AND kind = ?2 AND asked = ?3 AND state = 'running'";
            match result {
                Ok(found) => change.tx.execute(
                    &format!(
                        "UPDATE inspection SET state = 'done', message = '', ended = ?4, document = ?5,
                         fingerprint = ?6, problems = ?7, warnings = ?8 {still}"
                    ),
                    params![
                        dataset, kind, asked, now, found.document, found.fingerprint,
                        found.problems, found.warnings
                    ],
                )?,
                Err(message) => change.tx.execute(
                    &format!("UPDATE inspection SET state = 'failed', ended = ?4, message = ?5 {still}"),
                    params![dataset, kind, asked, now, message],
                )?,
            };
            change.data_changed();
            Ok(())
        })
        .await
    }

    /// Inspections that a stopped server left unfinished wait again.
    pub async fn resume_inspections(&self) -> StoreResult<()> {
        self.write(|change| {
            change.tx.execute(
                "UPDATE inspection SET state = 'waiting' WHERE state = 'running'",
                [],
            )?;
            Ok(())
        })
        .await
    }

    /// What was asked for of a dataset.
    pub async fn inspections(&self, id: &DatasetId) -> StoreResult<Vec<InspectionRow>> {
        let id = id.clone();
        self.read(move |db| {
            let sql = format!("{SELECT} WHERE dataset = ?1 ORDER BY kind");
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map([id], read_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What is kept of an inspection; None where nothing is, or what is there is of other images or of another Gapwatch.
    pub async fn inspected<T: DeserializeOwned + Send + 'static>(
        &self,
        id: &DatasetId,
        kind: Inspection,
    ) -> StoreResult<Option<T>> {
        let wanted = id.clone();
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT document FROM inspection JOIN dataset ON dataset.id = inspection.dataset
                 WHERE inspection.dataset = ?1 AND kind = ?2 AND document IS NOT NULL
                 AND fingerprint = dataset.facts ->> 'fingerprint'",
            )?;
            let kept: Option<String> = statement
                .query_row(params![wanted, kind], |row| row.get(0))
                .optional()?;
            Ok(kept.and_then(|text| match serde_json::from_str(&text) {
                Ok(document) => Some(document),
                Err(error) => {
                    tracing::warn!("the {} of {wanted} cannot be read: {error}", kind.name());
                    None
                }
            }))
        })
        .await
    }
}

impl Change<'_> {
    /// Asks for an inspection unless one of the kind was ever asked for, or the dataset is not ready.
    pub(super) fn want_inspection(&mut self, id: &DatasetId, kind: Inspection) -> StoreResult<()> {
        self.tx.execute(
            "INSERT OR IGNORE INTO inspection (dataset, kind, state, asked)
             SELECT id, ?2, 'waiting', ?3 FROM dataset WHERE id = ?1 AND state = 'ready'",
            params![id, kind, Moment::now()],
        )?;
        self.data_changed();
        Ok(())
    }

    /// Asks for the simple models of the dataset of a run that has ended.
    pub(super) fn want_simple_models(&mut self, run: RunId) -> StoreResult<()> {
        self.tx.execute(
            "INSERT OR IGNORE INTO inspection (dataset, kind, state, asked)
             SELECT dataset.id, ?2, 'waiting', ?3 FROM run JOIN dataset ON dataset.id = run.dataset
             WHERE run.id = ?1 AND dataset.state = 'ready'",
            params![run, Inspection::SimpleModels, Moment::now()],
        )?;
        self.data_changed();
        Ok(())
    }
}

const SELECT: &str = "SELECT dataset, kind, state, asked, ended, message, document IS NOT NULL AS kept, problems, warnings, spec FROM inspection";

fn read_row(row: &Row) -> rusqlite::Result<InspectionRow> {
    Ok(InspectionRow {
        dataset: row.get("dataset")?,
        kind: row.get("kind")?,
        state: row.get("state")?,
        asked: row.get("asked")?,
        ended: row.get("ended")?,
        message: row.get("message")?,
        kept: row.get("kept")?,
        problems: row.get("problems")?,
        warnings: row.get("warnings")?,
        spec: row
            .get::<_, Option<String>>("spec")?
            .and_then(|text| serde_json::from_str(&text).ok()),
    })
}
