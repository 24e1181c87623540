//! The verdict on a run, and the sentence a beginner understands.

use super::curve::{onset, still_falls};
use super::gates::{Answer, Gates, percent, points, share};
use super::{GL_THRESHOLD, Subject, generalisation_loss, smoothed, wilson};
use crate::run::{EpochRecord, RunStatus, Split};
use serde::Serialize;

/// A network that gets this share of its training images right, within noise, has nothing left to learn there.
const FITTED: f64 = 0.95;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Training is above chance and no gap is larger than noise.
    Healthy,
    /// The gap is real, and validation is above chance.
    Overfitting,
    /// The gap is real, and validation cannot be told from chance.
    Memorising,
    /// Training is above chance without a gap, and its loss still falls.
    Underfitting,
    /// Training itself cannot be told from chance.
    NotLearning,
    Diverged,
    /// The numbers do not decide.
    Undetermined,
}

impl Verdict {
    /// As in the diagnosis document: `not-learning`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Healthy => "healthy",
            Verdict::Overfitting => "overfitting",
            Verdict::Memorising => "memorising",
            Verdict::Underfitting => "underfitting",
            Verdict::NotLearning => "not-learning",
            Verdict::Diverged => "diverged",
            Verdict::Undetermined => "undetermined",
        }
    }
}

/// The diagnosis document, as far as forward passes and counts carry it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    pub verdict: Verdict,
    /// One or two sentences with the numbers.
    pub summary: String,
    /// True while there are too few images or the run still goes on.
    pub provisional: bool,
    /// First epoch from which the smoothed validation loss stays more than 5 % above its lowest value.
    pub onset_epoch: Option<u32>,
    pub best_epoch: Option<u32>,
    pub gates: Option<Gates>,
    pub undetermined: bool,
}

/// Judges a run by its last epoch: a figure chosen among many epochs would be optimistic.
pub fn diagnose(subject: &Subject) -> Diagnosis {
    let last = subject.epochs.last();
    let gates = last.map(|last| Gates::of(subject, last));
    let verdict = verdict(subject, gates.as_ref());
    let onset_epoch = onset_epoch(subject.epochs);
    let few = gates
        .as_ref()
        .is_some_and(|g| g.enough_images.answer != Answer::Yes);
    Diagnosis {
        verdict,
        summary: summary(subject, verdict, gates.as_ref(), onset_epoch),
        provisional: few || !subject.status.is_over(),
        onset_epoch,
        best_epoch: subject.best_epoch,
        undetermined: verdict == Verdict::Undetermined,
        gates,
    }
}

fn verdict(subject: &Subject, gates: Option<&Gates>) -> Verdict {
    let (Some(last), Some(gates)) = (subject.epochs.last(), gates) else {
        return if subject.status == RunStatus::Diverged {
            Verdict::Diverged
        } else {
            Verdict::Undetermined
        };
    };
    let lost = |split| last.split(split).is_some_and(|m| !m.loss.is_finite());
    if subject.status == RunStatus::Diverged || lost(Split::Train) || lost(Split::Val) {
        return Verdict::Diverged;
    }
    if gates.training_above_chance.answer == Answer::No {
        return Verdict::NotLearning;
    }
    match (gates.gap.answer, gates.above_chance.answer) {
        (Answer::Yes, Answer::No) => Verdict::Memorising,
        (Answer::Yes, _) => Verdict::Overfitting,
        (Answer::Unknown, _) => match losses(subject.epochs, Split::Val) {
            Some(val) if generalisation_loss(&smoothed(&val)).last() > Some(&GL_THRESHOLD) => {
                Verdict::Overfitting
            }
            _ => Verdict::Undetermined,
        },
        _ if gates.training_above_chance.answer == Answer::Unknown => Verdict::Undetermined,
        _ if has_room(last)
            && losses(subject.epochs, Split::Train).is_some_and(|l| still_falls(&l)) =>
        {
            Verdict::Underfitting
        }
        _ => Verdict::Healthy,
    }
}

/// True where training accuracy is below what a fitted network reaches, beyond its noise.
fn has_room(last: &EpochRecord) -> bool {
    last.train
        .as_ref()
        .is_some_and(|m| wilson(m.correct, m.n).high < FITTED)
}

/// A split's losses, if every epoch has a finite one.
fn losses(epochs: &[EpochRecord], split: Split) -> Option<Vec<f64>> {
    epochs
        .iter()
        .map(|e| e.split(split).map(|m| m.loss).filter(|l| l.is_finite()))
        .collect()
}

fn onset_epoch(epochs: &[EpochRecord]) -> Option<u32> {
    let val = losses(epochs, Split::Val)?;
    onset(&val).map(|at| epochs[at].epoch)
}

fn summary(
    subject: &Subject,
    verdict: Verdict,
    gates: Option<&Gates>,
    onset_epoch: Option<u32>,
) -> String {
    let (Some(last), Some(gates)) = (subject.epochs.last(), gates) else {
        return match subject.status {
            RunStatus::Queued => "The run waits for its turn.".to_owned(),
            RunStatus::Running => "The first epoch is not done yet.".to_owned(),
            RunStatus::Diverged => {
                "The loss stopped being a number in the first epoch: lower the learning rate."
                    .to_owned()
            }
            _ => "No epoch was finished, so there is nothing to judge.".to_owned(),
        };
    };
    let after = format!(
        "After epoch {}, {}",
        last.epoch,
        figures(last).unwrap_or_else(|| "the numbers are incomplete".to_owned())
    );
    let chance = subject
        .chance(Split::Val)
        .map_or(String::new(), |c| format!(" Guessing gets {}.", percent(c)));
    let says = match verdict {
        Verdict::Diverged => {
            "The loss is no longer a number: the run diverged. Lower the learning rate, or look at the inputs' scale."
                .to_owned()
        }
        Verdict::NotLearning => format!(
            "Training itself cannot be told from guessing, so this is not overfitting: the network does not learn.{chance}"
        ),
        Verdict::Memorising => format!(
            "{} And validation cannot be told from guessing: the network knows its training images by heart and nothing else.{chance}",
            gates.gap.statement
        ),
        Verdict::Overfitting if gates.gap.answer == Answer::Yes => format!(
            "{} Validation {}, but what was learnt carries over only in part.{chance}",
            gates.gap.statement,
            if gates.above_chance.answer == Answer::Weak {
                "is perhaps better than guessing"
            } else {
                "is better than guessing"
            }
        ),
        Verdict::Overfitting => "The validation loss has risen from its lowest value.".to_owned(),
        Verdict::Underfitting => {
            "No gap is larger than noise, and the training loss still falls: train longer, or raise the learning rate."
                .to_owned()
        }
        Verdict::Healthy => format!(
            "{} What was learnt carries over to new images.{chance}",
            gates.gap.statement
        ),
        Verdict::Undetermined => "These numbers do not decide whether the gap is real.".to_owned(),
    };
    let turned = match (verdict, onset_epoch) {
        (Verdict::Memorising | Verdict::Overfitting, Some(epoch)) => {
            format!(" Validation loss has been rising since epoch {epoch}.")
        }
        _ => String::new(),
    };
    format!("{after}. {says}{turned}")
}

/// "training gets 98.6 % (621 of 630) right, validation 18.9 % (17 of 90), test 20.0 % (18 of 90)"
fn figures(last: &EpochRecord) -> Option<String> {
    let parts: Vec<String> = Split::ALL
        .into_iter()
        .filter_map(|split| last.split(split).map(|m| (split, m)))
        .map(|(split, m)| {
            let gets = if split == Split::Train { " gets" } else { "" };
            let figure = if m.n > 0 {
                share(m)
            } else {
                format!("{} points", points(m.accuracy))
            };
            let right = if split == Split::Train { " right" } else { "" };
            format!("{}{gets} {figure}{right}", split.word())
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SplitMetrics;

    fn epoch(number: u32, train: (f64, u32), val: (f64, u32), test: (f64, u32)) -> EpochRecord {
        let of = |(loss, correct): (f64, u32), n: u32| {
            Some(SplitMetrics::new(loss * f64::from(n), correct, n))
        };
        EpochRecord {
            epoch: number,
            lr: 0.01,
            seconds: 1.0,
            train: of(train, 630),
            val: of(val, 90),
            test: of(test, 90),
            running: None,
        }
    }

    fn judge(epochs: &[EpochRecord], status: RunStatus) -> Diagnosis {
        diagnose(&Subject {
            epochs,
            classes: 9,
            class_counts: &[],
            status,
            best_epoch: None,
        })
    }

    #[test]
    fn the_questions_picture_is_memorising_or_overfitting_as_its_count_says() {
        let at_14 = [epoch(50, (0.05, 620), (4.0, 14), (4.1, 15))];
        let d = judge(&at_14, RunStatus::Finished);
        assert_eq!(d.verdict, Verdict::Memorising);
        assert!(d.provisional, "90 images are few");
        assert!(d.summary.contains("15.6 % (14 of 90)"), "{}", d.summary);
        assert!(d.summary.contains("by heart"), "{}", d.summary);

        let at_18 = [epoch(50, (0.05, 620), (4.0, 18), (4.1, 15))];
        assert_eq!(
            judge(&at_18, RunStatus::Finished).verdict,
            Verdict::Overfitting
        );
    }

    #[test]
    fn a_network_at_chance_in_training_is_not_learning() {
        let d = judge(
            &[epoch(9, (2.197, 75), (2.197, 10), (2.197, 10))],
            RunStatus::Running,
        );
        assert_eq!(d.verdict, Verdict::NotLearning);
        assert!(d.provisional);
    }

    #[test]
    fn a_small_gap_is_healthy_and_a_falling_loss_with_room_is_underfitting() {
        let fitted = [epoch(20, (0.01, 630), (0.1, 87), (0.1, 88))];
        assert_eq!(
            judge(&fitted, RunStatus::Finished).verdict,
            Verdict::Healthy
        );

        let falling: Vec<EpochRecord> = (1..=10)
            .map(|e| {
                let loss = 2.0 - 0.1 * f64::from(e);
                epoch(
                    e,
                    (loss, 100 + 25 * e),
                    (loss, 13 + 4 * e),
                    (loss, 14 + 4 * e),
                )
            })
            .collect();
        assert_eq!(
            judge(&falling, RunStatus::Finished).verdict,
            Verdict::Underfitting
        );
    }

    #[test]
    fn a_loss_that_is_no_number_is_diverged() {
        let d = judge(
            &[epoch(3, (f64::NAN, 70), (f64::NAN, 10), (1.0, 10))],
            RunStatus::Diverged,
        );
        assert_eq!(d.verdict, Verdict::Diverged);
        assert!(!serde_json::to_string(&d).unwrap().contains("NaN"));
    }

    #[test]
    fn nothing_and_half_of_the_numbers_are_undetermined() {
        let d = judge(&[], RunStatus::Queued);
        assert!(d.undetermined && d.gates.is_none());
        let mut only_train = epoch(3, (1.0, 300), (1.0, 30), (1.0, 30));
        only_train.val = None;
        only_train.test = None;
        assert_eq!(
            judge(&[only_train], RunStatus::Finished).verdict,
            Verdict::Undetermined
        );
    }

    #[test]
    fn an_imbalanced_split_raises_what_guessing_gets() {
        let epochs = [epoch(5, (0.1, 625), (1.0, 60), (1.0, 60))];
        let counts = [(Split::Val, vec![60, 4, 4, 4, 4, 4, 4, 3, 3])];
        let subject = Subject {
            epochs: &epochs,
            classes: 9,
            class_counts: &counts,
            status: RunStatus::Finished,
            best_epoch: None,
        };
        assert_eq!(diagnose(&subject).verdict, Verdict::Memorising);
    }
}
