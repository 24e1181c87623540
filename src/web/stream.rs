//! Server-sent events: each stored event once and in order, whatever happens to the connection.

use super::App;
use crate::run::{RunId, Seq};
use crate::store::{Event, EventKind, Message, StoreError};
use axum::response::sse;
use futures_util::{Stream, stream};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::watch;

/// Events that are read from the database at once.
const PAGE: usize = 500;

/// What a run's watcher is sent, from the event after `after` on, until the run's end or the server's.
pub fn run_events(
    app: &App,
    run: RunId,
    after: Seq,
) -> impl Stream<Item = Result<sse::Event, Infallible>> + use<> {
    let watcher = Watcher {
        // Subscribed before the database is read, so that nothing falls in between.
        live: app.store.feed().watch(run),
        app: app.clone(),
        shutdown: app.shutdown.clone(),
        run,
        sent: after,
        stored: VecDeque::new(),
        behind: true,
        ended: false,
    };
    stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    })
}

struct Watcher {
    app: App,
    live: Receiver<Arc<Message>>,
    shutdown: watch::Receiver<bool>,
    run: RunId,
    /// The last event that was sent.
    sent: Seq,
    /// Read from the database, to be sent next.
    stored: VecDeque<Event>,
    /// The database may hold more than was read.
    behind: bool,
    ended: bool,
}

impl Watcher {
    async fn next(&mut self) -> Option<sse::Event> {
        while !self.ended {
            if let Some(event) = self.stored.pop_front() {
                self.sent = event.seq;
                if let Some(message) = self.stored_message(event).await {
                    return Some(message);
                }
            } else if self.behind {
                self.read().await?;
            } else if let Some(message) = self.live_message().await? {
                return Some(message);
            }
        }
        None
    }

    async fn read(&mut self) -> Option<()> {
        match self.app.store.events(self.run, self.sent, PAGE).await {
            Ok(events) => {
                self.behind = events.len() == PAGE;
                self.stored = events.into();
                Some(())
            }
            // The browser connects again and goes on from what it has.
            Err(error) => {
                tracing::error!("events of run {}: {error}", self.run);
                None
            }
        }
    }

    /// A stored event as a message. An `end` after which the run was resumed is no end to a watcher.
    async fn stored_message(&mut self, event: Event) -> Option<sse::Event> {
        if event.kind == EventKind::End {
            let last = self.stored.is_empty() && !self.behind;
            let over = match self.app.store.run(self.run).await {
                Ok(run) => run.status.is_over() && run.last_seq == event.seq,
                Err(StoreError::NotFound(_)) => true,
                Err(_) => false,
            };
            if !(last && over) {
                return None;
            }
            self.ended = true;
        }
        Some(message(Some(event.seq), event.kind, &event.data))
    }

    /// The next message that is told: `Some(None)` where it was sent already, `None` at the server's end.
    async fn live_message(&mut self) -> Option<Option<sse::Event>> {
        let told = tokio::select! {
            biased;
            _ = self.shutdown.wait_for(|ending| *ending) => return None,
            told = self.live.recv() => told,
        };
        let told = match told {
            Ok(told) => told,
            Err(RecvError::Lagged(_)) => {
                self.behind = true;
                return Some(None);
            }
            Err(RecvError::Closed) => return None,
        };
        match told.seq {
            Some(seq) if seq <= self.sent => return Some(None),
            Some(seq) if seq.0 > self.sent.0 + 1 => {
                self.behind = true;
                return Some(None);
            }
            Some(seq) => self.sent = seq,
            None => {}
        }
        self.ended = told.kind == EventKind::End;
        Some(Some(message(told.seq, told.kind, &told.data)))
    }
}

fn message(seq: Option<Seq>, kind: EventKind, data: &str) -> sse::Event {
    let event = sse::Event::default().event(kind.name()).data(data);
    match seq {
        Some(seq) => event.id(seq.to_string()),
        None => event,
    }
}

/// Which runs have changed since the last message, for lists of runs: `changed` with their ids.
pub fn changes(app: &App) -> impl Stream<Item = Result<sse::Event, Infallible>> + use<> {
    let state = (app.store.feed().watch_changes(), app.shutdown.clone());
    stream::unfold(state, |(mut changes, mut shutdown)| async {
        let first = tokio::select! {
            biased;
            _ = shutdown.wait_for(|ending| *ending) => return None,
            changed = changes.recv() => changed,
        };
        let event = changed_runs(first, &mut changes)?;
        Some((Ok(event), (changes, shutdown)))
    })
}

/// `changed` with the runs that have changed up to now: none of them where some were missed. None at the server's end.
fn changed_runs(
    first: Result<RunId, RecvError>,
    changes: &mut Receiver<RunId>,
) -> Option<sse::Event> {
    let mut ids = match first {
        Ok(RunId(id)) => vec![id],
        // Who missed some looks at all.
        Err(RecvError::Lagged(_)) => Vec::new(),
        Err(RecvError::Closed) => return None,
    };
    while let Ok(RunId(id)) = changes.try_recv() {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let data = serde_json::json!({ "runs": ids }).to_string();
    Some(sse::Event::default().event("changed").data(data))
}

/// What an open page follows: `notice`, at once and whenever it changes, with what every page says at its top; `changed` as
/// [`changes`] has it; `data` when a dataset, an upload or an inspection has changed.
pub fn page_events(app: &App) -> impl Stream<Item = Result<sse::Event, Infallible>> + use<> {
    let feed = app.store.feed();
    let mut notice = app.disk.watch();
    notice.mark_changed();
    let followed = (feed.watch_changes(), feed.watch_data(), notice);
    let state = (followed, app.shutdown.clone());
    stream::unfold(
        state,
        |((mut runs, mut data, mut notice), mut shutdown)| async {
            let event = tokio::select! {
                biased;
                _ = shutdown.wait_for(|ending| *ending) => return None,
                changed = notice.changed() => {
                    changed.ok()?;
                    let says = serde_json::json!({ "notice": *notice.borrow_and_update() });
                    sse::Event::default().event("notice").data(says.to_string())
                }
                changed = data.changed() => {
                    changed.ok()?;
                    sse::Event::default().event("data").data("{}")
                }
                first = runs.recv() => changed_runs(first, &mut runs)?,
            };
            Some((Ok(event), ((runs, data, notice), shutdown)))
        },
    )
}
