//! What forward passes showed of a run, and the diagnosis over everything that is kept of it.

use super::connection::Change;
use super::epoch::{epoch_records, stored_confusion, stored_images};
use super::run::get;
use super::sql::Json;
use super::{EventKind, Run, Store, StoreError, StoreResult};
use crate::diagnose::{Diagnosis, Measured, Subject, diagnose_run};
use crate::run::{EpochRecord, Examination, Pass, RunId, Split};
use rusqlite::{Connection, OptionalExtension, params};

/// The lists of larger splits are not held against their matrices: a page would read megabytes for it.
const MOST_IMAGES: u32 = 200_000;

/// A run with its epochs and the diagnosis on them, of one moment.
#[derive(Clone, Debug)]
pub struct Diagnosed {
    pub run: Run,
    pub epochs: Vec<EpochRecord>,
    pub diagnosis: Diagnosis,
}

impl Store {
    /// A run and all that is known of why it is as it is.
    pub async fn diagnosed(&self, id: RunId) -> StoreResult<Diagnosed> {
        self.read(move |db| {
            let run = get(db, id)?;
            let epochs = epoch_records(db, id)?;
            let diagnosis = diagnosis(db, &run, &epochs)?;
            Ok(Diagnosed {
                run,
                epochs,
                diagnosis,
            })
        })
        .await
    }

    /// What forward passes showed of a run, where they were made.
    pub async fn examination(&self, id: RunId) -> StoreResult<Option<Examination>> {
        self.read(move |db| {
            let run = get(db, id)?;
            examination(db, &run)
        })
        .await
    }
}

fn examination(db: &Connection, run: &Run) -> StoreResult<Option<Examination>> {
    let found: Option<Json<Examination>> = db
        .prepare_cached("SELECT data FROM examination WHERE run = ?1")?
        .query_row([run.id], |row| row.get(0))
        .optional()?;
    Ok(found.map(|Json(examination)| match run.sealed {
        true => examination.without_test(),
        false => examination,
    }))
}

/// The verdict, its gates and what was found, from a run's epochs and what is kept of the last one.
pub(super) fn diagnosis(
    db: &Connection,
    run: &Run,
    epochs: &[EpochRecord],
) -> StoreResult<Diagnosis> {
    let mut measured = Measured {
        examination: examination(db, run)?,
        ..Measured::default()
    };
    if let Some(last) = epochs.last() {
        for split in Split::ALL {
            let confusion = stored_confusion(db, run.id, last.epoch, split)?;
            measured.confusion.extend(confusion.map(|c| (split, c)));
            if last.split(split).is_some_and(|m| m.n <= MOST_IMAGES) {
                let images = stored_images(db, run.id, last.epoch, split)?;
                measured.images.extend(images.map(|i| (split, i)));
            }
        }
    }
    let facts = run.facts.as_ref();
    let subject = Subject {
        epochs,
        classes: run.class_count(),
        class_counts: facts.map_or(&[], |facts| &facts.class_counts),
        status: run.status,
        best_epoch: run.best.as_ref().map(|best| best.epoch),
    };
    let classes = facts.map_or(&[][..], |facts| &facts.classes);
    Ok(diagnose_run(&subject, classes, &measured))
}

impl Change<'_> {
    /// Stores an examination in place of an older one, and tells the diagnosis where it has changed by it.
    pub(super) fn take_examination(
        &mut self,
        run: &Run,
        mut examination: Examination,
    ) -> StoreResult<()> {
        for Pass { metrics, .. } in &mut examination.passes {
            // A share that does not belong to its counts is the counts'.
            metrics.accuracy = f64::from(metrics.correct) / f64::from(metrics.n.max(1));
        }
        if !self.has_epoch(run.id, examination.epoch)? {
            return Err(StoreError::Invalid(format!(
                "an examination after epoch {}, which the run has not reported: report the epoch first",
                examination.epoch
            )));
        }
        self.tx.execute(
            "INSERT OR REPLACE INTO examination (run, data) VALUES (?1, ?2)",
            params![run.id, Json(&examination)],
        )?;
        let told: Option<String> = self
            .tx
            .prepare_cached(
                "SELECT data FROM event WHERE run = ?1 AND kind = ?2 ORDER BY seq DESC LIMIT 1",
            )?
            .query_row(params![run.id, EventKind::Diagnosis], |row| row.get(0))
            .optional()?;
        let diagnosis = self.diagnosis(run.id)?;
        if told.as_ref() != Some(&super::event::to_json(&diagnosis)) {
            self.event(run.id, EventKind::Diagnosis, &diagnosis)?;
        }
        Ok(())
    }

    /// The diagnosis over everything that is stored of a run at this moment of the change.
    pub(super) fn diagnosis(&self, id: RunId) -> StoreResult<Diagnosis> {
        let run = get(&self.tx, id)?;
        diagnosis(&self.tx, &run, &epoch_records(&self.tx, id)?)
    }
}
