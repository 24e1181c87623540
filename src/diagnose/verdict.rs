//! The verdict on a run: a word, its reasons, what was found besides.

use super::Subject;
use super::answer::{Conclusion, Situation, answer};
use super::causes::{Suspect, causes};
use super::curve::onset;
use super::curves::Curves;
use super::examined::{Measured, diagnose_run};
use super::finding::{Finding, Found, counted, rank};
use super::gates::{Answer, Gates, duration};
use super::history::RecordedHistory;
use super::learning::not_learning;
use super::probes::{NextProbe, ProbeRecord};
use super::remedies::RemedyRecord;
use super::summary::{parting, summary};
use super::trend::{self, Parting};
use super::unstable::unstable;
use crate::run::{EpochRecord, RunStatus, Split};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Training is above chance and no gap is larger than noise.
    Healthy,
    /// The gap is real, and validation is above chance or its counts are unknown.
    Overfitting,
    /// The gap is real, and validation is no better than chance.
    Memorising,
    /// Training is above chance without a gap, and its loss still falls.
    Underfitting,
    /// Training itself is no better than chance.
    NotLearning,
    Diverged,
    /// Scoring contradicts itself: no other word can be trusted.
    BrokenEvaluation,
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
            Verdict::BrokenEvaluation => "broken-evaluation",
            Verdict::Undetermined => "undetermined",
        }
    }
}

/// The diagnosis document, as far as forward passes and counts carry it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    pub verdict: Verdict,
    /// What it comes to, and what to do next.
    pub answer: Conclusion,
    /// One or two sentences with the numbers.
    pub summary: String,
    /// True while there are too few images or the run still goes on.
    pub provisional: bool,
    /// First epoch from which the smoothed validation loss stays more than 5 % above its lowest value.
    pub onset_epoch: Option<u32>,
    pub best_epoch: Option<u32>,
    pub gates: Option<Gates>,
    pub undetermined: bool,
    /// What the findings speak for, the strongest first.
    pub causes: Vec<Suspect>,
    /// The worst first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What could not be looked at and why, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<String>,
    /// Trainings that were made to tell causes apart, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeRecord>,
    /// The probe that would tell most for its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_probe: Option<NextProbe>,
    /// Remedies that were tried, in the order in which they came up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedies_tried: Vec<RemedyRecord>,
    /// What the figures say of the gap, a sentence; empty where there are none.
    #[serde(skip)]
    pub(super) parting: String,
    #[serde(skip)]
    pub(super) is_early: bool,
}

impl Diagnosis {
    /// That no cause is probable enough, and the most useful next test.
    pub fn undecided(&self) -> Option<String> {
        let next = self.next_probe.as_ref().filter(|_| self.undetermined)?;
        Some(format!(
            "No cause is above 50 % yet. The most useful next test takes {}, about {}: {}",
            counted(next.trainings, "training"),
            duration(next.cost_s),
            next.question
        ))
    }

    /// Answers again: a document that has learnt more than its run's own figures has another answer.
    #[must_use]
    pub fn answered(mut self, situation: &Situation) -> Diagnosis {
        self.answer = answer(&self, situation);
        self
    }

    /// True while too little was learnt for a verdict: the run goes on, training is not fitted, and validation loss has not turned.
    pub fn is_early(&self) -> bool {
        self.is_early
    }
}

/// What a verdict is given on: the epoch that the gates are asked of, the curves, and what is known of the data.
pub(super) struct Case<'a> {
    pub subject: Subject<'a>,
    pub curves: &'a Curves,
    /// Accuracies and counts at the end; never of the best epoch, which would be optimistic.
    pub last: Option<&'a EpochRecord>,
    pub gates: Option<Gates>,
    pub onset_epoch: Option<u32>,
}

impl Case<'_> {
    /// True while a gap may still close by itself: the run goes on, its training images are not fitted yet, and the validation
    /// loss has not turned. Then only the figures are said.
    pub fn is_early(&self) -> bool {
        let fitted = self.gates.as_ref().map(|gates| gates.fitted.answer);
        !self.subject.status.is_over() && fitted != Some(Answer::Yes) && self.onset_epoch.is_none()
    }
}

/// Judges a run by its last epoch: a figure chosen among many epochs would be optimistic. Of nothing but its figures.
pub fn diagnose(subject: &Subject) -> Diagnosis {
    diagnose_run(subject, &[], &Measured::default())
}

/// Judges a history that something else wrote. `found` is what its predictions showed: a problem of the evaluation there
/// makes the verdict [`Verdict::BrokenEvaluation`].
pub fn diagnose_history(
    history: &RecordedHistory,
    class_counts: &[(Split, Vec<u32>)],
    found: Found,
) -> Diagnosis {
    let last = history.last();
    let subject = Subject {
        epochs: &[],
        classes: history.classes,
        class_counts,
        status: history.status,
        best_epoch: history.best_epoch(),
    };
    let diagnosis = conclude(
        subject,
        &history.curves,
        history.images,
        last.as_ref(),
        found,
    );
    let situation = Situation {
        last: last.as_ref(),
        wants: Some(history.wants(class_counts.is_empty()).to_owned()),
        ..Situation::of(history.status)
    };
    diagnosis.answered(&situation)
}

/// The verdict on `found` and on what the curves show by themselves; `images` of each split, by [`Split::ALL`]'s order.
pub(super) fn conclude(
    subject: Subject,
    curves: &Curves,
    images: [Option<u32>; 3],
    last: Option<&EpochRecord>,
    found: Found,
) -> Diagnosis {
    let Found {
        mut findings,
        not_checked,
    } = found;
    findings.extend(unstable(curves, images));
    let gates = last.map(|last| Gates::of(&subject, last));
    let case = Case {
        onset_epoch: onset_epoch(curves),
        subject,
        curves,
        last,
        gates,
    };
    let verdict = if findings.iter().any(Finding::breaks_evaluation) {
        Verdict::BrokenEvaluation
    } else {
        verdict(&case)
    };
    if verdict == Verdict::NotLearning {
        findings.push(not_learning(&case));
    }
    rank(&mut findings);
    let few = case
        .gates
        .as_ref()
        .is_some_and(|g| g.enough_images.answer != Answer::Yes);
    let diagnosis = Diagnosis {
        verdict,
        answer: Conclusion::default(),
        summary: summary(&case, verdict, &findings),
        provisional: few || !subject.status.is_over(),
        onset_epoch: case.onset_epoch,
        best_epoch: subject.best_epoch,
        undetermined: verdict == Verdict::Undetermined,
        is_early: last.is_some() && case.is_early(),
        parting: parting(&case),
        gates: case.gates,
        causes: causes(&findings),
        findings,
        not_checked,
        probes: Vec::new(),
        next_probe: None,
        remedies_tried: Vec::new(),
    };
    diagnosis.answered(&Situation {
        last,
        ..Situation::of(subject.status)
    })
}

fn verdict(case: &Case) -> Verdict {
    let curves = case.curves;
    if case.subject.status == RunStatus::Diverged {
        return Verdict::Diverged;
    }
    let (Some(_), Some(gates)) = (case.last, &case.gates) else {
        return Verdict::Undetermined;
    };
    if curves.is_lost(Split::Train) || curves.is_lost(Split::Val) || trend::explodes(curves) {
        return Verdict::Diverged;
    }
    let learns = match gates.training_above_chance.answer {
        Answer::No => Some(false),
        Answer::Yes | Answer::Weak => Some(true),
        Answer::Unknown => trend::learns(curves, case.subject.classes),
    };
    if learns == Some(false) {
        return Verdict::NotLearning;
    }
    let parts = match gates.gap.answer {
        Answer::Yes => Some(true),
        Answer::No | Answer::Weak => Some(false),
        Answer::Unknown => trend::parting(curves).map(|parting| parting != Parting::Together),
    };
    match parts {
        _ if case.is_early() => Verdict::Undetermined,
        Some(true) if gates.above_chance.answer == Answer::No => Verdict::Memorising,
        Some(true) => Verdict::Overfitting,
        None => Verdict::Undetermined,
        Some(false) if learns.is_none() => Verdict::Undetermined,
        Some(false)
            if gates.fitted.answer != Answer::Yes
                && trend::still_falls(&curves.losses(Split::Train).1) =>
        {
            Verdict::Underfitting
        }
        Some(false) => Verdict::Healthy,
    }
}

fn onset_epoch(curves: &Curves) -> Option<u32> {
    let (epochs, losses) = curves.losses(Split::Val);
    onset(&losses).map(|at| epochs[at])
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
        assert!(
            d.summary.contains("no better than guessing"),
            "{}",
            d.summary
        );

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
