//! How a run passes from one status to the next: every change of status is here or in a producer's report.

use super::connection::Change;
use super::run::get;
use super::{EventKind, Moment, Run, Store, StoreError, StoreResult};
use crate::run::{Attempt, RunId, RunStatus};
use crate::train::{STATE, Wish};
use rusqlite::params;
use serde_json::json;

/// A run is given up when its worker was lost this often in a row without a new epoch.
const MOST_LOSSES: u32 = 3;

/// What became of a run whose worker was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Queued again, to start not before this moment.
    Again(Moment),
    /// Over: failed, or as the user wished while it was lost.
    Over(RunStatus),
}

impl Store {
    /// Makes the next attempt at a queued run; `token_hash` is what its worker's token hashes to.
    pub async fn start_attempt(&self, id: RunId, token_hash: [u8; 32]) -> StoreResult<Run> {
        self.write(move |change| {
            let run = get(&change.tx, id)?;
            if run.status != RunStatus::Queued || run.spec.external {
                return Err(StoreError::Conflict(format!(
                    "run {id} is {}, not waiting for a worker",
                    run.status
                )));
            }
            change.tx.execute(
                "UPDATE run SET attempt = attempt + 1, token_hash = ?2, wish = 'continue',
                 started = COALESCE(started, ?3), ended = NULL WHERE id = ?1",
                params![id, token_hash, Moment::now()],
            )?;
            let message = match run.attempt {
                Attempt(0) => String::new(),
                Attempt(n) => format!("attempt {}", n + 1),
            };
            change.set_status(id, RunStatus::Running, &message)?;
            get(&change.tx, id)
        })
        .await
    }

    /// Notes what the user wants of a queued or running run. A queued one is over at once; a running one when its worker obeys.
    pub async fn wish(&self, id: RunId, wish: Wish) -> StoreResult<Run> {
        self.write(move |change| {
            change.wish(id, wish)?;
            get(&change.tx, id)
        })
        .await
    }

    /// Queues a run that is over, to go on from its last checkpoint.
    pub async fn resume(&self, id: RunId) -> StoreResult<Run> {
        let state = self.home().run(id).join(STATE);
        self.write(move |change| {
            let run = get(&change.tx, id)?;
            if run.spec.external {
                return Err(StoreError::Conflict(
                    "the run is reported by a script of your own: start that again".to_owned(),
                ));
            }
            match run.status {
                RunStatus::Stopped | RunStatus::Cancelled | RunStatus::Failed => {}
                RunStatus::Queued | RunStatus::Running => {
                    return Err(StoreError::Conflict(format!("run {id} is {} already", run.status)));
                }
                RunStatus::Finished => {
                    return Err(StoreError::Conflict(format!(
                        "run {id} is finished, nothing is left to do: clone it to train with other settings"
                    )));
                }
                RunStatus::Diverged => {
                    return Err(StoreError::Conflict(format!(
                        "run {id} would diverge again: clone it and lower the learning rate"
                    )));
                }
            }
            // One that ended in its first epoch has written none, and begins anew.
            if run.epoch > 1 && !state.exists() {
                return Err(StoreError::Conflict(format!(
                    "the checkpoints of run {id} were deleted, so it cannot go on: clone it to train anew"
                )));
            }
            change.tx.execute(
                "UPDATE run SET wish = 'continue', losses = 0, not_before = 0, ended = NULL, verdict = NULL WHERE id = ?1",
                [id],
            )?;
            change.set_status(id, RunStatus::Queued, "goes on from its last checkpoint")?;
            get(&change.tx, id)
        })
        .await
    }

    /// Puts a run whose worker was asked to pause back into the queue; `message` says why, and how it goes on.
    pub async fn pause(&self, id: RunId, attempt: Attempt, message: String) -> StoreResult<()> {
        self.write(move |change| {
            let run = get(&change.tx, id)?;
            if run.status == RunStatus::Running && run.attempt == attempt {
                change.set_status(id, RunStatus::Queued, &message)?;
            }
            Ok(())
        })
        .await
    }

    /// Says why runs that wait or train here are as they are, in place of what was said; their watchers hear it.
    pub async fn say(&self, runs: Vec<RunId>, message: String) -> StoreResult<()> {
        self.write(move |change| {
            for id in runs {
                let run = get(&change.tx, id)?;
                if !run.status.is_over() && run.message != message {
                    change.set_status(id, run.status, &message)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// A worker is gone without a word: `reason` is the end of its output, or why it could not start.
    pub async fn lost(
        &self,
        id: RunId,
        attempt: Attempt,
        reason: String,
    ) -> StoreResult<Option<Lost>> {
        self.write(move |change| {
            let run = get(&change.tx, id)?;
            if run.status != RunStatus::Running || run.attempt != attempt {
                return Ok(None);
            }
            let (before, epoch): (u32, u32) = change.tx.query_row(
                "SELECT losses, lost_at_epoch FROM run WHERE id = ?1",
                [id],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            // A run that gets on between two losses deserves another start.
            let losses = if run.epoch > epoch { 1 } else { before + 1 };
            let over = match run.wish {
                Wish::Cancel => Some((RunStatus::Cancelled, "cancelled by hand".to_owned())),
                Wish::Stop => Some((RunStatus::Stopped, "stopped by hand".to_owned())),
                Wish::Continue | Wish::Pause if losses >= MOST_LOSSES => Some((
                    RunStatus::Failed,
                    format!("the worker was lost {losses} times in a row. {reason}"),
                )),
                Wish::Continue | Wish::Pause => None,
            };
            if let Some((status, message)) = over {
                change.end(id, status, &message)?;
                return Ok(Some(Lost::Over(status)));
            }
            let not_before = Moment(Moment::now().0 + (500_i64 << losses));
            change.tx.execute(
                "UPDATE run SET losses = ?2, lost_at_epoch = ?3, not_before = ?4 WHERE id = ?1",
                params![id, losses, run.epoch, not_before],
            )?;
            change.event(
                id,
                EventKind::Log,
                &json!({"message": format!("The worker of attempt {attempt} was lost. {reason}")}),
            )?;
            change.set_status(
                id,
                RunStatus::Queued,
                "its worker was lost: starts again from the last checkpoint",
            )?;
            Ok(Some(Lost::Again(not_before)))
        })
        .await
    }
}

impl Change<'_> {
    /// See [`Store::wish`].
    pub(super) fn wish(&mut self, id: RunId, wish: Wish) -> StoreResult<()> {
        let run = get(&self.tx, id)?;
        let (status, message) = match wish {
            Wish::Cancel => (RunStatus::Cancelled, "cancelled by hand"),
            _ => (RunStatus::Stopped, "stopped by hand"),
        };
        if run.status.is_over() {
            return Err(StoreError::Conflict(format!(
                "run {id} is {} already",
                run.status
            )));
        }
        if let (Wish::Cancel, Some(group)) = (wish, run.group) {
            self.cancel_chain_of(group)?;
        }
        if run.status == RunStatus::Queued || run.spec.external {
            self.end(id, status, message)?;
        } else if run.wish != Wish::Cancel {
            self.tx
                .execute("UPDATE run SET wish = ?2 WHERE id = ?1", params![id, wish])?;
            self.status_event(id)?;
        }
        Ok(())
    }

    pub(super) fn set_status(
        &mut self,
        id: RunId,
        status: RunStatus,
        message: &str,
    ) -> StoreResult<()> {
        self.tx.execute(
            "UPDATE run SET status = ?2, message = ?3 WHERE id = ?1",
            params![id, status, message],
        )?;
        self.status_event(id)
    }

    /// Ends a run: its status, the verdict over all epochs, and the last event.
    pub(super) fn end(&mut self, id: RunId, status: RunStatus, message: &str) -> StoreResult<()> {
        self.tx.execute(
            "UPDATE run SET ended = ?2 WHERE id = ?1",
            params![id, Moment::now()],
        )?;
        self.set_status(id, status, message)?;
        self.conclude(id)?;
        self.want_simple_models(id)
    }

    /// The verdict over all epochs of a run that is over, and the last event; a look at test, where its figures are open.
    pub(super) fn conclude(&mut self, id: RunId) -> StoreResult<()> {
        let run = get(&self.tx, id)?;
        self.count_test_look(&run)?;
        let diagnosis = self.diagnosis(id)?;
        self.tx.execute(
            "UPDATE run SET verdict = ?2 WHERE id = ?1",
            params![id, diagnosis.verdict.name()],
        )?;
        self.event(id, EventKind::Diagnosis, &diagnosis)?;
        self.event(
            id,
            EventKind::End,
            &json!({"status": run.status, "message": run.message}),
        )?;
        Ok(())
    }
}
