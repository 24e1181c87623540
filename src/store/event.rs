//! What happened in a run, numbered from 1 without gaps.

use super::connection::Change;
use super::epoch::epoch_record;
use super::{Message, Moment, Store, StoreResult};
use crate::run::{RunId, Seq};
use rusqlite::params;
use serde::Serialize;
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The run's status, attempt or message has changed.
    Status,
    /// An epoch is done; its data is an [`crate::run::EpochRecord`].
    Epoch,
    /// The best epoch so far has changed.
    Best,
    Log,
    /// The verdict over the whole run.
    Diagnosis,
    /// Nothing more comes, unless the run is resumed.
    End,
    /// How far the epoch is; never stored.
    Progress,
}

impl EventKind {
    const ALL: [EventKind; 7] = [
        EventKind::Status,
        EventKind::Epoch,
        EventKind::Best,
        EventKind::Log,
        EventKind::Diagnosis,
        EventKind::End,
        EventKind::Progress,
    ];

    /// The `event` field of a server-sent event.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Status => "status",
            EventKind::Epoch => "epoch",
            EventKind::Best => "best",
            EventKind::Log => "log",
            EventKind::Diagnosis => "diagnosis",
            EventKind::End => "end",
            EventKind::Progress => "progress",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<EventKind> {
        EventKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A stored event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub seq: Seq,
    pub kind: EventKind,
    /// JSON on one line.
    pub data: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LogLine {
    pub seq: Seq,
    pub at: Moment,
    pub message: String,
}

impl Store {
    /// At most `limit` of a run's events that follow `after`, in order.
    pub async fn events(&self, run: RunId, after: Seq, limit: usize) -> StoreResult<Vec<Event>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT seq, kind, epoch, data FROM event WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            )?;
            let mut rows = statement.query(params![run, after, limit as i64])?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                let data = match row.get("epoch")? {
                    Some(epoch) => to_json(&epoch_record(db, run, epoch)?),
                    None => row.get("data")?,
                };
                events.push(Event {
                    seq: row.get("seq")?,
                    kind: row.get("kind")?,
                    data,
                });
            }
            Ok(events)
        })
        .await
    }

    /// The last `limit` lines of a run's log, oldest first.
    pub async fn log_lines(&self, run: RunId, limit: usize) -> StoreResult<Vec<LogLine>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT seq, at, json_extract(data, '$.message') AS message FROM event
                 WHERE run = ?1 AND kind = 'log' ORDER BY seq DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![run, limit as i64], |row| {
                Ok(LogLine {
                    seq: row.get("seq")?,
                    at: row.get("at")?,
                    message: row.get("message")?,
                })
            })?;
            let mut lines = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            lines.reverse();
            Ok(lines)
        })
        .await
    }
}

impl Change<'_> {
    /// Gives an event the run's next number, stores it, and tells watchers after the commit.
    pub(super) fn event(
        &mut self,
        run: RunId,
        kind: EventKind,
        data: &impl Serialize,
    ) -> StoreResult<Seq> {
        let data = to_json(data);
        let seq = self.append(run, kind, None, &data)?;
        self.tell(
            run,
            Message {
                seq: Some(seq),
                kind,
                data,
            },
        );
        Ok(seq)
    }

    /// As [`Change::event`], for an epoch whose record is in its own tables already.
    pub(super) fn epoch_event(&mut self, run: RunId, epoch: u32) -> StoreResult<Seq> {
        let data = to_json(&epoch_record(&self.tx, run, epoch)?);
        let seq = self.append(run, EventKind::Epoch, Some(epoch), "")?;
        self.tell(
            run,
            Message {
                seq: Some(seq),
                kind: EventKind::Epoch,
                data,
            },
        );
        Ok(seq)
    }

    fn append(
        &self,
        run: RunId,
        kind: EventKind,
        epoch: Option<u32>,
        data: &str,
    ) -> StoreResult<Seq> {
        let seq: Seq = self.tx.query_row(
            "UPDATE run SET last_seq = last_seq + 1 WHERE id = ?1 RETURNING last_seq",
            [run],
            |row| row.get(0),
        )?;
        self.tx
            .prepare_cached(
                "INSERT INTO event (run, seq, at, kind, epoch, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![run, seq, Moment::now(), kind, epoch, data])?;
        Ok(seq)
    }
}

/// A value of ours as JSON on one line; only maps with keys that are no text could fail, and we have none.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|error| json!({"error": error.to_string()}).to_string())
}
