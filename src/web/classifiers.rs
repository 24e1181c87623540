//! Classifying single images for those who ask: one request at a time, with the network of the last one kept.

use super::HttpError;
use crate::data::{Limits, thumbnail};
use crate::train::{Classified, Classifier};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rayon::ThreadPoolBuilder;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::TempPath;
use tokio::sync::Semaphore;

/// Bytes of one image file.
pub const MOST_IMAGE_BYTES: u64 = 16 << 20;
/// A photograph has 12 to 25 million pixels; their bytes are in this process' memory, one image at a time.
const LIMITS: Limits = Limits {
    file_bytes: MOST_IMAGE_BYTES,
    pixels: 25_000_000,
    ..Limits::DEFAULT
};
/// Larger checkpoints, and networks whose layers make more of one image, are left to `gapwatch predict`.
const MOST_CHECKPOINT_BYTES: u64 = 1 << 30;
const MOST_ACTIVATION_BYTES: u64 = 256 << 20;
/// Kernels' threads: training has the machine first.
const THREADS: usize = 2;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pixels of a small picture's longer side.
const SIDE: u32 = 128;

/// An image file that somebody sent.
pub struct Sent {
    /// As its sender calls it.
    pub name: String,
    /// Or why it was not taken.
    pub file: Result<TempPath, String>,
}

/// What became of an image.
pub struct Answer {
    pub name: String,
    /// With a small picture of it as a data URI; or what is wrong with the file.
    pub classified: Result<(Classified, String), String>,
}

/// The answers of a checkpoint.
pub struct Answers {
    pub epoch: u32,
    pub classes: Vec<String>,
    pub images: Vec<Answer>,
}

/// The one who classifies. Copies share it.
#[derive(Clone)]
pub struct Classifiers {
    turn: Arc<Semaphore>,
    last: Arc<Mutex<Option<Kept>>>,
}

/// A network with the file that it was read from.
struct Kept {
    path: PathBuf,
    /// Another file under the same name is another network.
    written: Written,
    classifier: Arc<Classifier>,
}

/// When a file was written, and its bytes.
type Written = (Option<SystemTime>, u64);

impl Default for Classifiers {
    fn default() -> Self {
        Classifiers {
            turn: Arc::new(Semaphore::new(1)),
            last: Arc::default(),
        }
    }
}

impl Classifiers {
    /// What the network in a checkpoint makes of each image, in their order.
    pub async fn classify(
        &self,
        checkpoint: PathBuf,
        images: Vec<Sent>,
    ) -> Result<Answers, HttpError> {
        let turn = tokio::time::timeout(PATIENCE, self.turn.clone().acquire_owned())
            .await
            .map_err(|_| {
                HttpError::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "others are classifying images: try again in a moment",
                )
            })?
            .map_err(HttpError::internal)?;
        let classifiers = self.clone();
        tokio::task::spawn_blocking(move || {
            // Kept to the end of the work, also where nobody waits for it any more.
            let _turn = turn;
            let classifier = classifiers.open(&checkpoint)?;
            let pool = ThreadPoolBuilder::new()
                .num_threads(THREADS)
                .build()
                .map_err(HttpError::internal)?;
            Ok(pool.install(|| Answers {
                epoch: classifier.epoch,
                classes: classifier.classes.clone(),
                images: images
                    .into_iter()
                    .map(|sent| answer(&classifier, sent))
                    .collect(),
            }))
        })
        .await
        .map_err(HttpError::internal)?
    }

    fn open(&self, path: &Path) -> Result<Arc<Classifier>, HttpError> {
        let facts = std::fs::metadata(path).map_err(|_| {
            HttpError::not_found("the checkpoint is not there: it comes with the first epoch")
        })?;
        let written = (facts.modified().ok(), facts.len());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(kept) if kept.path == path && kept.written == written => {
                return Ok(kept.classifier.clone());
            }
            // Its memory goes before that of the next one is taken.
            _ => *last = None,
        }
        let refused = |reason: String| HttpError::new(StatusCode::UNPROCESSABLE_ENTITY, reason);
        let elsewhere = "classify with it by gapwatch predict";
        if facts.len() > MOST_CHECKPOINT_BYTES {
            return Err(refused(format!(
                "the checkpoint has more than {} MB: {elsewhere}",
                MOST_CHECKPOINT_BYTES >> 20
            )));
        }
        let classifier = Classifier::open(path)
            .map_err(|error| refused(format!("the checkpoint cannot be used: {}", error.reason)))?;
        if classifier.bytes_an_image() > MOST_ACTIVATION_BYTES {
            return Err(refused(format!(
                "the network makes more than {} MB of one image: {elsewhere}",
                MOST_ACTIVATION_BYTES >> 20
            )));
        }
        let classifier = Arc::new(classifier);
        *last = Some(Kept {
            path: path.to_owned(),
            written,
            classifier: classifier.clone(),
        });
        Ok(classifier)
    }
}

fn answer(classifier: &Classifier, Sent { name, file }: Sent) -> Answer {
    let classified = file.and_then(|file| {
        // Where the file lies for this moment is nothing to tell.
        let reason = |error: crate::data::DataError| {
            let text = error.to_string();
            let place = format!("{}: ", file.display());
            text.strip_prefix(&place).unwrap_or(&text).to_owned()
        };
        let pixels = classifier.prepare(&file, &LIMITS).map_err(reason)?;
        let classified = classifier
            .classify(pixels, 1)
            .map_err(|error| format!("the network could not be used: {error}"))?;
        let first = classified.into_iter().next();
        let classified = first.ok_or_else(|| "the network gave no answer".to_owned())?;
        let png = thumbnail(&file, SIDE).map_err(reason)?;
        let picture = format!("data:image/png;base64,{}", STANDARD.encode(png));
        Ok((classified, picture))
    });
    Answer { name, classified }
}
