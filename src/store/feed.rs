//! What watchers hear: each run's messages as they are committed, which run has changed, and that data have.

use super::EventKind;
use crate::run::{RunId, Seq};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, watch};

/// A watcher that is further behind reads the database again.
const KEPT_MESSAGES: usize = 256;

/// One message to a run's watchers.
#[derive(Debug)]
pub struct Message {
    /// None for what is not stored: progress within an epoch.
    pub seq: Option<Seq>,
    pub kind: EventKind,
    /// JSON on one line.
    pub data: String,
}

/// Hands messages from the one who commits them to all who watch.
#[derive(Debug)]
pub struct Feed {
    runs: Mutex<HashMap<RunId, broadcast::Sender<Arc<Message>>>>,
    changes: broadcast::Sender<RunId>,
    /// Counts the changes of datasets, uploads and inspections.
    data: watch::Sender<u64>,
}

impl Feed {
    pub(super) fn new() -> Feed {
        Feed {
            runs: Mutex::default(),
            changes: broadcast::channel(KEPT_MESSAGES).0,
            data: watch::Sender::new(0),
        }
    }

    /// Messages of one run from now on.
    pub fn watch(&self, run: RunId) -> broadcast::Receiver<Arc<Message>> {
        let mut runs = self.lock();
        runs.retain(|_, sender| sender.receiver_count() > 0);
        runs.entry(run)
            .or_insert_with(|| broadcast::channel(KEPT_MESSAGES).0)
            .subscribe()
    }

    /// The ids of runs that get an event, are made, changed or deleted.
    pub fn watch_changes(&self) -> broadcast::Receiver<RunId> {
        self.changes.subscribe()
    }

    /// Changes whenever a dataset, an upload or an inspection is made, goes on to its next state, or is deleted.
    pub fn watch_data(&self) -> watch::Receiver<u64> {
        self.data.subscribe()
    }

    /// Tells what was committed, or what is never stored.
    pub fn tell(&self, run: RunId, message: Message) {
        if let Some(sender) = self.lock().get(&run) {
            // Nobody listening is no error.
            let _ = sender.send(Arc::new(message));
        }
    }

    /// Ends the streams of a run that is gone.
    pub(super) fn forget(&self, run: RunId) {
        self.lock().remove(&run);
    }

    /// Watchers of all runs.
    pub fn watchers(&self) -> usize {
        self.lock()
            .values()
            .map(broadcast::Sender::receiver_count)
            .sum()
    }

    pub(super) fn changed(&self, run: RunId) {
        let _ = self.changes.send(run);
    }

    pub(super) fn data_changed(&self) {
        self.data.send_modify(|changes| *changes += 1);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, broadcast::Sender<Arc<Message>>>> {
        // The map is whole at every step, so a panic elsewhere leaves it usable.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
