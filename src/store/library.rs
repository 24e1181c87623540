//! The datasets' folders: imports in the background, and opening what was imported.

use super::dataset::DataFacts;
use super::run::remove_folder;
use super::staging::Staging;
use super::{DatasetState, Store, StoreError, StoreResult};
use crate::data::{DataError, Dataset, Intake, OnProgress, demonstrations};
use crate::run::DatasetId;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How often an import's progress is written down.
const PROGRESS_EVERY: Duration = Duration::from_millis(400);
/// Indices that are kept in memory.
const KEPT_OPEN: usize = 8;

type Opened = Vec<(DatasetId, Arc<Dataset>)>;

/// Imports datasets and opens them. Copies share it.
#[derive(Clone)]
pub struct Library {
    pub(super) store: Store,
    /// Imports decode images on every core: one at a time.
    pub(super) turn: Arc<Semaphore>,
    /// Uploads that wait to be taken.
    pub(super) staging: Staging,
    /// The last ones opened, the newest last.
    open: Arc<Mutex<Opened>>,
}

impl Library {
    pub fn new(store: Store) -> Library {
        Library {
            store,
            turn: Arc::new(Semaphore::new(1)),
            staging: Staging::default(),
            open: Arc::default(),
        }
    }

    /// Imports a folder or an archive in the background; the dataset is there at once, as importing.
    pub async fn import(&self, title: String, source: PathBuf) -> StoreResult<DatasetId> {
        let id = self.store.add_dataset(title).await?;
        self.fill(id.clone(), move |into, progress| {
            Dataset::import(&source, into, progress)
        });
        Ok(id)
    }

    /// As [`Library::import`], unless a dataset of this title is there that has not failed.
    pub async fn import_once(&self, title: String, source: PathBuf) -> StoreResult<DatasetId> {
        match self.store.find_dataset(&title).await {
            Ok(row) if row.state != DatasetState::Failed => Ok(row.id),
            Ok(_) | Err(StoreError::NotFound(_)) => self.import(title, source).await,
            Err(error) => Err(error),
        }
    }

    /// As [`Library::import`], for an uploaded archive, which is removed when it is done.
    pub async fn import_upload(
        &self,
        title: String,
        archive: tempfile::TempPath,
        intake: Intake,
    ) -> StoreResult<DatasetId> {
        let id = self.store.add_dataset(title).await?;
        self.fill(id.clone(), move |into, progress| {
            Dataset::import_with(&archive, into, &intake, progress)
        });
        Ok(id)
    }

    /// Makes the shipped demonstrations in the background, those that are not there.
    pub async fn demonstrate(&self) -> StoreResult<()> {
        for recipe in demonstrations() {
            let Ok(id) = recipe.id.parse::<DatasetId>() else {
                continue;
            };
            let title = recipe.title.clone();
            if self.store.claim_dataset(id.clone(), title).await? {
                self.fill(id, move |into, progress| recipe.generate(into, progress));
            }
        }
        Ok(())
    }

    /// A dataset that is ready, with its index.
    pub async fn dataset(&self, id: &DatasetId) -> StoreResult<Arc<Dataset>> {
        let row = self.store.dataset(id).await?;
        if row.state != DatasetState::Ready {
            return Err(StoreError::Conflict(format!(
                "the dataset '{id}' is {}",
                row.state.name()
            )));
        }
        let fingerprint = row.facts.map(|facts| facts.fingerprint);
        let kept = |open: &Opened| {
            open.iter()
                .find(|(of, set)| of == id && Some(&set.index.fingerprint) == fingerprint.as_ref())
                .map(|(_, set)| set.clone())
        };
        if let Some(dataset) = kept(&self.lock_open()) {
            return Ok(dataset);
        }
        let folder = self.store.home().dataset(id);
        let dataset = tokio::task::spawn_blocking(move || Dataset::reopen(&folder))
            .await
            .map_err(|_| StoreError::Closed)?
            .map_err(|error| StoreError::Conflict(error.to_string()))?;
        let dataset = Arc::new(dataset);
        let mut open = self.lock_open();
        open.retain(|(of, _)| of != id);
        open.push((id.clone(), dataset.clone()));
        if open.len() > KEPT_OPEN {
            open.remove(0);
        }
        Ok(dataset)
    }

    /// Fills a dataset's folder in the background and notes how that went.
    pub(super) fn fill(
        &self,
        id: DatasetId,
        import: impl FnOnce(&Path, OnProgress) -> Result<Dataset, DataError> + Send + 'static,
    ) {
        let library = self.clone();
        tokio::spawn(async move {
            let Ok(_turn) = library.turn.acquire().await else {
                return;
            };
            let result = library.import_into(&id, import).await;
            if let Err(message) = &result {
                tracing::warn!("import of {id}: {message}");
                // What a failed import left behind is of no use.
                let _ = remove_folder(library.store.home().dataset(&id)).await;
            }
            if let Err(error) = library.store.import_done(id, result).await {
                tracing::error!("import: {error}");
            }
        });
    }

    async fn import_into(
        &self,
        id: &DatasetId,
        import: impl FnOnce(&Path, OnProgress) -> Result<Dataset, DataError> + Send + 'static,
    ) -> Result<DataFacts, String> {
        let folder = self.store.home().dataset(id);
        remove_folder(folder.clone())
            .await
            .map_err(|error| error.to_string())?;
        let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let told = counts.clone();
        let mut work = tokio::task::spawn_blocking(move || {
            let progress = |done, files| {
                told.0.store(done, Ordering::Relaxed);
                told.1.store(files, Ordering::Relaxed);
            };
            import(&folder, &progress).map(|dataset| DataFacts::of(&dataset.index))
        });
        loop {
            tokio::select! {
                done = &mut work => {
                    return match done {
                        Ok(result) => result.map_err(|error| error.to_string()),
                        Err(_) => Err("the import broke off by a fault of Gapwatch's; its log says more".to_owned()),
                    };
                }
                () = tokio::time::sleep(PROGRESS_EVERY) => {
                    let (done, files) = (&counts.0, &counts.1);
                    let noted = self
                        .store
                        .import_progress(id.clone(), done.load(Ordering::Relaxed), files.load(Ordering::Relaxed))
                        .await;
                    if let Err(error) = noted {
                        tracing::warn!("progress of {id}: {error}");
                    }
                }
            }
        }
    }

    fn lock_open(&self) -> MutexGuard<'_, Opened> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
