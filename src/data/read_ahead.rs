//! Images that do not fit into memory, read from disk by a thread ahead of the step that wants them.

use super::prepare::{Pixels, Shape};
use super::{DataError, Entry, Limits, decode};
use rayon::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// The image files of one split and the shape they are wanted in.
pub(super) struct ImageFiles {
    /// The folder that the entries' paths lie below.
    pub root: PathBuf,
    pub entries: Vec<Entry>,
    pub shape: Shape,
}

impl ImageFiles {
    /// Decodes an image; one that is gone or has another size than the index says is refused by its path.
    pub fn read(&self, number: usize) -> Result<Pixels, DataError> {
        let entry = &self.entries[number];
        let path = self.root.join(&entry.path);
        let image = decode::read(&path, &Limits::DEFAULT).map_err(|reason| {
            DataError::Refused(format!(
                "{}: {reason}; it was readable when the dataset was taken in",
                entry.path
            ))
        })?;
        let found = (image.width, image.height, image.channels);
        if found != (entry.width, entry.height, entry.channels) {
            return DataError::refused(format!(
                "{} has changed since the dataset was taken in: take the dataset in again",
                entry.path
            ));
        }
        Ok(Pixels::keep(image, self.shape))
    }
}

/// Batches that wait for their step beside the one that is being read: memory for more would be spent for nothing.
const WAITING: usize = 1;

/// Images of a batch that are not in memory, in the batch's order.
pub struct FromDisk(pub(super) Vec<Pixels>);

/// A thread that reads the images of coming batches.
pub struct ReadAhead(Option<Reader>);

struct Reader {
    /// None once the thread has been told to end.
    batches: Option<Receiver<Result<FromDisk, DataError>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ReadAhead {
    /// For images that are all in memory: every batch is empty.
    pub(super) fn nothing() -> ReadAhead {
        ReadAhead(None)
    }

    /// Reads the images of each batch by their numbers, with as many threads as the caller's pool has.
    pub(super) fn start(files: Arc<ImageFiles>, batches: Vec<Vec<usize>>) -> ReadAhead {
        let (sender, receiver) = sync_channel(WAITING);
        let ended = Arc::new(AtomicBool::new(false));
        let told = ended.clone();
        let threads = rayon::current_num_threads();
        let thread = thread::spawn(move || {
            // The kernels' own pool would make a step wait for the images of the next. Without another, one by one.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            for batch in batches {
                let read = |&number: &usize| {
                    if told.load(Ordering::Relaxed) {
                        return DataError::refused("no longer wanted");
                    }
                    files.read(number)
                };
                let pixels = match &pool {
                    Ok(pool) => {
                        pool.install(|| batch.par_iter().map(read).collect::<Result<_, _>>())
                    }
                    Err(_) => batch.iter().map(read).collect::<Result<_, _>>(),
                };
                let failed = pixels.is_err();
                if sender.send(pixels.map(FromDisk)).is_err() || failed {
                    return;
                }
            }
        });
        ReadAhead(Some(Reader {
            batches: Some(receiver),
            ended,
            thread: Some(thread),
        }))
    }

    /// The next batch's images that are not in memory, in the batch's order; waits until they are read.
    pub fn next_batch(&mut self) -> Result<FromDisk, DataError> {
        let Some(reader) = &self.0 else {
            return Ok(FromDisk(Vec::new()));
        };
        let batch = reader.batches.as_ref().and_then(|b| b.recv().ok());
        batch.unwrap_or_else(|| {
            DataError::refused("the thread that reads images from disk has ended early")
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // A thread that waits to hand a batch over wakes up when there is nobody to take it.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to give but a panic, and that has been told by `next_batch`.
            let _ = thread.join();
        }
    }
}
