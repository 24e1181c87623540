//! One training of an inquiry, in a temporary folder, with what a diagnosis reads of it.

use super::Attendant;
use crate::data::Dataset;
use crate::diagnose::Measured;
use crate::diagnose::probes::Training;
use crate::run::{
    BestEpoch, EpochRecord, EpochReport, Examination, Progress, RunSpec, RunStatus, Split,
};
use crate::train::{Job, Observer, Outcome, TrainError, Wish, train};
use std::time::Instant;

/// How a training of an inquiry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Over,
    Interrupted,
    OutOfTime,
}

/// Trains; what was reached is given back however it ended. `told`: the attendant hears of every epoch.
pub fn trial(
    dataset: &Dataset,
    spec: &RunSpec,
    threads: usize,
    deadline: Option<Instant>,
    attendant: &mut dyn Attendant,
    told: bool,
) -> Result<(End, (Training, Measured)), TrainError> {
    let started = Instant::now();
    let folder = tempfile::tempdir().map_err(|source| TrainError::Io {
        path: std::env::temp_dir(),
        source,
    })?;
    let mut listener = Listener {
        attendant,
        told: told.then_some(spec.train.epochs),
        deadline,
        end: End::Over,
        epochs: Vec::new(),
        measured: Measured::default(),
    };
    let job = Job {
        spec,
        dataset,
        folder: folder.path().to_owned(),
        threads,
    };
    let outcome = train(job, &mut listener)?;
    let Listener {
        end,
        epochs,
        measured,
        ..
    } = listener;
    let index = dataset.index.varied(&spec.variation)?;
    let of_validation = measured
        .images
        .iter()
        .find(|(split, _)| *split == Split::Val);
    let training = Training {
        spec: spec.clone(),
        status: match outcome {
            Outcome::Over { status, .. } => status,
            Outcome::Paused => RunStatus::Cancelled,
        },
        validation: of_validation
            .and_then(|(_, results)| Training::validated(&index, results))
            .unwrap_or_default(),
        epochs,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok((end, (training, measured)))
}

struct Listener<'a> {
    attendant: &'a mut dyn Attendant,
    /// The run's epochs, where each is told.
    told: Option<u32>,
    deadline: Option<Instant>,
    end: End,
    epochs: Vec<EpochRecord>,
    measured: Measured,
}

impl Observer for Listener<'_> {
    fn epoch(&mut self, report: &EpochReport) {
        if let Some(epochs) = self.told {
            self.attendant.epoch(&report.record, epochs);
        }
        self.epochs.push(report.record.clone());
        self.measured.confusion.clone_from(&report.confusion);
        self.measured.images.clone_from(&report.images);
    }

    fn best(&mut self, _best: &BestEpoch) {}

    fn progress(&mut self, progress: &Progress) {
        self.attendant.progress(progress);
    }

    fn log(&mut self, _message: &str) {}

    fn examined(&mut self, examination: &Examination) {
        self.measured.examination = Some(examination.clone());
    }

    fn checkpoint(&mut self, _name: &str) {}

    fn wish(&mut self) -> Wish {
        self.end = if self.attendant.is_interrupted() {
            End::Interrupted
        } else if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            End::OutOfTime
        } else {
            return Wish::Continue;
        };
        Wish::Cancel
    }
}
