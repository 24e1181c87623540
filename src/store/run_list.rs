//! Lists of runs: filtered, sorted, a page at a time.

use super::run::{complete, read};
use super::{Run, Store, StoreResult};
use crate::run::{GroupId, RunId, RunStatus};
use rusqlite::{ToSql, types::Value};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a list of runs is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunSort {
    #[default]
    Created,
    Name,
    Status,
    Epoch,
    TrainAccuracy,
    ValAccuracy,
    TestAccuracy,
    /// Training minus validation accuracy.
    Gap,
}

impl RunSort {
    /// A key that is never NULL; runs without the figure come last when the largest comes first.
    fn key(self) -> &'static str {
        match self {
            RunSort::Created => "id",
            RunSort::Name => "name COLLATE NOCASE",
            RunSort::Status => "status",
            RunSort::Epoch => "epoch",
            RunSort::TrainAccuracy => "COALESCE(train_accuracy, -1)",
            RunSort::ValAccuracy => "COALESCE(val_accuracy, -1)",
            // An order by sealed figures would tell them.
            RunSort::TestAccuracy => "IIF(sealed, -1, COALESCE(test_accuracy, -1))",
            RunSort::Gap => "COALESCE(train_accuracy - val_accuracy, -2)",
        }
    }
}

/// Which runs, in which order.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub status: Option<RunStatus>,
    /// A dataset's id.
    pub dataset: Option<String>,
    pub tag: Option<String>,
    pub group: Option<GroupId>,
    /// Only runs that a user launched one by one on the data as they are: none of a sweep, a probe or a remedy.
    pub own: bool,
    /// The name of a preset network.
    pub preset: Option<String>,
    /// Words in the name or the notes.
    pub text: Option<String>,
    pub sort: RunSort,
    /// The smallest first; otherwise the largest and newest.
    pub ascending: bool,
    /// The page after this run.
    pub after: Option<RunId>,
    /// At most [`RunFilter::MAX`]; as many where it is 0.
    pub limit: usize,
}

impl RunFilter {
    pub const MAX: usize = 500;
}

impl Store {
    /// The runs that a filter lets through.
    pub async fn runs(&self, filter: RunFilter) -> StoreResult<Vec<Run>> {
        self.read(move |db| {
            let all = match filter.own {
                true => "run_group IS NULL AND spec ->> '$.variation' IS NULL",
                false => "1",
            };
            let mut conditions = vec![all.to_owned()];
            let mut values: Vec<Value> = Vec::new();
            let mut add = |condition: &str, value: Value| {
                values.push(value);
                conditions.push(condition.replace('?', &format!("?{}", values.len())));
            };
            if let Some(status) = filter.status {
                add("status = ?", status.name().to_owned().into());
            }
            if let Some(dataset) = filter.dataset {
                add("dataset = ?", dataset.into());
            }
            if let Some(tag) = filter.tag {
                add(
                    "EXISTS (SELECT 1 FROM run_tag WHERE run = run.id AND tag = ?)",
                    tag.into(),
                );
            }
            if let Some(group) = filter.group {
                add("run_group = ?", group.0.into());
            }
            if let Some(preset) = filter.preset {
                add("spec ->> '$.model.preset' = ?", preset.into());
            }
            for word in filter.text.iter().flat_map(|t| t.split_whitespace()).take(10) {
                add(
                    "(instr(lower(name), lower(?)) > 0 OR instr(lower(notes), lower(?)) > 0)",
                    word.to_owned().into(),
                );
            }
            let key = filter.sort.key();
            let (direction, beyond) = if filter.ascending { ("ASC", ">") } else { ("DESC", "<") };
            if let Some(after) = filter.after {
                add(
                    &format!("({key}, id) {beyond} (SELECT {key}, id FROM run WHERE id = ?)"),
                    after.0.into(),
                );
            }
            let limit = match filter.limit {
                0 => RunFilter::MAX,
                n => n.min(RunFilter::MAX),
            };
            let mut statement = db.prepare_cached(&format!(
                "SELECT * FROM run WHERE {} ORDER BY {key} {direction}, id {direction} LIMIT {limit}",
                conditions.join(" AND ")
            ))?;
            let bound: Vec<&dyn ToSql> = values.iter().map(|v| v as &dyn ToSql).collect();
            let rows = statement.query_map(&bound[..], read)?;
            rows.map(|row| complete(db, row?)).collect()
        })
        .await
    }

    /// The ids of all runs of a status that are placed here, in the order of their creation.
    pub async fn placed_runs(&self, status: RunStatus) -> StoreResult<Vec<Run>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT * FROM run WHERE status = ?1 AND NOT external ORDER BY id",
            )?;
            let rows = statement.query_map([status], read)?;
            rows.map(|row| Ok(row?)).collect()
        })
        .await
    }

    /// How many runs have each status, zeros included.
    pub async fn run_counts(&self) -> StoreResult<BTreeMap<&'static str, u64>> {
        self.read(|db| {
            let mut counts: BTreeMap<&'static str, u64> = RunStatus::ALL
                .iter()
                .map(|status| (status.name(), 0))
                .collect();
            let mut statement =
                db.prepare_cached("SELECT status, COUNT(*) FROM run GROUP BY status")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (status, n): (RunStatus, i64) = (row.get(0)?, row.get(1)?);
                counts.insert(status.name(), n.unsigned_abs());
            }
            Ok(counts)
        })
        .await
    }

    /// Every tag in use.
    pub async fn tags(&self) -> StoreResult<Vec<String>> {
        self.read(|db| {
            let mut statement =
                db.prepare_cached("SELECT DISTINCT tag FROM run_tag ORDER BY tag")?;
            let tags = statement.query_map([], |row| row.get(0))?;
            Ok(tags.collect::<Result<_, _>>()?)
        })
        .await
    }
}
