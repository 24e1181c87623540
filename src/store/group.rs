//! Groups: runs that were asked for together, and differ in what is tried.

use super::connection::Change;
use super::epoch::stored_record;
use super::run::{complete, read, remove_folder};
use super::sql::Json;
use super::{Moment, NewRun, Run, Store, StoreError, StoreResult};
use crate::diagnose::{OverSeeds, Trial, over_seeds};
use crate::run::sweep::{Axis, Settings};
use crate::run::{EpochRecord, GroupId, RunId, RunStatus, Split};
use crate::train::Wish;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Runs to be queued together.
#[derive(Clone, Debug)]
pub struct NewGroup {
    pub name: String,
    pub axes: Vec<Axis>,
    /// The run that they look into.
    pub parent: Option<RunId>,
    /// What they are for, where they have a parent.
    pub purpose: Option<String>,
    /// Each with what it has of the axes.
    pub runs: Vec<(Settings, NewRun)>,
}

/// What a list says of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSummary {
    pub id: GroupId,
    pub name: String,
    pub created: Moment,
    pub axes: Vec<Axis>,
    pub parent: Option<RunId>,
    pub purpose: Option<String>,
    pub runs: u32,
    /// Of them.
    pub over: u32,
}

/// A group with its runs.
#[derive(Clone, Debug)]
pub struct Group {
    pub summary: GroupSummary,
    /// In the order in which they were made.
    pub runs: Vec<GroupRun>,
}

/// A run of a group with its best epoch and its pace.
#[derive(Clone, Debug)]
pub struct GroupRun {
    pub run: Run,
    pub best: Option<EpochRecord>,
    /// Mean seconds of its epochs, once it has one.
    pub epoch_s: Option<f64>,
}

impl GroupRun {
    /// Accuracy after the last epoch.
    pub fn accuracy(&self, split: Split) -> Option<f64> {
        Some(self.run.latest.as_ref()?.split(split)?.accuracy)
    }

    fn epochs_left(&self) -> u32 {
        match self.run.status.is_over() {
            true => 0,
            false => self.run.epochs.saturating_sub(self.run.epoch),
        }
    }
}

impl Group {
    /// How many runs have each status that occurs.
    pub fn counts(&self) -> Vec<(RunStatus, usize)> {
        let count = |status| {
            self.runs
                .iter()
                .filter(|of| of.run.status == status)
                .count()
        };
        let all = RunStatus::ALL.map(|status| (status, count(status)));
        all.into_iter().filter(|(_, n)| *n > 0).collect()
    }

    pub fn is_over(&self) -> bool {
        self.runs.iter().all(|of| of.run.status.is_over())
    }

    /// True where every run that is not over was asked to end.
    pub fn is_being_cancelled(&self) -> bool {
        let mut going = self.runs.iter().filter(|of| !of.run.status.is_over());
        !self.is_over() && going.all(|of| of.run.wish == Wish::Cancel)
    }

    /// Epochs that are done, and all that will be as far as is known: a run that ended early wants no more.
    pub fn epochs(&self) -> (u32, u32) {
        let done: u32 = self.runs.iter().map(|of| of.run.epoch).sum();
        let left: u32 = self.runs.iter().map(GroupRun::epochs_left).sum();
        (done, done + left)
    }

    /// Seconds until the last run is done, `parallel` going at once: each by its own pace, those that have none yet by that
    /// of the others. None before the first epoch, and when nothing goes on.
    pub fn left_s(&self, parallel: usize) -> Option<f64> {
        let paces: Vec<f64> = self.runs.iter().filter_map(|of| of.epoch_s).collect();
        if self.is_over() || paces.is_empty() {
            return None;
        }
        let usual = paces.iter().sum::<f64>() / paces.len() as f64;
        let each = |of: &GroupRun| f64::from(of.epochs_left()) * of.epoch_s.unwrap_or(usual);
        Some(self.runs.iter().map(each).sum::<f64>() / parallel.max(1) as f64)
    }

    /// Means over the seeds of the same settings.
    pub fn over_seeds(&self) -> Vec<OverSeeds> {
        let trials: Vec<Trial> = self
            .runs
            .iter()
            .map(|GroupRun { run, .. }| Trial {
                settings: &run.settings,
                status: run.status,
                last: run.latest.as_ref(),
            })
            .collect();
        over_seeds(&trials)
    }

    /// Puts the best validation accuracy first, runs without one last. Never by test: choosing by it would use it up.
    pub fn sort_by_validation(&mut self) {
        let key = |of: &GroupRun| of.accuracy(Split::Val).unwrap_or(-1.0);
        self.runs.sort_by(|a, b| key(b).total_cmp(&key(a)));
    }
}

impl Store {
    /// Queues the runs of a group: all of them, or none.
    pub async fn create_group(&self, new: NewGroup) -> StoreResult<Group> {
        self.write(move |change| {
            let id = change.insert_group(&new)?;
            group(&change.tx, id)
        })
        .await
    }

    /// A group with its runs, of one moment.
    pub async fn group(&self, id: GroupId) -> StoreResult<Group> {
        self.read(move |db| group(db, id)).await
    }

    /// The groups that look into a run, the oldest first.
    pub async fn groups_of(&self, parent: RunId) -> StoreResult<Vec<Group>> {
        self.read(move |db| {
            let ids: Vec<GroupId> = db
                .prepare_cached("SELECT id FROM run_group WHERE parent = ?1 ORDER BY id")?
                .query_map([parent], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            ids.into_iter().map(|id| group(db, id)).collect()
        })
        .await
    }

    /// What a list says of a group.
    pub async fn group_summary(&self, id: GroupId) -> StoreResult<GroupSummary> {
        self.read(move |db| summary(db, id)).await
    }

    /// The newest groups first, at most `limit`.
    pub async fn groups(&self, limit: usize) -> StoreResult<Vec<GroupSummary>> {
        self.read(move |db| {
            let mut statement =
                db.prepare_cached(&format!("{SELECT} ORDER BY id DESC LIMIT ?1"))?;
            let rows = statement.query_map([limit as i64], read_summary)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Cancels every run of a group that is not over: queued ones at once, running ones when their workers obey.
    pub async fn cancel_group(&self, id: GroupId) -> StoreResult<Group> {
        self.write(move |change| {
            let going = group(&change.tx, id)?.runs;
            let mut going = going
                .iter()
                .filter(|of| !of.run.status.is_over())
                .peekable();
            if going.peek().is_none() {
                return Err(StoreError::Conflict(format!(
                    "every run of group {id} is over already"
                )));
            }
            for of in going {
                change.wish(of.run.id, Wish::Cancel)?;
            }
            group(&change.tx, id)
        })
        .await
    }

    /// Removes a group with its runs and all they have; refused while one of them is queued or running.
    pub async fn delete_group(&self, id: GroupId) -> StoreResult<()> {
        let removed = self
            .write(move |change| {
                let runs = group(&change.tx, id)?.runs;
                for of in &runs {
                    change.remove_run(&of.run)?;
                }
                change.remove_group(id)?;
                Ok(runs)
            })
            .await?;
        for GroupRun { run, .. } in removed {
            self.feed().forget(run.id);
            remove_folder(self.home().run(run.id)).await?;
        }
        Ok(())
    }
}

impl Change<'_> {
    /// Queues the runs of a group.
    pub(super) fn insert_group(&mut self, new: &NewGroup) -> StoreResult<GroupId> {
        self.tx.execute(
            "INSERT INTO run_group (name, created, axes, parent, purpose) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![new.name, Moment::now(), Json(&new.axes), new.parent, new.purpose],
        )?;
        let id = GroupId(self.tx.last_insert_rowid());
        if let Some(parent) = new.parent {
            // Its page shows the new group.
            self.changed(parent);
        }
        for (settings, run) in &new.runs {
            self.insert_run(run, Some((id, settings)))?;
        }
        Ok(id)
    }

    /// One that was empty has not gone with its last run.
    fn remove_group(&self, id: GroupId) -> StoreResult<()> {
        self.tx
            .execute("DELETE FROM run_group WHERE id = ?1", [id])?;
        Ok(())
    }
}

const SELECT: &str = "SELECT run_group.*,
    (SELECT COUNT(*) FROM run WHERE run_group = run_group.id) AS runs,
    (SELECT COUNT(*) FROM run WHERE run_group = run_group.id AND status NOT IN ('queued', 'running')) AS over
    FROM run_group";

fn read_summary(row: &Row) -> rusqlite::Result<GroupSummary> {
    Ok(GroupSummary {
        id: row.get("id")?,
        name: row.get("name")?,
        created: row.get("created")?,
        axes: row.get::<_, Json<Vec<Axis>>>("axes")?.0,
        parent: row.get("parent")?,
        purpose: row.get("purpose")?,
        runs: row.get("runs")?,
        over: row.get("over")?,
    })
}

fn summary(db: &Connection, id: GroupId) -> StoreResult<GroupSummary> {
    db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_row([id], read_summary)
        .optional()?
        .ok_or_else(|| StoreError::NotFound(format!("there is no group {id}")))
}

pub(super) fn group(db: &Connection, id: GroupId) -> StoreResult<Group> {
    let summary = summary(db, id)?;
    let mut pace = db.prepare_cached("SELECT AVG(seconds) FROM epoch WHERE run = ?1")?;
    let runs = db
        .prepare_cached("SELECT * FROM run WHERE run_group = ?1 ORDER BY id")?
        .query_map([id], read)?
        .map(|run| {
            let run = complete(db, run?)?;
            let best = match &run.best {
                Some(best) => stored_record(db, run.id, best.epoch)?,
                None => None,
            };
            let epoch_s = pace.query_row([run.id], |row| row.get(0))?;
            Ok(GroupRun { run, best, epoch_s })
        })
        .collect::<StoreResult<Vec<_>>>()?;
    Ok(Group { summary, runs })
}
