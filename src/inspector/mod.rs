//! Looks into datasets in the background, one after the other: their audits, their simple models, range tests of the
//! learning rate.

mod rate_test;

use crate::data::Dataset;
use crate::diagnose::SEED;
use crate::diagnose::audit::{AuditError, audit};
use crate::diagnose::finding::{Finding, Severity};
use crate::diagnose::simple_models::simple_models;
use crate::run::DatasetId;
use crate::store::{Inspected, Inspection, InspectionRow, Library, Store, StoreResult};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

const TICK: Duration = Duration::from_millis(500);

/// The inspector's handle. Copies share it.
#[derive(Clone, Default)]
pub struct Inspector {
    now: Arc<Mutex<Option<Current>>>,
    poke: Arc<Notify>,
}

/// What is being looked into.
#[derive(Clone)]
struct Current {
    dataset: DatasetId,
    kind: Inspection,
    work: Arc<Work>,
}

#[derive(Default)]
struct Work {
    cancel: AtomicBool,
    done: AtomicU64,
    of: AtomicU64,
}

impl Inspector {
    /// Looks at once whether something waits.
    pub fn poke(&self) {
        self.poke.notify_one();
    }

    /// How far a running inspection is, in steps of the total; None where it does not run.
    pub fn progress(&self, dataset: &DatasetId, kind: Inspection) -> Option<(u64, u64)> {
        let now = self.lock();
        let current = now
            .as_ref()
            .filter(|c| c.dataset == *dataset && c.kind == kind)?;
        let Work { done, of, .. } = &*current.work;
        Some((done.load(Ordering::Relaxed), of.load(Ordering::Relaxed)))
    }

    /// Has an inspection end soon whose result nobody waits for any more; of all kinds where none is named.
    pub fn give_up(&self, dataset: &DatasetId, kind: Option<Inspection>) {
        if let Some(current) = &*self.lock()
            && current.dataset == *dataset
            && kind.is_none_or(|kind| kind == current.kind)
        {
            current.work.cancel.store(true, Ordering::Relaxed);
        }
    }

    /// Does what waits, until `shutdown` is true; what is then unfinished waits for the next start.
    pub async fn run(self, library: Library, store: Store, mut shutdown: watch::Receiver<bool>) {
        if let Err(error) = store.resume_inspections().await {
            tracing::error!("inspector: {error}");
        }
        while !*shutdown.borrow_and_update() {
            let idle = match store.start_inspection().await {
                Ok(Some(row)) => match self.inspect(&library, &store, row, &mut shutdown).await {
                    Ok(()) => false,
                    Err(error) => {
                        tracing::error!("inspector: {error}");
                        true
                    }
                },
                Ok(None) => true,
                Err(error) => {
                    tracing::error!("inspector: {error}");
                    true
                }
            };
            if idle {
                tokio::select! {
                    () = self.poke.notified() => {}
                    () = tokio::time::sleep(TICK) => {}
                    _ = shutdown.changed() => {}
                }
            }
        }
    }

    async fn inspect(
        &self,
        library: &Library,
        store: &Store,
        row: InspectionRow,
        shutdown: &mut watch::Receiver<bool>,
    ) -> StoreResult<()> {
        let dataset = match library.dataset(&row.dataset).await {
            Ok(dataset) => dataset,
            Err(error) => return store.inspection_done(row, Err(error.to_string())).await,
        };
        let work = Arc::new(Work::default());
        *self.lock() = Some(Current {
            dataset: row.dataset.clone(),
            kind: row.kind,
            work: work.clone(),
        });
        let (kind, of_thread) = (row.kind, work.clone());
        let folder = store.home().dataset(&row.dataset);
        let looking = async {
            if let Some(spec) = &row.spec {
                let fingerprint = &dataset.index.fingerprint;
                return rate_test::measured(&folder, fingerprint, spec, threads(), &work).await;
            }
            let thread = tokio::task::spawn_blocking(move || inspected(kind, &dataset, &of_thread));
            thread.await.unwrap_or_else(|_| {
                let message = "it broke off by a fault of Gapwatch's; its log says more";
                Err(message.to_owned())
            })
        };
        let result = tokio::select! {
            result = looking => result,
            // An error means that the sender is gone, which is the end too.
            _ = shutdown.wait_for(|ending| *ending) => {
                work.cancel.store(true, Ordering::Relaxed);
                return Ok(());
            }
        };
        *self.lock() = None;
        match result {
            Ok(Some(found)) => store.inspection_done(row, Ok(found)).await,
            // Whoever cancelled has noted it.
            Ok(None) => Ok(()),
            Err(message) => store.inspection_done(row, Err(message)).await,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn tell(&self, done: u64, of: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
    }
}

/// A quarter of the cores, so that training keeps the rest.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 4).max(1)
}

/// Runs on a blocking thread. None where cancelled.
fn inspected(
    kind: Inspection,
    dataset: &Dataset,
    work: &Work,
) -> Result<Option<Inspected>, String> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads())
        .thread_name(|n| format!("inspector-{n}"))
        .build()
        .map_err(|error| format!("its threads did not start: {error}"))?;
    let progress = |done, of| work.tell(done, of);
    let fingerprint = &dataset.index.fingerprint;
    let found = pool.install(|| match kind {
        Inspection::Audit => audit(dataset, SEED, &progress, &work.cancel)
            .map(|audit| document(&audit, &audit.findings, fingerprint)),
        Inspection::SimpleModels => simple_models(dataset, SEED, &progress, &work.cancel)
            .map(|models| document(&models, &models.findings, fingerprint)),
        // It has a spec always, and so goes another way.
        Inspection::RateTest => Ok(Err("no settings came with it: ask for it again".to_owned())),
    });
    match found {
        Ok(found) => found.map(Some),
        Err(AuditError::Cancelled) => Ok(None),
    }
}

fn document(
    found: &impl serde::Serialize,
    findings: &[Finding],
    fingerprint: &str,
) -> Result<Inspected, String> {
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count() as u32;
    Ok(Inspected {
        document: serde_json::to_string(found).map_err(|error| error.to_string())?,
        fingerprint: fingerprint.to_owned(),
        problems: count(Severity::Problem),
        warnings: count(Severity::Warning),
    })
}
