//! What producers report: checked, fenced by attempt, stored once.

use super::check::check;
use super::connection::Change;
use super::run::get;
use super::sql::Json;
use super::{EventKind, Message, Run, Store, StoreError, StoreResult};
use crate::run::{Attempt, BestEpoch, EpochReport, ProducerEvent, RunId, RunStatus, Seq, Split};
use crate::train::{Wish, prune};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde_json::json;

/// More in one post are refused.
pub const MAX_EVENTS_A_POST: usize = 1000;

const MAX_TEXT: usize = 4000;
const MAX_LOG_LINES: u32 = 10_000;
/// Confusion matrices and per-image results of a run; what comes later is left out.
const MAX_BLOB_BYTES: u64 = 4 << 30;

/// The answer to a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Reported {
    /// The run's newest event.
    pub last_seq: Seq,
    /// What the user wants of the run.
    pub wish: Wish,
}

impl Store {
    /// What the run's producer has to prove that it knows.
    pub async fn token_hash(&self, id: RunId) -> StoreResult<Option<[u8; 32]>> {
        self.read(move |db| {
            db.query_row("SELECT token_hash FROM run WHERE id = ?1", [id], |row| {
                row.get(0)
            })
            .optional()?
            .ok_or_else(|| StoreError::NotFound(format!("there is no run {id}")))
        })
        .await
    }

    /// Takes a producer's events in one transaction: all of them, or none and why.
    pub async fn report(
        &self,
        id: RunId,
        attempt: Attempt,
        events: Vec<ProducerEvent>,
    ) -> StoreResult<Reported> {
        if events.len() > MAX_EVENTS_A_POST {
            return Err(StoreError::Invalid(format!(
                "{} events in one post: at most {MAX_EVENTS_A_POST}, send them in several",
                events.len()
            )));
        }
        for (position, event) in events.iter().enumerate() {
            check(event)
                .map_err(|what| StoreError::Invalid(format!("events[{position}]: {what}")))?;
        }
        let ends = events
            .iter()
            .any(|event| matches!(event, ProducerEvent::End { .. }));
        let (reported, run) = self
            .write(move |change| {
                let run = fenced(change, id, attempt)?;
                for event in events {
                    change.take(&run, event)?;
                }
                let run = get(&change.tx, id)?;
                let reported = Reported {
                    last_seq: run.last_seq,
                    wish: run.wish,
                };
                Ok((reported, run))
            })
            .await?;
        if ends && matches!(run.status, RunStatus::Finished | RunStatus::Diverged) {
            self.prune(&run).await;
        }
        Ok(reported)
    }

    /// Removes the checkpoints that a run which is done does not keep. Its end is told already: what could not be removed takes
    /// room and nothing else.
    async fn prune(&self, run: &Run) {
        let (folder, keep) = (self.home().run(run.id), run.spec.keep);
        let pruned = tokio::task::spawn_blocking(move || prune(&folder, keep)).await;
        if let Ok(Err(error)) = pruned {
            tracing::warn!(run = run.id.0, "checkpoints that are not kept: {error}");
        }
    }

    /// What the user wants of a run that is this attempt's.
    pub async fn current_wish(&self, id: RunId, attempt: Attempt) -> StoreResult<Reported> {
        self.read(move |db| {
            let run = get(db, id)?;
            of_attempt(&run, attempt)?;
            Ok(Reported {
                last_seq: run.last_seq,
                // One that is over wants nothing more of its worker.
                wish: if run.status.is_over() {
                    Wish::Cancel
                } else {
                    run.wish
                },
            })
        })
        .await
    }
}

fn of_attempt(run: &Run, attempt: Attempt) -> StoreResult<()> {
    if run.attempt == attempt {
        Ok(())
    } else {
        Err(StoreError::Conflict(format!(
            "attempt {attempt} reports, but run {} is at attempt {}",
            run.id, run.attempt
        )))
    }
}

/// The run, if this attempt may report; an external one starts to run with its first report.
fn fenced(change: &mut Change, id: RunId, attempt: Attempt) -> StoreResult<Run> {
    let run = get(&change.tx, id)?;
    of_attempt(&run, attempt)?;
    if run.spec.external && run.status == RunStatus::Queued {
        change.tx.execute(
            "UPDATE run SET started = ?2 WHERE id = ?1",
            params![id, super::Moment::now()],
        )?;
        change.set_status(id, RunStatus::Running, "")?;
        return get(&change.tx, id);
    }
    Ok(run)
}

impl Change<'_> {
    fn take(&mut self, run: &Run, event: ProducerEvent) -> StoreResult<()> {
        // Re-read: an earlier event of the same post may have ended the run.
        let (status, epochs): (RunStatus, u32) = self.tx.query_row(
            "SELECT status, epochs FROM run WHERE id = ?1",
            [run.id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let known = match &event {
            ProducerEvent::Epoch(report) => self.has_epoch(run.id, report.record.epoch)?,
            ProducerEvent::End { status: end, .. } => *end == status,
            _ => false,
        };
        if known {
            return Ok(());
        }
        if status.is_over() {
            return Err(StoreError::Conflict(format!(
                "run {} is {status}: nothing more is taken",
                run.id
            )));
        }
        match event {
            ProducerEvent::Start(machine) => {
                self.tx.execute(
                    "UPDATE run SET machine = ?2 WHERE id = ?1",
                    params![run.id, Json(machine)],
                )?;
                Ok(())
            }
            ProducerEvent::Epoch(report) if report.record.epoch > epochs && !run.spec.external => {
                Err(StoreError::Invalid(format!(
                    "epoch {} of a run of {epochs}",
                    report.record.epoch
                )))
            }
            ProducerEvent::Epoch(report) => self.take_epoch(run.id, &report),
            ProducerEvent::Best(best) => self.take_best(run.id, &best),
            ProducerEvent::Examination(examination) => self.take_examination(run, *examination),
            ProducerEvent::Progress(progress) => {
                self.tell(
                    run.id,
                    Message {
                        seq: None,
                        kind: EventKind::Progress,
                        data: super::event::to_json(&progress),
                    },
                );
                Ok(())
            }
            ProducerEvent::Log { message } => self.take_log(run.id, &message),
            ProducerEvent::End { status, message } => self.end(run.id, status, shortened(&message)),
        }
    }

    pub(super) fn has_epoch(&self, id: RunId, epoch: u32) -> StoreResult<bool> {
        Ok(self
            .tx
            .prepare_cached("SELECT 1 FROM epoch WHERE run = ?1 AND epoch = ?2")?
            .exists(params![id, epoch])?)
    }

    fn take_epoch(&mut self, id: RunId, report: &EpochReport) -> StoreResult<()> {
        let record = &report.record;
        if !self.insert_epoch(id, record)? {
            return Ok(());
        }
        let used: i64 =
            self.tx
                .query_row("SELECT blob_bytes FROM run WHERE id = ?1", [id], |row| {
                    row.get(0)
                })?;
        let room = MAX_BLOB_BYTES.saturating_sub(used.unsigned_abs());
        let written = self.insert_blobs(id, report, usize::try_from(room).unwrap_or(usize::MAX))?;
        self.tx.execute(
            "UPDATE run SET blob_bytes = blob_bytes + ?2, epochs = MAX(epochs, ?3) WHERE id = ?1",
            params![id, written as i64, record.epoch],
        )?;
        let accuracy = |split| {
            record
                .split(split)
                .map(|m| f64::from(m.correct) / f64::from(m.n.max(1)))
        };
        self.tx.execute(
            "UPDATE run SET epoch = ?2, train_accuracy = ?3, val_accuracy = ?4, test_accuracy = ?5
             WHERE id = ?1 AND epoch < ?2",
            params![
                id,
                record.epoch,
                accuracy(Split::Train),
                accuracy(Split::Val),
                accuracy(Split::Test)
            ],
        )?;
        self.epoch_event(id, record.epoch)?;
        if record.test.is_some() {
            self.count_test_look(&get(&self.tx, id)?)?;
        }
        Ok(())
    }

    fn take_best(&mut self, id: RunId, best: &BestEpoch) -> StoreResult<()> {
        let changed = self.tx.execute(
            "UPDATE run SET best_epoch = ?2, best_metric = ?3, best_value = ?4
             WHERE id = ?1 AND (best_epoch IS NOT ?2 OR best_metric IS NOT ?3 OR best_value IS NOT ?4)",
            params![id, best.epoch, best.metric, best.value],
        )?;
        if changed > 0 {
            self.event(id, EventKind::Best, best)?;
        }
        Ok(())
    }

    fn take_log(&mut self, id: RunId, message: &str) -> StoreResult<()> {
        let lines: u32 = self.tx.query_row(
            "UPDATE run SET log_lines = MIN(log_lines + 1, ?2 + 1) WHERE id = ?1 RETURNING log_lines",
            params![id, MAX_LOG_LINES],
            |row| row.get(0),
        )?;
        let message = match lines {
            MAX_LOG_LINES => "The log is full: later lines are left out.",
            n if n > MAX_LOG_LINES => return Ok(()),
            _ => shortened(message),
        };
        self.event(id, EventKind::Log, &json!({ "message": message }))?;
        Ok(())
    }
}

/// At most [`MAX_TEXT`] characters.
fn shortened(text: &str) -> &str {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
