//! Wish against fact: which runs should be running, and making it so.

use crate::engine::LocalEngine;
use crate::run::{Attempt, RunId, RunStatus};
use crate::store::{Lost, Moment, Run, Store, StoreError, StoreResult, token};
use crate::train::Wish;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

const TICK: Duration = Duration::from_millis(500);
/// A worker that does not obey a cancel within this time is ended.
const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// One that is to stop may finish a step and write its checkpoint.
const STOP_GRACE: Duration = Duration::from_secs(60);
/// A worker that says nothing for so long hangs: it reports from a thread of its own.
const SILENCE: Duration = Duration::from_secs(120);
/// What workers get to checkpoint when the server ends; those that need longer go on by themselves and then leave.
const PAUSE_GRACE: Duration = Duration::from_millis(1200);

/// The scheduler's handle. Copies share it.
#[derive(Clone)]
pub struct Scheduler {
    parallel: Arc<AtomicUsize>,
    heard: Arc<Mutex<HashMap<RunId, Instant>>>,
    poke: Arc<Notify>,
}

impl Scheduler {
    /// A scheduler that keeps `parallel` runs going at once; nothing happens before [`Scheduler::run`].
    pub fn new(parallel: usize) -> Scheduler {
        Scheduler {
            parallel: Arc::new(AtomicUsize::new(parallel)),
            heard: Arc::default(),
            poke: Arc::default(),
        }
    }

    /// Runs that train at once.
    pub fn parallel(&self) -> usize {
        self.parallel.load(Ordering::Relaxed)
    }

    /// Notes that a run's worker is there.
    pub fn heard(&self, run: RunId) {
        self.lock_heard().insert(run, Instant::now());
    }

    /// Makes it so until `shutdown` is true, then asks the workers to pause and returns.
    pub async fn run(self, store: Store, engine: LocalEngine, mut shutdown: watch::Receiver<bool>) {
        let mut changes = store.feed().watch_changes();
        let mut keeper = Keeper {
            scheduler: self.clone(),
            store,
            engine,
            children: HashMap::new(),
            obeying: HashMap::new(),
        };
        while !*shutdown.borrow_and_update() {
            if let Err(error) = keeper.reconcile().await {
                tracing::error!("scheduler: {error}");
            }
            tokio::select! {
                // A missed change is no loss: everything is looked at again.
                _ = changes.recv() => {}
                () = self.poke.notified() => {}
                () = tokio::time::sleep(TICK) => {}
                _ = shutdown.changed() => {}
            }
        }
        if let Err(error) = keeper.pause_all().await {
            tracing::error!("scheduler: {error}");
        }
    }

    fn lock_heard(&self) -> MutexGuard<'_, HashMap<RunId, Instant>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The background task's own state.
struct Keeper {
    scheduler: Scheduler,
    store: Store,
    engine: LocalEngine,
    /// Children of this server: true once they have ended. A worker needs a moment to claim its folder.
    children: HashMap<RunId, watch::Receiver<bool>>,
    /// Since when a wish waits to be obeyed.
    obeying: HashMap<RunId, Instant>,
}

impl Keeper {
    async fn reconcile(&mut self) -> StoreResult<()> {
        let running = self.store.placed_runs(RunStatus::Running).await?;
        self.obeying
            .retain(|id, _| running.iter().any(|r| r.id == *id));
        let mut busy = 0;
        for run in &running {
            if self.is_alive(run.id) {
                busy += 1;
                self.end_disobedient(run).await;
            } else {
                self.lost(run, self.engine.output_tail(run.id)).await?;
            }
        }
        let parallel = self.scheduler.parallel();
        if busy < parallel {
            let now = Moment::now();
            let queued = self.store.placed_runs(RunStatus::Queued).await?;
            let due = queued.iter().filter(|run| run.not_before <= now);
            for run in due.take(parallel - busy) {
                self.start(run).await?;
            }
        }
        Ok(())
    }

    fn is_alive(&self, id: RunId) -> bool {
        self.children.get(&id).is_some_and(|ended| !*ended.borrow()) || self.engine.has_worker(id)
    }

    async fn start(&mut self, run: &Run) -> StoreResult<()> {
        let id = run.id;
        // A worker of an older attempt must not write beside the new one.
        if let Err(error) = self.engine.kill(id).await {
            tracing::error!("scheduler: {error}");
            return Ok(());
        }
        let token = token::fresh();
        let started = self.store.start_attempt(id, token::hash(&token)).await;
        let attempt = match started {
            Ok(run) => run.attempt,
            // Cancelled in between.
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let threads = self.threads();
        match self.engine.start(id, attempt, &token, threads) {
            Ok(mut child) => {
                self.scheduler.heard(id);
                let (ended, watch) = watch::channel(false);
                self.children.insert(id, watch);
                let poke = self.scheduler.poke.clone();
                tokio::spawn(async move {
                    let status = child.wait().await;
                    tracing::info!(run = id.0, attempt = attempt.0, ?status, "worker ended");
                    let _ = ended.send(true);
                    poke.notify_one();
                });
                Ok(())
            }
            Err(error) => {
                let reason = format!("The worker could not be started: {error}");
                self.lose(id, attempt, reason).await
            }
        }
    }

    /// Cores shared by the runs that train at once.
    fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (cores / self.scheduler.parallel().max(1)).max(1)
    }

    async fn lost(&mut self, run: &Run, tail: String) -> StoreResult<()> {
        let reason = if tail.is_empty() {
            "It wrote nothing: it may have been ended from outside, as by a lack of memory."
                .to_owned()
        } else {
            format!("The end of its output: {tail}")
        };
        self.lose(run.id, run.attempt, reason).await
    }

    async fn lose(&mut self, id: RunId, attempt: Attempt, reason: String) -> StoreResult<()> {
        self.children.remove(&id);
        match self.store.lost(id, attempt, reason).await? {
            Some(Lost::Again(at)) => {
                tracing::warn!(
                    run = id.0,
                    attempt = attempt.0,
                    "worker lost, again at {at}"
                );
            }
            Some(Lost::Over(status)) => {
                tracing::warn!(run = id.0, attempt = attempt.0, "worker lost, run {status}");
            }
            None => {}
        }
        Ok(())
    }

    /// Ends a worker that hangs or does not obey; the next look finds it gone.
    async fn end_disobedient(&mut self, run: &Run) {
        let grace = match run.wish {
            Wish::Cancel => Some(CANCEL_GRACE),
            Wish::Stop => Some(STOP_GRACE),
            Wish::Continue | Wish::Pause => None,
        };
        let since = *self.obeying.entry(run.id).or_insert_with(Instant::now);
        if grace.is_none() {
            self.obeying.remove(&run.id);
        }
        // A worker that an earlier server started is heard from its next heartbeat on.
        let heard = *self
            .scheduler
            .lock_heard()
            .entry(run.id)
            .or_insert_with(Instant::now);
        if grace.is_some_and(|grace| since.elapsed() > grace) || heard.elapsed() > SILENCE {
            tracing::warn!(run = run.id.0, "ending a worker that does not answer");
            if let Err(error) = self.engine.kill(run.id).await {
                tracing::error!("scheduler: {error}");
            }
        }
    }

    /// The workers hear of the pause by their heartbeats; their runs wait for the next start.
    async fn pause_all(&mut self) -> StoreResult<()> {
        let running = self.store.placed_runs(RunStatus::Running).await?;
        let deadline = Instant::now() + PAUSE_GRACE;
        while Instant::now() < deadline && running.iter().any(|run| self.is_alive(run.id)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for run in running {
            self.store.pause(run.id, run.attempt).await?;
        }
        Ok(())
    }
}
