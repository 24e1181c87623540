//! Uploads that are looked at before they are taken: in memory and in the folder of uploads, gone with the server.

use super::library::Library;
use super::{Moment, StoreError, StoreResult};
use crate::data::{Index, Intake, Staged};
use crate::run::DatasetId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempPath;

/// Uploads that wait at once, failed ones too: each may take gigabytes of the disk.
const MOST_WAITING: usize = 8;

/// What is being looked at or waits. Copies share it.
#[derive(Clone, Default)]
pub(super) struct Staging(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    last: u64,
    uploads: BTreeMap<u64, Entry>,
}

struct Entry {
    title: String,
    created: Moment,
    state: State,
}

enum State {
    /// Files done, of how many.
    Looking(Arc<(AtomicU64, AtomicU64)>),
    /// None once it is taken.
    Ready(Arc<Mutex<Option<Staged>>>),
    Failed(String),
}

/// An upload as it stands.
#[derive(Clone, Debug)]
pub struct Upload {
    pub id: u64,
    pub title: String,
    pub created: Moment,
    pub state: UploadState,
}

#[derive(Clone, Debug, PartialEq)]
pub enum UploadState {
    /// Files looked at so far, of `files`; 0 where they are not counted yet.
    Looking { done: u64, files: u64 },
    /// It waits to be taken or thrown away.
    Ready,
    /// Nothing of it is kept but the reason.
    Failed(String),
}

/// What an upload would be as a dataset.
#[derive(Debug)]
pub struct Preview {
    /// Or why these choices make none.
    pub index: Result<Index, String>,
    /// The columns that labels and groups can be chosen from.
    pub columns: Vec<String>,
    /// The top folders, each with its images and the split that its name means.
    pub folders: Vec<(String, usize, Option<crate::run::Split>)>,
}

impl Staging {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Library {
    /// Looks at an uploaded archive in the background; gives the upload's number.
    pub fn stage(&self, title: String, archive: TempPath) -> StoreResult<u64> {
        let progress = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let id = {
            let mut waiting = self.staging.lock();
            if waiting.uploads.len() >= MOST_WAITING {
                let failed = |entry: &Entry| matches!(entry.state, State::Failed(_));
                let oldest = waiting.uploads.iter().find(|(_, entry)| failed(entry));
                let Some(oldest) = oldest.map(|(id, _)| *id) else {
                    return Err(StoreError::Conflict(format!(
                        "{MOST_WAITING} uploads wait to be taken or thrown away: do that first"
                    )));
                };
                waiting.uploads.remove(&oldest);
            }
            waiting.last += 1;
            let id = waiting.last;
            waiting.uploads.insert(
                id,
                Entry {
                    title,
                    created: Moment::now(),
                    state: State::Looking(progress.clone()),
                },
            );
            id
        };
        self.store.feed().data_changed();
        let library = self.clone();
        tokio::spawn(async move {
            let Ok(_turn) = library.turn.acquire().await else {
                return;
            };
            let folder = library.store.home().uploads().join(format!("staged-{id}"));
            let looked = tokio::task::spawn_blocking(move || {
                let told = |done, files| {
                    progress.0.store(done, Ordering::Relaxed);
                    progress.1.store(files, Ordering::Relaxed);
                };
                let staged = Staged::look(&archive, &folder, &told);
                // The archive goes at once: it takes as much room again.
                drop(archive);
                staged
            })
            .await;
            let state = match looked {
                Ok(Ok(staged)) => State::Ready(Arc::new(Mutex::new(Some(staged)))),
                Ok(Err(error)) => State::Failed(error.to_string()),
                Err(_) => State::Failed(
                    "looking at it broke off by a fault of Gapwatch's; its log says more"
                        .to_owned(),
                ),
            };
            // Thrown away meanwhile: then it goes here, and its folder with it.
            if let Some(entry) = library.staging.lock().uploads.get_mut(&id) {
                entry.state = state;
            }
            library.store.feed().data_changed();
        });
        Ok(id)
    }

    /// Every upload that waits, the newest first.
    pub fn uploads(&self) -> Vec<Upload> {
        let waiting = self.staging.lock();
        waiting
            .uploads
            .iter()
            .rev()
            .map(|(id, entry)| entry.shown(*id))
            .collect()
    }

    pub fn upload(&self, id: u64) -> StoreResult<Upload> {
        let waiting = self.staging.lock();
        let entry = waiting.uploads.get(&id).ok_or_else(|| gone(id))?;
        Ok(entry.shown(id))
    }

    /// What an upload that is ready would be, by these choices.
    pub async fn preview(&self, id: u64, intake: Intake) -> StoreResult<Preview> {
        let staged = self.ready(id)?;
        tokio::task::spawn_blocking(move || {
            let staged = staged.lock().unwrap_or_else(PoisonError::into_inner);
            let staged = staged.as_ref().ok_or_else(|| gone(id))?;
            Ok(Preview {
                index: staged.preview(&intake).map_err(|error| error.to_string()),
                columns: staged.columns(),
                folders: staged.top_folders(),
            })
        })
        .await
        .map_err(|_| StoreError::Closed)?
    }

    /// Makes an upload a dataset by these choices; choices that make none leave it as it is.
    pub async fn take_upload(
        &self,
        id: u64,
        title: Option<String>,
        intake: Intake,
    ) -> StoreResult<DatasetId> {
        let title = title.unwrap_or(self.upload(id)?.title);
        let staged = self.ready(id)?;
        let wanted = intake.clone();
        let staged = tokio::task::spawn_blocking(move || {
            let mut staged = staged.lock().unwrap_or_else(PoisonError::into_inner);
            let found = staged.as_ref().ok_or_else(|| gone(id))?;
            found
                .preview(&wanted)
                .map_err(|error| StoreError::Invalid(error.to_string()))?;
            staged.take().ok_or_else(|| gone(id))
        })
        .await
        .map_err(|_| StoreError::Closed)??;
        self.staging.lock().uploads.remove(&id);
        let dataset = self.store.add_dataset(title).await?;
        self.fill(dataset.clone(), move |into, _| staged.take(into, &intake));
        Ok(dataset)
    }

    /// Forgets an upload and removes what was unpacked of it.
    pub async fn throw_away(&self, id: u64) -> StoreResult<()> {
        let entry = self.staging.lock().uploads.remove(&id);
        let entry = entry.ok_or_else(|| gone(id))?;
        // Many files may have to go.
        tokio::task::spawn_blocking(move || drop(entry))
            .await
            .map_err(|_| StoreError::Closed)?;
        self.store.feed().data_changed();
        Ok(())
    }

    fn ready(&self, id: u64) -> StoreResult<Arc<Mutex<Option<Staged>>>> {
        let waiting = self.staging.lock();
        match &waiting.uploads.get(&id).ok_or_else(|| gone(id))?.state {
            State::Ready(staged) => Ok(staged.clone()),
            State::Looking(_) => Err(StoreError::Conflict(format!(
                "upload {id} is still being looked at: wait until that is done"
            ))),
            State::Failed(reason) => Err(StoreError::Conflict(reason.clone())),
        }
    }
}

impl Entry {
    fn shown(&self, id: u64) -> Upload {
        Upload {
            id,
            title: self.title.clone(),
            created: self.created,
            state: match &self.state {
                State::Looking(counts) => UploadState::Looking {
                    done: counts.0.load(Ordering::Relaxed),
                    files: counts.1.load(Ordering::Relaxed),
                },
                State::Ready(_) => UploadState::Ready,
                State::Failed(reason) => UploadState::Failed(reason.clone()),
            },
        }
    }
}

fn gone(id: u64) -> StoreError {
    StoreError::NotFound(format!(
        "there is no upload {id}: it was taken or thrown away, or the server was started anew; upload it again"
    ))
}
