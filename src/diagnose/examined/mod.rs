//! What a run's own forward passes and stored predictions show.

mod batch_norm;
mod parameters;
mod preparation;
mod repetition;

use super::curves::Curves;
use super::finding::Found;
use super::predictions::{Predictions, Told};
use super::statistics::mcnemar_exact;
use super::verdict::conclude;
use super::{Diagnosis, SEED, Subject};
use crate::run::{Confusion, EpochRecord, Examination, ImageResults, Pass, Split, Statistics};

/// What is kept of a run beside its epochs' figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Of the last epoch.
    pub confusion: Vec<(Split, Confusion)>,
    /// Of the last epoch.
    pub images: Vec<(Split, ImageResults)>,
    pub examination: Option<Examination>,
}

/// Judges a run by its last epoch and by what else is kept of it; `classes` are its classes' names, as far as they are known.
pub fn diagnose_run(subject: &Subject, classes: &[String], measured: &Measured) -> Diagnosis {
    let curves = Curves::of(subject.epochs);
    let last = subject.epochs.last();
    let mut found = Found::default();
    if let Some(last) = last {
        match measured.predictions(classes, last.epoch) {
            Ok(predictions) => {
                let told = Told {
                    curves: &curves,
                    best_epoch: None,
                    images: Split::ALL.map(|split| last.split(split).map(|m| m.n)),
                };
                found.extend(predictions.check(told, SEED));
            }
            Err(reason) => found.not_checked.push(reason),
        }
        found.findings.extend(repetition::of_counts(measured));
        match &measured.examination {
            Some(examination) => found.extend(of_passes(examination, measured, last.epoch)),
            None => found.not_checked.push(
                if subject.status.is_over() {
                    "Batch norm, scoring twice, the numbers that enter the network and its gradients: the forward passes that \
                     look at them are made when a run ends with its weights, and this one has none."
                } else {
                    "Batch norm, scoring twice, the numbers that enter the network and its gradients: they are looked at when \
                     the run ends."
                }
                .to_owned(),
            ),
        }
    }
    conclude(*subject, &curves, images(subject.epochs), last, found)
}

/// Images of each split, where every epoch was measured on as many.
fn images(epochs: &[EpochRecord]) -> [Option<u32>; 3] {
    Split::ALL.map(|split| {
        let mut all = epochs.iter().filter_map(|e| e.split(split)).map(|m| m.n);
        let first = all.next()?;
        all.all(|n| n == first).then_some(first)
    })
}

fn of_passes(examination: &Examination, measured: &Measured, last: u32) -> Found {
    let mut found = Found::default();
    if examination.epoch != last {
        found.not_checked.push(format!(
            "The forward passes are of epoch {}, the figures of epoch {last}.",
            examination.epoch
        ));
    } else {
        found
            .findings
            .extend(repetition::of_scoring(examination, measured));
    }
    found.extend(batch_norm::look(examination));
    found.extend(preparation::look(examination));
    found.extend(repetition::look(examination));
    found.extend(parameters::look(examination));
    found
}

impl Measured {
    /// The predictions of the last epoch: its confusion matrices, or the examination's pass in evaluation mode.
    fn predictions(&self, classes: &[String], epoch: u32) -> Result<Predictions, String> {
        if !self.confusion.is_empty() {
            return Predictions::of_confusion(classes, &self.confusion);
        }
        let examined = self.examination.as_ref().filter(|e| e.epoch == epoch);
        let counted: Vec<(Split, Confusion)> = examined
            .iter()
            .flat_map(|e| [Split::Val, Split::Test].map(|split| (e, split)))
            .filter_map(|(examination, split)| {
                let pass = examination.pass(split, Statistics::Running, false)?;
                let labels = examination.labels(split)?;
                let pairs = labels.iter().copied().zip(pass.prediction.iter().copied());
                Some((split, Confusion::count(pairs)))
            })
            .collect();
        if counted.is_empty() {
            return Err(
                "Permuted labels, collapse and the count of right answers: no confusion matrix and no predictions were reported."
                    .to_owned(),
            );
        }
        Predictions::of_confusion(classes, &counted)
    }
}

/// The images that one of two passes gets right and the other does not.
struct Paired {
    /// Right in the second pass only, and in the first only.
    gained: u32,
    lost: u32,
    /// McNemar's.
    p: f64,
}

impl Paired {
    /// None where images are not known one by one.
    fn of(examination: &Examination, first: &Pass, second: &Pass) -> Option<Paired> {
        let labels = examination.labels(first.split)?;
        let n = labels.len();
        if n == 0 || first.prediction.len() != n || second.prediction.len() != n {
            return None;
        }
        let (mut gained, mut lost) = (0, 0);
        for ((label, one), other) in labels.iter().zip(&first.prediction).zip(&second.prediction) {
            gained += u32::from(one != label && other == label);
            lost += u32::from(one == label && other != label);
        }
        Some(Paired {
            gained,
            lost,
            p: mcnemar_exact(gained, lost),
        })
    }

    /// The images of several splits as those of one.
    fn together<'a>(pairs: impl Iterator<Item = &'a Paired>) -> Paired {
        let (gained, lost) = pairs.fold((0, 0), |(gained, lost), paired| {
            (gained + paired.gained, lost + paired.lost)
        });
        Paired {
            gained,
            lost,
            p: mcnemar_exact(gained, lost),
        }
    }

    /// True where the second pass is better with less than this probability of chance.
    fn gains(&self, p: f64) -> bool {
        self.gained > self.lost && self.p < p
    }
}
