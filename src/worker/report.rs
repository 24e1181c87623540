//! Telling the server what training does, and hearing what is wanted, without holding training up.

use super::client::{Client, ClientError};
use super::outbox::{Batch, Outbox, Parcel};
use super::spool::Spool;
use crate::run::{BestEpoch, EpochReport, Examination, ProducerEvent, Progress, RunStatus};
use crate::train::{Observer, Wish};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long training waits for an epoch to be stored before it writes the checkpoint that follows it.
const EPOCH_WAIT: Duration = Duration::from_secs(2);
/// How long a worker that is done waits for its server to come back.
const END_WAIT: Duration = Duration::from_secs(60);
const EVENTS_A_POST: usize = 200;
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// A run's observer: reports go out on a thread of their own, wishes come in on another.
pub struct Reporter {
    outbox: Arc<Outbox>,
    spool: Option<Spool>,
    /// Checkpoints are sent to the server, which has no part in this machine's folders.
    uploads: bool,
    /// The end of the run is among what is or was to be delivered.
    ended: bool,
    delivering: JoinHandle<()>,
}

impl Reporter {
    /// Starts the threads. `folder` is the run's, with whether its checkpoints are to be uploaded.
    pub fn start(client: Client, folder: Option<(PathBuf, bool)>) -> io::Result<Reporter> {
        let spool = folder.as_ref().map(|(folder, _)| Spool::of(folder));
        let undelivered = match &spool {
            Some(spool) => spool.read()?,
            None => Vec::new(),
        };
        let ended = undelivered
            .iter()
            .any(|event| matches!(event, ProducerEvent::End { .. }));
        let outbox = Arc::new(Outbox::with(undelivered));

        let beating = (client.clone(), outbox.clone());
        std::thread::Builder::new()
            .name("heartbeat".to_owned())
            .spawn(move || {
                let _guard = AbortOnPanic;
                beat(&beating.0, &beating.1);
            })?;
        let uploads = folder.as_ref().is_some_and(|(_, uploads)| *uploads);
        let outgoing = outbox.clone();
        let delivering = std::thread::Builder::new()
            .name("report".to_owned())
            .spawn(move || {
                let _guard = AbortOnPanic;
                let folder = folder.map(|(folder, _)| folder);
                deliver(&client, &outgoing, folder.as_deref());
            })?;
        Ok(Reporter {
            outbox,
            spool,
            uploads,
            ended,
            delivering,
        })
    }

    /// True where an earlier attempt trained to the end.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Queues an event.
    pub fn tell(&mut self, event: ProducerEvent) {
        self.outbox.push(Parcel::Event(Box::new(event)));
    }

    /// Queues the end of the run.
    pub fn end(&mut self, status: RunStatus, message: &str) {
        self.ended = true;
        self.tell(ProducerEvent::End {
            status,
            message: message.to_owned(),
        });
    }

    /// Delivers what is left, or leaves it on the disk for the next attempt.
    pub fn finish(self) {
        // Who leaves in the middle of a run has been asked to by a server that is about to go.
        let most = if self.ended { END_WAIT } else { EPOCH_WAIT };
        let delivered = self.outbox.wait_delivered(most, self.ended);
        if !delivered {
            self.write_spool();
        }
        self.outbox.close();
        if delivered {
            // It ends by itself, after it has cleared the spool; a panic of its own it has printed.
            let _ = self.delivering.join();
        }
    }

    fn write_spool(&self) {
        if let Some(spool) = &self.spool {
            let events = self.outbox.take_unspooled();
            if let Err(error) = spool.append(events.iter()) {
                eprintln!("gapwatch: what could not be delivered cannot be kept either: {error}");
            }
        }
    }
}

impl Observer for Reporter {
    fn epoch(&mut self, report: &EpochReport) {
        self.tell(ProducerEvent::Epoch(Box::new(report.clone())));
        // The checkpoint that follows must not be ahead of what is kept of the run.
        if !self.outbox.wait_delivered(EPOCH_WAIT, false) {
            self.write_spool();
        }
    }

    fn best(&mut self, best: &BestEpoch) {
        self.tell(ProducerEvent::Best(best.clone()));
    }

    fn progress(&mut self, progress: &Progress) {
        self.outbox.set_progress(progress);
    }

    fn log(&mut self, message: &str) {
        self.tell(ProducerEvent::Log {
            message: message.to_owned(),
        });
    }

    fn examined(&mut self, examination: &Examination) {
        self.tell(ProducerEvent::Examination(Box::new(examination.clone())));
    }

    fn checkpoint(&mut self, name: &str) {
        if self.uploads {
            self.outbox.push(Parcel::Checkpoint(name.to_owned()));
        }
    }

    fn wish(&mut self) -> Wish {
        self.outbox.wish()
    }
}

/// Sends what is in the outbox until it is closed.
fn deliver(client: &Client, outbox: &Outbox, folder: Option<&Path>) {
    let mut most = EVENTS_A_POST;
    let mut backoff = Backoff::default();
    while let Some(batch) = outbox.next(most) {
        match send(client, folder, &batch) {
            Ok(()) => {
                outbox.set_reached(true);
                backoff = Backoff::default();
                most = EVENTS_A_POST;
                if outbox.remove(batch.parcels())
                    && let Some(folder) = folder
                    && let Err(error) = Spool::of(folder).clear()
                {
                    eprintln!("gapwatch: {error}");
                }
            }
            Err(ClientError::Absent(_)) => {
                outbox.set_reached(false);
                outbox.pause(backoff.next());
            }
            Err(error @ ClientError::Dismissed(_)) => {
                eprintln!("gapwatch: {error}");
                outbox.dismiss();
            }
            // One bad event must not take its neighbours along.
            Err(ClientError::Refused(_)) if batch.parcels() > 1 => most = 1,
            Err(error @ ClientError::Refused(_)) => {
                eprintln!("gapwatch: left out of the report: {error}");
                outbox.remove(batch.parcels());
            }
        }
    }
}

fn send(client: &Client, folder: Option<&Path>, batch: &Batch) -> Result<(), ClientError> {
    match (batch, folder) {
        (Batch::Events(events), _) => client.report(events).map(drop),
        (Batch::Progress(progress), _) => {
            let event = ProducerEvent::Progress(progress.clone());
            client.report(&[event]).map(drop)
        }
        (Batch::Checkpoint(name), Some(folder)) => client.put_checkpoint(&folder.join(name), name),
        (Batch::Checkpoint(_), None) => Ok(()),
    }
}

/// Hears wishes until the outbox is dismissed or the process ends.
fn beat(client: &Client, outbox: &Outbox) {
    let mut backoff = Backoff::default();
    while !outbox.is_dismissed() {
        match client.heartbeat(outbox.wish()) {
            Ok(wish) => {
                outbox.set_wish(wish);
                backoff = Backoff::default();
            }
            Err(error @ ClientError::Dismissed(_)) => {
                eprintln!("gapwatch: {error}");
                outbox.dismiss();
            }
            Err(_) => outbox.pause(backoff.next()),
        }
    }
}

/// Ends the process with a thread that panics: a worker that trains and cannot report is of no use, and the scheduler
/// starts another.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// Waits that double up to a limit.
#[derive(Default)]
struct Backoff(u32);

impl Backoff {
    fn next(&mut self) -> Duration {
        self.0 = (self.0 + 1).min(6);
        (Duration::from_millis(50) * 2_u32.pow(self.0)).min(LONGEST_BACKOFF)
    }
}
