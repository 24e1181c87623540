//! Runs: what was asked for, how it stands.

use super::connection::Change;
use super::epoch::{epoch_record, epoch_records};
use super::sql::Json;
use super::{DataFacts, EventKind, Moment, Store, StoreError, StoreResult};
use crate::diagnose::finding::Finding;
use crate::diagnose::network_findings;
use crate::model::plan_for;
use crate::run::sweep::Settings;
use crate::run::{
    Attempt, BestEpoch, DatasetId, EpochRecord, GroupId, Machine, Metric, RunId, RunSpec,
    RunStatus, Seq, Split, TestFigures,
};
use crate::train::Wish;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use std::path::PathBuf;

/// A run to be queued.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Complete: presets' settings and sizes resolved.
    pub spec: RunSpec,
    /// None for a run that somebody's own script reports.
    pub dataset: Option<DatasetId>,
    pub facts: Option<DataFacts>,
    /// For an external run: what its producer's token hashes to.
    pub token_hash: Option<[u8; 32]>,
}

/// A run as the database has it.
#[derive(Clone, Debug)]
pub struct Run {
    pub id: RunId,
    pub name: String,
    pub notes: String,
    pub tags: Vec<String>,
    pub dataset: Option<DatasetId>,
    pub spec: RunSpec,
    pub facts: Option<DataFacts>,
    pub status: RunStatus,
    /// Why the status is what it is, for the user; may be empty.
    pub message: String,
    /// What the user wants of it now.
    pub wish: Wish,
    /// 0 before the first start.
    pub attempt: Attempt,
    pub created: Moment,
    pub started: Option<Moment>,
    pub ended: Option<Moment>,
    /// The last epoch that is done; 0 before the first.
    pub epoch: u32,
    /// As many as were asked for.
    pub epochs: u32,
    pub latest: Option<EpochRecord>,
    pub best: Option<BestEpoch>,
    /// Once the run is over: a diagnosis' verdict.
    pub verdict: Option<String>,
    pub last_seq: Seq,
    /// Where the last attempt trained, once it said so.
    pub machine: Option<Machine>,
    /// When a lost run may be started again.
    pub not_before: Moment,
    /// What was measured on the test images is kept from everybody.
    pub sealed: bool,
    /// The group that it was made with.
    pub group: Option<GroupId>,
    /// What it has of the fields that differ in its group.
    pub settings: Settings,
}

/// What of a run can be changed by hand.
#[derive(Clone, Debug, Default)]
pub struct RunPatch {
    pub name: Option<String>,
    pub notes: Option<String>,
    pub tags: Option<Vec<String>>,
}

impl Run {
    /// Training in classes 0 to K: 0 where nobody knows.
    pub fn class_count(&self) -> usize {
        self.facts.as_ref().map_or(0, |facts| facts.classes.len())
    }

    /// What its layers tell. None where Gapwatch does not know them: a script's network is its own affair.
    pub fn network_findings(&self) -> Option<Vec<Finding>> {
        let facts = self.facts.as_ref().filter(|_| !self.spec.external)?;
        let plan = plan_for(&self.spec, facts.classes.len()).ok()?;
        let images = facts.images(Split::Train) as usize;
        Some(network_findings(&plan, Some(images)))
    }
}

impl Store {
    /// Queues a run.
    pub async fn create_run(&self, new: NewRun) -> StoreResult<Run> {
        self.write(move |change| {
            let id = change.insert_run(&new, None)?;
            get(&change.tx, id)
        })
        .await
    }

    /// One run.
    pub async fn run(&self, id: RunId) -> StoreResult<Run> {
        self.read(move |db| get(db, id)).await
    }

    /// One run with all its epochs, of the same moment; `last_seq` is what an events stream goes on from.
    pub async fn run_with_epochs(&self, id: RunId) -> StoreResult<(Run, Vec<EpochRecord>)> {
        self.read(move |db| Ok((get(db, id)?, epoch_records(db, id)?)))
            .await
    }

    /// Renames, notes, tags.
    pub async fn patch_run(&self, id: RunId, patch: RunPatch) -> StoreResult<Run> {
        self.write(move |change| {
            let run = get(&change.tx, id)?;
            change.tx.execute(
                "UPDATE run SET name = ?2, notes = ?3 WHERE id = ?1",
                params![
                    id,
                    patch.name.unwrap_or(run.name),
                    patch.notes.unwrap_or(run.notes)
                ],
            )?;
            if let Some(tags) = patch.tags {
                change
                    .tx
                    .execute("DELETE FROM run_tag WHERE run = ?1", [id])?;
                change.put_tags(id, &tags)?;
            }
            change.status_event(id)?;
            get(&change.tx, id)
        })
        .await
    }

    /// Removes a run with everything it has; refused while it is queued or running.
    pub async fn delete_run(&self, id: RunId) -> StoreResult<()> {
        self.write(move |change| {
            let run = get(&change.tx, id)?;
            change.remove_run(&run)
        })
        .await?;
        self.feed().forget(id);
        remove_folder(self.home().run(id)).await
    }
}

impl Change<'_> {
    /// Queues a run, in a group where one is given with what the run has of its axes.
    pub(super) fn insert_run(
        &mut self,
        new: &NewRun,
        of: Option<(GroupId, &Settings)>,
    ) -> StoreResult<RunId> {
        if let Some(dataset) = &new.dataset {
            let ready = self
                .tx
                .query_row(
                    "SELECT state = 'ready' FROM dataset WHERE id = ?1",
                    [dataset],
                    |row| row.get(0),
                )
                .optional()?;
            match ready {
                Some(true) => {}
                Some(false) => {
                    return Err(StoreError::Conflict(format!(
                        "the dataset '{dataset}' is not ready: wait until its import is done"
                    )));
                }
                None => {
                    return Err(StoreError::NotFound(format!(
                        "there is no dataset '{dataset}'"
                    )));
                }
            }
        }
        let spec = &new.spec;
        let attempt = Attempt(u32::from(spec.external));
        self.tx.execute(
            "INSERT INTO run (name, notes, dataset, spec, facts, external, status, attempt, token_hash, created, epochs,
             run_group, settings, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            params![
                spec.name,
                spec.notes,
                new.dataset,
                Json(spec),
                new.facts.as_ref().map(Json),
                spec.external,
                RunStatus::Queued,
                attempt,
                new.token_hash,
                Moment::now(),
                spec.train.epochs,
                of.map(|(group, _)| group),
                Json(of.map_or(&Settings::new(), |(_, settings)| settings)),
                spec.test == TestFigures::Sealed,
            ],
        )?;
        let id = RunId(self.tx.last_insert_rowid());
        self.put_tags(id, &spec.tags)?;
        self.status_event(id)?;
        Ok(id)
    }

    fn put_tags(&self, run: RunId, tags: &[String]) -> StoreResult<()> {
        for tag in tags {
            self.tx.execute(
                "INSERT OR IGNORE INTO run_tag (run, tag) VALUES (?1, ?2)",
                params![run, tag],
            )?;
        }
        Ok(())
    }

    /// Removes a run with everything that the database has of it, and a group whose last run it was; refused while the run
    /// is queued or running.
    pub(super) fn remove_run(&mut self, run: &Run) -> StoreResult<()> {
        if !run.status.is_over() && !run.spec.external {
            return Err(StoreError::Conflict(format!(
                "run {} is {}: cancel it first",
                run.id, run.status
            )));
        }
        self.tx.execute("DELETE FROM run WHERE id = ?1", [run.id])?;
        self.tx.execute(
            "DELETE FROM run_group WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM run WHERE run_group = ?1)",
            [run.group],
        )?;
        self.changed(run.id);
        Ok(())
    }

    /// Tells watchers how the run stands.
    pub(super) fn status_event(&mut self, id: RunId) -> StoreResult<()> {
        let run = get(&self.tx, id)?;
        self.event(
            id,
            EventKind::Status,
            &json!({
                "status": run.status,
                "message": run.message,
                "attempt": run.attempt,
                "wish": run.wish,
                "epoch": run.epoch,
                "epochs": run.epochs,
                "name": run.name,
                "sealed": run.sealed,
            }),
        )?;
        Ok(())
    }
}

/// One run, or that there is none.
pub(super) fn get(db: &Connection, id: RunId) -> StoreResult<Run> {
    let mut statement = db.prepare_cached("SELECT * FROM run WHERE id = ?1")?;
    let run = statement.query_row([id], read).optional()?;
    complete(
        db,
        run.ok_or_else(|| StoreError::NotFound(format!("there is no run {id}")))?,
    )
}

/// A row of `run`, without what other tables hold: see [`complete`].
pub(super) fn read(row: &Row) -> rusqlite::Result<Run> {
    let Json(mut spec): Json<RunSpec> = row.get("spec")?;
    let (name, notes): (String, String) = (row.get("name")?, row.get("notes")?);
    spec.name.clone_from(&name);
    spec.notes.clone_from(&notes);
    let best = match (
        row.get("best_epoch")?,
        row.get::<_, Option<Metric>>("best_metric")?,
        row.get("best_value")?,
    ) {
        (Some(epoch), Some(metric), Some(value)) => Some(BestEpoch {
            epoch,
            metric,
            value,
        }),
        _ => None,
    };
    Ok(Run {
        id: row.get("id")?,
        name,
        notes,
        tags: Vec::new(),
        dataset: row.get("dataset")?,
        spec,
        facts: row
            .get::<_, Option<Json<DataFacts>>>("facts")?
            .map(|Json(facts)| facts),
        status: row.get("status")?,
        message: row.get("message")?,
        wish: row.get("wish")?,
        attempt: row.get("attempt")?,
        created: row.get("created")?,
        started: row.get("started")?,
        ended: row.get("ended")?,
        epoch: row.get("epoch")?,
        epochs: row.get("epochs")?,
        latest: None,
        best,
        verdict: row.get("verdict")?,
        last_seq: row.get("last_seq")?,
        machine: row
            .get::<_, Option<Json<Machine>>>("machine")?
            .map(|Json(machine)| machine),
        not_before: row.get("not_before")?,
        sealed: row.get("sealed")?,
        group: row.get("run_group")?,
        settings: row.get::<_, Json<Settings>>("settings")?.0,
    })
}

/// Adds tags and the latest figures.
pub(super) fn complete(db: &Connection, mut run: Run) -> StoreResult<Run> {
    run.tags = db
        .prepare_cached("SELECT tag FROM run_tag WHERE run = ?1 ORDER BY tag")?
        .query_map([run.id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    run.spec.tags.clone_from(&run.tags);
    if run.epoch > 0 {
        run.latest = Some(epoch_record(db, run.id, run.epoch)?);
    }
    Ok(run)
}

/// Removes a folder that may not be there; what was renamed away is never seen half removed.
pub(super) async fn remove_folder(folder: PathBuf) -> StoreResult<()> {
    let away = folder.with_extension("deleted");
    let moved = match tokio::fs::rename(&folder, &away).await {
        Ok(()) => tokio::fs::remove_dir_all(&away).await,
        Err(error) => Err(error),
    };
    match moved {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(StoreError::Io {
            what: format!("removing {}", folder.display()),
            source,
        }),
        _ => Ok(()),
    }
}
