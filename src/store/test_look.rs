//! Looks at test: who has seen what networks make of a dataset's test images, and how often.

use super::connection::Change;
use super::run::get;
use super::{Moment, Run, Store, StoreError, StoreResult};
use crate::run::{RunId, Split, TestFigures};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use std::fmt;

/// How often the test images of some data were looked at, deleted runs included: a look is not taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TestLooks {
    /// Runs that showed test figures, each from its first epoch with them on, and reveals of sealed ones.
    pub times: u32,
    /// Different runs among them.
    pub runs: u32,
}

/// "7 times by 6 runs"
impl fmt::Display for TestLooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |n: u32, one| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
        let (times, runs) = (counted(self.times, "time"), counted(self.runs, "run"));
        write!(f, "{times} by {runs}")
    }
}

impl TestLooks {
    /// By how much the best of that many equally good networks seems better than it is on `n` test images that each gets right
    /// with probability `accuracy`: at most √(2·ln M) standard errors of one figure (Boucheron, Lugosi & Massart 2013,
    /// theorem 2.5). None of fewer than two, and without images.
    pub fn luck(self, accuracy: f64, n: u32) -> Option<f64> {
        let error = (accuracy * (1.0 - accuracy) / f64::from(n)).sqrt();
        let luck = (2.0 * f64::from(self.runs).ln()).sqrt() * error;
        (self.runs > 1 && n > 0 && luck > 0.0).then_some(luck)
    }
}

impl Store {
    /// How often the test images of the data with this fingerprint were looked at.
    pub async fn test_looks(&self, fingerprint: &str) -> StoreResult<TestLooks> {
        let fingerprint = fingerprint.to_owned();
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT COUNT(*), COUNT(DISTINCT run) FROM test_look WHERE fingerprint = ?1",
            )?;
            Ok(statement.query_row([fingerprint], |row| {
                Ok(TestLooks {
                    times: row.get(0)?,
                    runs: row.get(1)?,
                })
            })?)
        })
        .await
    }

    /// Opens a sealed run's test figures, which counts as a look; nothing changes where they are open since. Refused while the
    /// run goes on: test would decide when it stops.
    pub async fn reveal_test(&self, id: RunId) -> StoreResult<Run> {
        self.write(move |change| {
            let run = get(&change.tx, id)?;
            if run.spec.test == TestFigures::Shown {
                return Err(StoreError::Conflict(format!(
                    "run {id} was not sealed: it shows its test figures"
                )));
            }
            if !run.status.is_over() {
                return Err(StoreError::Conflict(format!(
                    "run {id} is {}: its test figures can be revealed when it is over, so that they do not decide when to stop it",
                    run.status
                )));
            }
            if run.sealed {
                change
                    .tx
                    .execute("UPDATE run SET sealed = 0 WHERE id = ?1", [id])?;
                change.status_event(id)?;
                change.conclude(id)?;
            }
            get(&change.tx, id)
        })
        .await
    }
}

impl Change<'_> {
    /// Counts a look at the test images of a run's data if the run shows figures on them, once: whoever sees its page looks,
    /// from the first epoch on.
    pub(super) fn count_test_look(&self, run: &Run) -> StoreResult<()> {
        let open = run.latest.as_ref().and_then(|last| last.split(Split::Test));
        if let (Some(_), Some(facts)) = (open, &run.facts) {
            self.tx
                .prepare_cached(
                    "INSERT INTO test_look (fingerprint, run, at)
                     SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM test_look WHERE run = ?2)",
                )?
                .execute(params![facts.fingerprint, run.id, Moment::now()])?;
        }
        Ok(())
    }
}

/// An error where what is asked for is sealed.
pub(super) fn unsealed(db: &Connection, id: RunId, split: Split) -> StoreResult<()> {
    let sealed: Option<bool> = db
        .prepare_cached("SELECT sealed FROM run WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    match (split, sealed) {
        (Split::Test, Some(true)) => Err(StoreError::Conflict(format!(
            "the test figures of run {id} are sealed: reveal them on its page, once"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_luck_of_the_best_grows_with_the_runs_and_shrinks_with_the_images() {
        let looks = |runs| TestLooks { times: runs, runs };
        assert_eq!(looks(1).luck(0.5, 90), None);
        assert_eq!(looks(9).luck(0.5, 0), None);
        let ten = looks(10).luck(0.5, 90).unwrap();
        // sqrt(2 ln 10) * sqrt(0.25 / 90)
        assert!((ten - 0.113_102).abs() < 1e-5, "{ten}");
        assert!(looks(100).luck(0.5, 90).unwrap() > ten);
        assert!(looks(10).luck(0.5, 900).unwrap() < ten);
    }
}
