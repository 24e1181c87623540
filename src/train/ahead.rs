//! Training batches whose images a thread changes ahead of the step that wants them.

use super::TrainError;
use super::input::{Batches, Pass};
use crate::augment::{Augmenter, Batch, Looks};
use crate::data::{DataError, ReadAhead};
use crate::nn::{Mixed, Refill, Targets};
use crate::run::RunSpec;
use candle_core::Tensor;
use rayon::ThreadPool;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// One way through the training images: as they are, or changed.
pub(super) enum TrainingPass {
    AsTheyAre(Pass),
    Changed(Ahead),
}

impl TrainingPass {
    /// These batches of image numbers, in an epoch of a run.
    pub fn new(
        batches: &Batches,
        order: Vec<Vec<usize>>,
        spec: &RunSpec,
        epoch: u32,
    ) -> Result<TrainingPass, TrainError> {
        let RunSpec {
            augment,
            input,
            train,
            ..
        } = spec;
        if augment.is_off() {
            return Ok(TrainingPass::AsTheyAre(batches.in_order(order)));
        }
        let normalization = batches.normalization().clone();
        let augmenter = Augmenter::new(augment, input, normalization, train.seed);
        Ahead::start(batches.clone(), order, augmenter, epoch).map(TrainingPass::Changed)
    }

    /// The next batch's images (N, C, H, W), whose memory a later batch takes over, and their classes.
    pub fn next_batch(&mut self) -> Result<Option<(&Tensor, Targets)>, TrainError> {
        match self {
            TrainingPass::AsTheyAre(pass) => {
                let batch = pass.next_batch()?;
                Ok(batch.map(|(images, labels)| {
                    (
                        images,
                        Targets {
                            labels,
                            mixed: None,
                        },
                    )
                }))
            }
            TrainingPass::Changed(ahead) => ahead.next_batch(),
        }
    }
}

/// One way through the training images, each changed as its epoch and number say.
///
/// While a step works on one batch, the next is being made: there are two at a time, whose memory those after them take
/// over.
pub(super) struct Ahead {
    /// None once the thread has been told to end.
    batches: Option<Receiver<Result<Ready, TrainError>>>,
    thread: Option<JoinHandle<()>>,
    /// Batches that are still to come.
    left: usize,
    images: Option<Tensor>,
}

/// A batch that a step can take: images and their classes.
type Ready = (Tensor, Targets);

impl Ahead {
    /// Begins with the first of these batches of image numbers, with as many threads as the caller's pool has.
    fn start(
        batches: Batches,
        order: Vec<Vec<usize>>,
        augmenter: Augmenter,
        epoch: u32,
    ) -> Result<Ahead, TrainError> {
        // The kernels' own pool would make a step wait for the next batch.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(rayon::current_num_threads())
            .thread_name(|i| format!("augment-{i}"))
            .build()?;
        let left = order.len();
        let looks = Looks::new(epoch, batches.len());
        let mut maker = Maker {
            read: batches.images().read_ahead(&order),
            batches,
            augmenter,
            looks,
            pool,
            memory: Default::default(),
        };
        // A batch is handed over when it is asked for; whoever asks has done with the one before.
        let (sender, receiver) = sync_channel(0);
        let thread = thread::spawn(move || {
            for which in order {
                let made = maker.make(&which);
                let failed = made.is_err();
                if sender.send(made).is_err() || failed {
                    return;
                }
            }
        });
        Ok(Ahead {
            batches: Some(receiver),
            thread: Some(thread),
            left,
            images: None,
        })
    }

    fn next_batch(&mut self) -> Result<Option<(&Tensor, Targets)>, TrainError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let made = self
            .batches
            .as_ref()
            .and_then(|batches| batches.recv().ok());
        let made = made.unwrap_or_else(|| {
            let reason = "the thread that changes the training images has ended early";
            Err(DataError::Refused(reason.to_owned()).into())
        });
        let (images, labels) = made?;
        Ok(Some((self.images.insert(images), labels)))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // A thread that waits to hand a batch over wakes up when there is nobody to take it.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to give but a panic, and that has been told by `next_batch`.
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Maker {
    batches: Batches,
    read: ReadAhead,
    augmenter: Augmenter,
    looks: Looks,
    pool: ThreadPool,
    /// One for the batch in the making, one for that of the step.
    memory: [Refill; 2],
}

impl Maker {
    fn make(&mut self, which: &[usize]) -> Result<Ready, TrainError> {
        let images = self.batches.images();
        let batch = Batch {
            steps: &self.looks.next(which),
            places: which,
            images,
            read: &self.read.next_batch()?,
        };
        let (augmenter, pool) = (&mut self.augmenter, &self.pool);
        let mut shares = None;
        self.memory.swap(0, 1);
        let tensor = self.memory[0].with(self.batches.shape_of(which.len()), |numbers| {
            shares = pool.install(|| augmenter.batch(&batch, numbers));
        })?;
        let label = |i: usize| images.labels()[which[i]];
        let n = which.len();
        let targets = Targets {
            labels: (0..n).map(label).collect(),
            mixed: shares.map(|shares| Mixed {
                labels: (0..n).map(|i| label(Augmenter::partner(i, n))).collect(),
                shares,
            }),
        };
        Ok((tensor.clone(), targets))
    }
}
