//! Wish against fact: which runs should be running, and making it so.

use crate::device::Devices;
use crate::engine::{Assigned, LocalEngine, Places};
use crate::run::{Attempt, Device, RunId, RunStatus};
use crate::store::{Disk, Lost, Moment, Room, Run, Store, StoreError, StoreResult, token};
use crate::train::Wish;
use std::collections::{HashMap, HashSet};
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
/// What is said of a run that the disk has no room for.
const HELD: &str =
    "The disk is full: the run waits until there is room again; see the page Room on disk.";
/// What workers get to checkpoint when the server ends; those that need longer go on by themselves and then leave.
const PAUSE_GRACE: Duration = Duration::from_millis(1200);

/// The scheduler's handle. Copies share it.
#[derive(Clone)]
pub struct Scheduler {
    parallel: Arc<AtomicUsize>,
    per_card: usize,
    heard: Arc<Mutex<HashMap<RunId, Instant>>>,
    poke: Arc<Notify>,
}

impl Scheduler {
    /// A scheduler that keeps `parallel` runs going at once on the processor, and `per_card` on each card; nothing happens
    /// before [`Scheduler::run`].
    pub fn new(parallel: usize, per_card: usize) -> Scheduler {
        Scheduler {
            parallel: Arc::new(AtomicUsize::new(parallel)),
            per_card,
            heard: Arc::default(),
            poke: Arc::default(),
        }
    }

    /// Runs that train at once on the processor.
    pub fn parallel(&self) -> usize {
        self.parallel.load(Ordering::Relaxed)
    }

    /// Notes that a run's worker is there.
    pub fn heard(&self, run: RunId) {
        self.lock_heard().insert(run, Instant::now());
    }

    /// Makes it so until `shutdown` is true, then asks the workers to pause and returns.
    pub async fn run(
        self,
        store: Store,
        engine: LocalEngine,
        disk: Disk,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut changes = store.feed().watch_changes();
        let mut keeper = Keeper {
            scheduler: self.clone(),
            store,
            engine,
            disk,
            children: HashMap::new(),
            placed: HashMap::new(),
            obeying: HashMap::new(),
            pausing: HashSet::new(),
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
    disk: Disk,
    /// Children of this server: true once they have ended. A worker needs a moment to claim its folder.
    children: HashMap<RunId, watch::Receiver<bool>>,
    /// Where those of this server train.
    placed: HashMap<RunId, Device>,
    /// Since when a wish waits to be obeyed.
    obeying: HashMap<RunId, Instant>,
    /// Runs whose workers were asked to leave because the disk is full.
    pausing: HashSet<RunId>,
}

impl Keeper {
    async fn reconcile(&mut self) -> StoreResult<()> {
        let running = self.store.placed_runs(RunStatus::Running).await?;
        self.obeying
            .retain(|id, _| running.iter().any(|r| r.id == *id));
        let full = self.disk.look()? == Room::Full;
        self.pausing
            .retain(|id| running.iter().any(|r| r.id == *id));
        if full {
            self.hold(&running).await?;
        }
        let mut busy = Vec::new();
        for run in &running {
            if self.is_alive(run.id) {
                busy.push(self.device_of(run));
                self.end_disobedient(run).await;
            } else if self.pausing.contains(&run.id) && run.wish == Wish::Continue {
                let message = format!("{HELD} It goes on from its last checkpoint.");
                self.store.pause(run.id, run.attempt, message).await?;
            } else {
                self.lost(run, self.engine.output_tail(run.id)).await?;
            }
        }
        if full {
            let queued = self.store.placed_runs(RunStatus::Queued).await?;
            let unsaid = queued.iter().filter(|run| !run.message.starts_with(HELD));
            let unsaid: Vec<RunId> = unsaid.map(|run| run.id).collect();
            if !unsaid.is_empty() {
                self.store.say(unsaid, HELD.to_owned()).await?;
            }
        } else {
            self.start_due(&busy).await?;
        }
        Ok(())
    }

    /// Starts the queued runs that have a place, in their order; `busy` is where others train.
    async fn start_due(&mut self, busy: &[Device]) -> StoreResult<()> {
        let now = Moment::now();
        let mut due = self.store.placed_runs(RunStatus::Queued).await?;
        due.retain(|run| run.not_before <= now);
        // Free memory is asked for only where a run has a place for certain.
        let known = self.engine.devices().known().await;
        if self.places(&due, busy, &known).is_empty() {
            return Ok(());
        }
        let devices = self.engine.devices().now().await;
        for (run, device) in self.places(&due, busy, &devices) {
            let assigned = Assigned {
                device,
                label: devices.label(device),
                threads: self.threads(device, &devices),
                by_choice: run.spec.device == Device::Auto,
            };
            self.start(run, assigned).await?;
        }
        Ok(())
    }

    /// The runs that can start, and where.
    fn places<'a>(
        &self,
        due: &'a [Run],
        busy: &[Device],
        devices: &Devices,
    ) -> Vec<(&'a Run, Device)> {
        let scheduler = &self.scheduler;
        let mut places = Places::new(scheduler.parallel(), scheduler.per_card, devices);
        busy.iter().for_each(|&device| places.occupy(device));
        due.iter()
            .filter_map(|run| Some((run, places.take(run.spec.device)?)))
            .collect()
    }

    /// Where a run trains; of one that an earlier server started, what its worker has said.
    fn device_of(&self, run: &Run) -> Device {
        let said = || {
            let machine = run.machine.as_ref()?;
            let device = machine.device.split(' ').next()?;
            Device::try_from(device.to_owned()).ok()
        };
        let placed = self.placed.get(&run.id).copied();
        placed.or_else(said).unwrap_or(run.spec.device)
    }

    /// Asks the workers to leave at their last whole epoch. They hear of it by their heartbeats, which a message wakes.
    async fn hold(&mut self, running: &[Run]) -> StoreResult<()> {
        let unasked: Vec<RunId> = running
            .iter()
            .map(|run| run.id)
            .filter(|id| !self.pausing.contains(id))
            .collect();
        if unasked.is_empty() {
            return Ok(());
        }
        tracing::warn!("{}", self.disk.says().unwrap_or_default());
        self.pausing.extend(&unasked);
        self.store.say(unasked, HELD.to_owned()).await
    }

    fn is_alive(&self, id: RunId) -> bool {
        self.children.get(&id).is_some_and(|ended| !*ended.borrow()) || self.engine.has_worker(id)
    }

    async fn start(&mut self, run: &Run, assigned: Assigned) -> StoreResult<()> {
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
        match self.engine.start(id, attempt, &token, &assigned) {
            Ok(mut child) => {
                self.scheduler.heard(id);
                self.placed.insert(id, assigned.device);
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

    /// Cores shared by the runs that train at once on the processor, or on all cards.
    fn threads(&self, device: Device, devices: &Devices) -> usize {
        let runs = match device {
            Device::Cuda(_) => devices.cuda.len() * self.scheduler.per_card,
            Device::Auto | Device::Cpu => self.scheduler.parallel(),
        };
        (devices.cpu.cores / runs.max(1)).max(1)
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
        self.placed.remove(&id);
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
        let full = self.disk.room() == Room::Full;
        let grace = match run.wish {
            Wish::Cancel => Some(CANCEL_GRACE),
            Wish::Stop => Some(STOP_GRACE),
            Wish::Continue if full && self.pausing.contains(&run.id) => Some(STOP_GRACE),
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
            let message = "paused, goes on from its last checkpoint".to_owned();
            self.store.pause(run.id, run.attempt, message).await?;
        }
        Ok(())
    }
}
