//! What is to be delivered, in order, shared by the training thread and the one that delivers.

use crate::run::{ProducerEvent, Progress};
use crate::train::Wish;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Undelivered reports beyond this size lose their per-image results: the figures matter more, and memory ends.
const MOST_IMAGE_RESULTS: usize = 20_000_000;

/// The server is told of progress at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Something for the server.
pub enum Parcel {
    Event(Box<ProducerEvent>),
    /// A file of the run's folder, to be uploaded.
    Checkpoint(String),
}

/// What goes in one call.
pub enum Batch {
    Events(Vec<ProducerEvent>),
    Checkpoint(String),
    Progress(Progress),
}

impl Batch {
    /// Parcels of the outbox that it holds.
    pub fn parcels(&self) -> usize {
        match self {
            Batch::Events(events) => events.len(),
            Batch::Checkpoint(_) => 1,
            Batch::Progress(_) => 0,
        }
    }
}

#[derive(Default)]
struct State {
    /// In order, with whether it is on the disk too.
    queue: VecDeque<(Parcel, bool)>,
    /// The newest progress; an older one that was not sent yet is of no use.
    progress: Option<Progress>,
    /// When progress may be sent again.
    progress_due: Option<Instant>,
    wish: Option<Wish>,
    /// The server answered the last call.
    reached: bool,
    /// The server wants no more of this worker.
    dismissed: bool,
    closing: bool,
    /// Per-image results in the queue.
    images: usize,
}

#[derive(Default)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Condvar,
}

impl Outbox {
    /// An outbox that expects to reach its server, with what an earlier attempt could not deliver.
    pub fn with(undelivered: Vec<ProducerEvent>) -> Outbox {
        let outbox = Outbox::default();
        let mut state = outbox.lock();
        state.reached = true;
        for event in undelivered {
            let parcel = Parcel::Event(Box::new(event));
            state.images += image_results(&parcel);
            state.queue.push_back((parcel, true));
        }
        drop(state);
        outbox
    }

    pub fn push(&self, parcel: Parcel) {
        let mut state = self.lock();
        if state.dismissed {
            return;
        }
        if let Parcel::Event(event) = &parcel
            && matches!(**event, ProducerEvent::End { .. })
        {
            // Nobody hears how far a run is that is over.
            state.progress = None;
        }
        state.images += image_results(&parcel);
        state.queue.push_back((parcel, false));
        state.drop_image_results();
        self.changed.notify_all();
    }

    pub fn set_progress(&self, progress: &Progress) {
        self.lock().progress = Some(progress.clone());
        self.changed.notify_all();
    }

    /// True once everything is delivered or unwanted; false where the server is away or `most` is over.
    pub fn wait_delivered(&self, most: Duration, although_away: bool) -> bool {
        let deadline = Instant::now() + most;
        let mut state = self.lock();
        loop {
            if state.queue.is_empty() || state.dismissed {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !(state.reached || although_away) {
                return false;
            }
            state = self.wait(state, left);
        }
    }

    /// The undelivered events that are not on the disk yet; they count as such from now on.
    pub fn take_unspooled(&self) -> Vec<ProducerEvent> {
        let mut state = self.lock();
        let mut events = Vec::new();
        for (parcel, spooled) in &mut state.queue {
            if let Parcel::Event(event) = parcel
                && !std::mem::replace(spooled, true)
            {
                events.push((**event).clone());
            }
        }
        events
    }

    pub fn wish(&self) -> Wish {
        self.lock().wish.unwrap_or(Wish::Continue)
    }

    pub fn set_wish(&self, wish: Wish) {
        self.lock().wish = Some(wish);
    }

    /// Notes whether the server answered.
    pub fn set_reached(&self, reached: bool) {
        self.lock().reached = reached;
        self.changed.notify_all();
    }

    /// The server wants no more: training is to end, and nothing more is sent.
    pub fn dismiss(&self) {
        let mut state = self.lock();
        state.dismissed = true;
        state.wish = Some(Wish::Cancel);
        state.queue.clear();
        self.changed.notify_all();
    }

    pub fn is_dismissed(&self) -> bool {
        self.lock().dismissed
    }

    /// Lets the delivering thread end once it has nothing to do.
    pub fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// The next thing to send, waiting for it: at most `most` events or one checkpoint, or else the newest progress.
    /// None once the outbox is closed or dismissed.
    pub fn next(&self, most: usize) -> Option<Batch> {
        let mut state = self.lock();
        loop {
            if state.dismissed || state.closing {
                return None;
            }
            if !state.queue.is_empty() {
                return Some(state.batch(most));
            }
            let now = Instant::now();
            let wait = match (&state.progress, state.progress_due) {
                (None, _) => Duration::from_secs(60),
                (Some(_), Some(due)) if due > now => due - now,
                _ => {
                    state.progress_due = Some(now + PROGRESS_EVERY);
                    return state.progress.take().map(Batch::Progress);
                }
            };
            state = self.wait(state, wait);
        }
    }

    /// Takes the first `count` out: they are delivered, or will never be. True where nothing is left.
    pub fn remove(&self, count: usize) -> bool {
        let mut state = self.lock();
        for _ in 0..count {
            if let Some((parcel, _)) = state.queue.pop_front() {
                state.images -= image_results(&parcel);
            }
        }
        self.changed.notify_all();
        state.queue.is_empty()
    }

    /// Waits, but not after the outbox is closed.
    pub fn pause(&self, most: Duration) {
        let deadline = Instant::now() + most;
        let mut state = self.lock();
        while !state.closing && !state.dismissed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.wait(state, left);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, most)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl State {
    fn batch(&self, most: usize) -> Batch {
        let mut events = Vec::new();
        for (parcel, _) in self.queue.iter().take(most) {
            match parcel {
                Parcel::Event(event) => events.push((**event).clone()),
                Parcel::Checkpoint(name) if events.is_empty() => {
                    return Batch::Checkpoint(name.clone());
                }
                Parcel::Checkpoint(_) => break,
            }
        }
        Batch::Events(events)
    }

    fn drop_image_results(&mut self) {
        let mut oldest = self.queue.iter_mut();
        while self.images > MOST_IMAGE_RESULTS
            && let Some((parcel, _)) = oldest.next()
        {
            self.images -= image_results(parcel);
            if let Parcel::Event(event) = parcel
                && let ProducerEvent::Epoch(report) = &mut **event
            {
                report.images.clear();
            }
        }
    }
}

fn image_results(parcel: &Parcel) -> usize {
    match parcel {
        Parcel::Event(event) => match &**event {
            ProducerEvent::Epoch(report) => {
                report.images.iter().map(|(_, r)| r.prediction.len()).sum()
            }
            _ => 0,
        },
        Parcel::Checkpoint(_) => 0,
    }
}
