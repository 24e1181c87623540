//! Datasets: their titles, how far an import is, and what runs need to know of them.

use super::sql::Json;
use super::{Inspection, Moment, Store, StoreError, StoreResult};
use crate::data::Index;
use crate::diagnose::Subject;
use crate::run::{DatasetId, RunStatus, Split};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatasetState {
    Importing,
    Ready,
    /// The import did not work; the message says why.
    Failed,
}

impl DatasetState {
    pub(super) const ALL: [DatasetState; 3] = [
        DatasetState::Importing,
        DatasetState::Ready,
        DatasetState::Failed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            DatasetState::Importing => "importing",
            DatasetState::Ready => "ready",
            DatasetState::Failed => "failed",
        }
    }
}

/// What a run remembers of its data, also when the dataset is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataFacts {
    pub classes: Vec<String>,
    /// Images of each class in each split.
    pub class_counts: Vec<(Split, Vec<u32>)>,
    pub fingerprint: String,
    /// The commonest height and width of the training images, in pixels.
    pub common_size: (u32, u32),
}

impl DataFacts {
    pub fn of(index: &Index) -> DataFacts {
        let class_counts = Split::ALL.map(|split| (split, index.class_counts(split)));
        DataFacts {
            classes: index.classes.clone(),
            class_counts: class_counts.to_vec(),
            fingerprint: index.fingerprint.clone(),
            common_size: index.common_size(),
        }
    }

    /// The accuracy of guessing in a split.
    pub fn chance(&self, split: Split) -> Option<f64> {
        Subject {
            epochs: &[],
            classes: self.classes.len(),
            class_counts: &self.class_counts,
            status: RunStatus::Queued,
            best_epoch: None,
        }
        .chance(split)
    }

    /// Images of a split.
    pub fn images(&self, split: Split) -> u32 {
        self.class_counts
            .iter()
            .filter(|(of, _)| *of == split)
            .flat_map(|(_, counts)| counts)
            .sum()
    }
}

/// A dataset as the database has it; images and index are in its folder.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetRow {
    pub id: DatasetId,
    pub title: String,
    pub created: Moment,
    pub state: DatasetState,
    /// Files imported so far, of `files`; 0 of 0 before they are counted.
    pub done: u64,
    pub files: u64,
    /// Why the import failed; empty otherwise.
    pub message: String,
    /// Once it is ready.
    pub facts: Option<DataFacts>,
    /// Once its audit is done: problems and warnings.
    pub audit: Option<(u32, u32)>,
}

impl Store {
    /// A new dataset that is being imported, with an id from its title that is not taken.
    pub async fn add_dataset(&self, title: String) -> StoreResult<DatasetId> {
        self.write(move |change| {
            let wanted = DatasetId::from_title(&title);
            let mut id = wanted.clone();
            let mut number = 2;
            while dataset(&change.tx, &id)?.is_some() {
                id = wanted.numbered(number);
                number += 1;
            }
            change.tx.execute(
                "INSERT INTO dataset (id, title, created, state) VALUES (?1, ?2, ?3, ?4)",
                params![id, title, Moment::now(), DatasetState::Importing],
            )?;
            change.data_changed();
            Ok(id)
        })
        .await
    }

    /// A dataset of a fixed id: false where it is there and has not failed.
    pub async fn claim_dataset(&self, id: DatasetId, title: String) -> StoreResult<bool> {
        self.write(move |change| {
            match dataset(&change.tx, &id)? {
                Some(row) if row.state != DatasetState::Failed => return Ok(false),
                _ => {}
            }
            change.tx.execute(
                "INSERT OR REPLACE INTO dataset (id, title, created, state) VALUES (?1, ?2, ?3, ?4)",
                params![id, title, Moment::now(), DatasetState::Importing],
            )?;
            change.data_changed();
            Ok(true)
        })
        .await
    }

    /// How far an import is.
    pub async fn import_progress(&self, id: DatasetId, done: u64, files: u64) -> StoreResult<()> {
        self.write(move |change| {
            change.tx.execute(
                "UPDATE dataset SET done = ?2, files = ?3 WHERE id = ?1 AND state = 'importing'",
                params![id, done as i64, files as i64],
            )?;
            Ok(())
        })
        .await
    }

    /// The end of an import: what the dataset holds, whose audit then waits for its turn, or why there is none.
    pub async fn import_done(
        &self,
        id: DatasetId,
        result: Result<DataFacts, String>,
    ) -> StoreResult<()> {
        self.write(move |change| {
            let (state, message, facts) = match result {
                Ok(facts) => (DatasetState::Ready, String::new(), Some(Json(facts))),
                Err(message) => (DatasetState::Failed, message, None),
            };
            change.tx.execute(
                "UPDATE dataset SET state = ?2, message = ?3, facts = ?4 WHERE id = ?1",
                params![id, state, message, facts],
            )?;
            change.want_inspection(&id, Inspection::Audit)?;
            change.data_changed();
            Ok(())
        })
        .await
    }

    /// Imports that a stopped server left unfinished have failed.
    pub async fn fail_interrupted_imports(&self) -> StoreResult<()> {
        self.write(|change| {
            change.tx.execute(
                "UPDATE dataset SET state = 'failed', message = ?1 WHERE state = 'importing'",
                ["the server was stopped during the import: delete this dataset and upload it again"],
            )?;
            Ok(())
        })
        .await
    }

    /// Every dataset, the newest first.
    pub async fn datasets(&self) -> StoreResult<Vec<DatasetRow>> {
        self.read(|db| {
            let mut statement =
                db.prepare_cached(&format!("{SELECT} ORDER BY created DESC, id"))?;
            let rows = statement.query_map([], read_dataset)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One dataset by its id.
    pub async fn dataset(&self, id: &DatasetId) -> StoreResult<DatasetRow> {
        let id = id.clone();
        self.read(move |db| {
            dataset(db, &id)?
                .ok_or_else(|| StoreError::NotFound(format!("there is no dataset '{id}'")))
        })
        .await
    }

    /// One dataset by its id or, failing that, its title.
    pub async fn find_dataset(&self, name: &str) -> StoreResult<DatasetRow> {
        let name = name.to_owned();
        self.read(move |db| {
            let mut statement = db.prepare_cached(&format!(
                "{SELECT} WHERE id = ?1 OR title = ?1 ORDER BY id <> ?1, created LIMIT 1"
            ))?;
            statement
                .query_row([&name], read_dataset)
                .optional()?
                .ok_or_else(|| {
                    StoreError::NotFound(format!(
                        "there is no dataset with the id or title '{name}'"
                    ))
                })
        })
        .await
    }

    /// Forgets a dataset and removes its folder; refused while it is imported or a run needs it.
    pub async fn delete_dataset(&self, id: &DatasetId) -> StoreResult<()> {
        let wanted = id.clone();
        self.write(move |change| {
            let row = dataset(&change.tx, &wanted)?
                .ok_or_else(|| StoreError::NotFound(format!("there is no dataset '{wanted}'")))?;
            if row.state == DatasetState::Importing {
                return Err(StoreError::Conflict(
                    "the dataset is being imported: wait until that is done".to_owned(),
                ));
            }
            let user: Option<i64> = change
                .tx
                .query_row(
                    "SELECT id FROM run WHERE dataset = ?1 AND status IN ('queued', 'running') LIMIT 1",
                    [&wanted],
                    |found| found.get(0),
                )
                .optional()?;
            if let Some(run) = user {
                return Err(StoreError::Conflict(format!(
                    "run {run} needs the dataset: cancel it or wait until it is over"
                )));
            }
            change
                .tx
                .execute("DELETE FROM dataset WHERE id = ?1", [&wanted])?;
            change.data_changed();
            Ok(())
        })
        .await?;
        super::run::remove_folder(self.home().dataset(id)).await
    }
}

const SELECT: &str = "SELECT dataset.*, problems, warnings FROM dataset LEFT JOIN
    (SELECT dataset AS of, problems, warnings FROM inspection WHERE kind = 'audit' AND document IS NOT NULL) ON of = id";

fn dataset(db: &Connection, id: &DatasetId) -> StoreResult<Option<DatasetRow>> {
    let mut statement = db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    Ok(statement.query_row([id], read_dataset).optional()?)
}

fn read_dataset(row: &Row) -> rusqlite::Result<DatasetRow> {
    let count = |name| row.get::<_, i64>(name).map(|n| n.max(0) as u64);
    Ok(DatasetRow {
        id: row.get("id")?,
        title: row.get("title")?,
        created: row.get("created")?,
        state: row.get("state")?,
        done: count("done")?,
        files: count("files")?,
        message: row.get("message")?,
        facts: row
            .get::<_, Option<Json<DataFacts>>>("facts")?
            .map(|Json(facts)| facts),
        audit: row
            .get::<_, Option<u32>>("problems")?
            .zip(row.get("warnings")?),
    })
}
