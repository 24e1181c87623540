//! What a home folder holds and how large it is, and the checkpoints that may go.

use super::run::get;
use super::{CHECKPOINT_NAMES, Moment, Store, StoreError, StoreResult};
use crate::run::{DatasetId, RunId, RunStatus};
use rusqlite::Connection;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;

/// Folders within folders that are counted.
const MOST_DEPTH: usize = 24;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A home folder, part by part, in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Holdings {
    /// Runs' curves, logs and results of single images.
    pub database: u64,
    /// Archives that come in or wait to be taken.
    pub uploads: u64,
    /// Whatever else is there, such as what a deletion that was broken off left.
    pub other: u64,
    /// The largest first.
    pub datasets: Vec<DatasetRoom>,
    /// The newest first.
    pub runs: Vec<RunRoom>,
}

#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct DatasetRoom {
    pub id: DatasetId,
    pub title: String,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RunRoom {
    pub id: RunId,
    pub name: String,
    pub status: RunStatus,
    pub dataset: Option<DatasetId>,
    pub created: Moment,
    pub ended: Option<Moment>,
    /// After the last epoch.
    pub val_accuracy: Option<f64>,
    /// Of its folder: checkpoints and the worker's output.
    pub bytes: u64,
    /// Of them, the checkpoints.
    pub checkpoint_bytes: u64,
    /// Of the database: its confusion matrices and results of single images.
    pub database_bytes: u64,
}

impl RunRoom {
    /// Its checkpoints can be deleted.
    pub fn can_go(&self) -> bool {
        self.status.is_over() && self.checkpoint_bytes > 0
    }
}

impl Holdings {
    pub fn dataset_bytes(&self) -> u64 {
        self.datasets.iter().map(|of| of.bytes).sum()
    }

    pub fn run_bytes(&self) -> u64 {
        self.runs.iter().map(|of| of.bytes).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.database + self.uploads + self.other + self.dataset_bytes() + self.run_bytes()
    }
}

/// Which runs' checkpoints are old: those that any of the rules names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OldRule {
    /// Ended more than so many days ago.
    pub older_days: Option<u32>,
    /// Not among so many of the same dataset with the best validation accuracy.
    pub beyond_best: Option<u32>,
}

impl OldRule {
    /// The runs whose checkpoints may go, in the order of `runs`; one that goes on keeps its own.
    pub fn chosen(self, runs: &[RunRoom], now: Moment) -> Vec<RunRoom> {
        let mut ranked: Vec<&RunRoom> = runs.iter().filter(|of| of.can_go()).collect();
        let mut chosen = HashSet::new();
        if let Some(days) = self.older_days {
            let before = now.0.saturating_sub(i64::from(days).saturating_mul(DAY_MS));
            let ended = |of: &RunRoom| of.ended.unwrap_or(of.created).0;
            chosen.extend(
                ranked
                    .iter()
                    .filter(|of| ended(of) < before)
                    .map(|of| of.id),
            );
        }
        if let Some(best) = self.beyond_best {
            let accuracy = |of: &RunRoom| of.val_accuracy.unwrap_or(-1.0);
            ranked.sort_by(|a, b| accuracy(b).total_cmp(&accuracy(a)).then(a.id.cmp(&b.id)));
            let datasets: HashSet<_> = ranked.iter().map(|of| &of.dataset).collect();
            for dataset in datasets {
                let of_dataset = ranked.iter().filter(|of| of.dataset == *dataset);
                chosen.extend(of_dataset.skip(best as usize).map(|of| of.id));
            }
        }
        let named = |of: &&RunRoom| chosen.contains(&of.id);
        runs.iter().filter(named).cloned().collect()
    }
}

impl Store {
    /// What the home folder holds. Every file of it is looked at, which takes a while with many datasets.
    pub async fn holdings(&self) -> StoreResult<Holdings> {
        let home = self.home().clone();
        let (datasets, runs) = self.read(|db| Ok((datasets(db)?, runs(db)?))).await?;
        tokio::task::spawn_blocking(move || {
            let mut in_datasets = children(&home.root().join("datasets"));
            let mut in_runs = children(&home.root().join("runs"));
            let mut in_home = files(home.root());
            let mut holdings = Holdings {
                database: 0,
                uploads: folder_bytes(&home.uploads(), 0),
                other: 0,
                datasets,
                runs,
            };
            for of in &mut holdings.datasets {
                of.bytes = in_datasets.remove(of.id.as_str()).unwrap_or(0);
            }
            for of in &mut holdings.runs {
                of.bytes = in_runs.remove(&of.id.to_string()).unwrap_or(0);
                let folder = home.run(of.id);
                let files = CHECKPOINT_NAMES.map(|name| folder.join(name));
                of.checkpoint_bytes = files.iter().map(|file| file_bytes(file)).sum();
            }
            let of_database = |name: &String| {
                home.database()
                    .file_name()
                    .is_some_and(|database| name.starts_with(&*database.to_string_lossy()))
            };
            in_home.retain(|name, bytes| {
                if of_database(name) {
                    holdings.database += *bytes;
                }
                !of_database(name)
            });
            let left = [in_datasets, in_runs, in_home];
            holdings.other = left.iter().flat_map(HashMap::values).sum();
            holdings
                .datasets
                .sort_by_key(|of| (Reverse(of.bytes), of.id.clone()));
            holdings
        })
        .await
        .map_err(|_| StoreError::Closed)
    }

    /// Deletes the checkpoints of a run that is over; its curves and results stay. Gives the bytes that are free by it.
    pub async fn delete_checkpoints(&self, id: RunId) -> StoreResult<u64> {
        let folder = self.home().run(id);
        // On the writing thread, so that the run cannot be resumed in between.
        self.write(move |change| {
            let run = get(&change.tx, id)?;
            if !run.status.is_over() {
                return Err(StoreError::Conflict(format!(
                    "run {id} is {}: it needs its checkpoints; cancel or stop it first",
                    run.status
                )));
            }
            let mut freed = 0;
            for name in CHECKPOINT_NAMES {
                let path = folder.join(name);
                let bytes = file_bytes(&path);
                match fs::remove_file(&path) {
                    Ok(()) => freed += bytes,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(source) => {
                        return Err(StoreError::Io {
                            what: format!("removing {}", path.display()),
                            source,
                        });
                    }
                }
            }
            Ok(freed)
        })
        .await
    }
}

fn datasets(db: &Connection) -> StoreResult<Vec<DatasetRoom>> {
    let mut statement = db.prepare_cached("SELECT id, title FROM dataset")?;
    let rows = statement.query_map([], |row| {
        Ok(DatasetRoom {
            id: row.get(0)?,
            title: row.get(1)?,
            bytes: 0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn runs(db: &Connection) -> StoreResult<Vec<RunRoom>> {
    let mut statement = db.prepare_cached(
        "SELECT id, name, status, dataset, created, ended, val_accuracy, blob_bytes FROM run ORDER BY id DESC",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(RunRoom {
            id: row.get("id")?,
            name: row.get("name")?,
            status: row.get("status")?,
            dataset: row.get("dataset")?,
            created: row.get("created")?,
            ended: row.get("ended")?,
            val_accuracy: row.get("val_accuracy")?,
            bytes: 0,
            checkpoint_bytes: 0,
            database_bytes: row.get::<_, i64>("blob_bytes")?.unsigned_abs(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The bytes of each file and folder in a folder, by its name.
fn children(folder: &Path) -> HashMap<String, u64> {
    let mut found = files(folder);
    for entry in entries(folder).filter(is_folder) {
        let name = entry.file_name().to_string_lossy().into_owned();
        found.insert(name, folder_bytes(&entry.path(), 0));
    }
    found
}

/// The bytes of each file in a folder, by its name.
fn files(folder: &Path) -> HashMap<String, u64> {
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, file_bytes(&entry.path()))
    };
    entries(folder)
        .filter(|e| !is_folder(e))
        .map(file)
        .collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

fn is_folder(entry: &fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}

fn file_bytes(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |facts| facts.len())
}

/// The bytes of all files below a folder; what cannot be looked at, or goes meanwhile, counts nothing.
fn folder_bytes(folder: &Path, depth: usize) -> u64 {
    let bytes = |entry: fs::DirEntry| match is_folder(&entry) {
        true if depth < MOST_DEPTH => folder_bytes(&entry.path(), depth + 1),
        true => 0,
        false => file_bytes(&entry.path()),
    };
    entries(folder).map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: i64, dataset: &str, ended_day: i64, val: Option<f64>) -> RunRoom {
        RunRoom {
            id: RunId(id),
            name: String::new(),
            status: RunStatus::Finished,
            dataset: Some(dataset.parse().unwrap()),
            created: Moment(0),
            ended: Some(Moment(ended_day * DAY_MS)),
            val_accuracy: val,
            bytes: 10,
            checkpoint_bytes: 10,
            database_bytes: 0,
        }
    }

    #[test]
    fn old_are_those_that_a_rule_names_and_never_one_that_goes_on() {
        let mut runs = vec![
            run(1, "a", 1, Some(0.5)),
            run(2, "a", 8, Some(0.9)),
            run(3, "a", 9, None),
            run(4, "b", 9, Some(0.1)),
            run(5, "a", 1, Some(0.2)),
        ];
        runs[4].status = RunStatus::Running;
        let ids = |older_days, beyond_best| -> Vec<i64> {
            let rule = OldRule {
                older_days,
                beyond_best,
            };
            let chosen = rule.chosen(&runs, Moment(10 * DAY_MS));
            chosen.iter().map(|of| of.id.0).collect()
        };
        assert_eq!(ids(None, None), [0; 0]);
        assert_eq!(ids(Some(5), None), [1]);
        assert_eq!(ids(None, Some(1)), [1, 3]);
        assert_eq!(ids(Some(5), Some(2)), [1, 3]);
        assert_eq!(ids(None, Some(0)), [1, 2, 3, 4]);
        assert_eq!(ids(Some(u32::MAX), None), [0; 0]);
    }
}
