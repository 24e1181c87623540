//! What is known of a run when its causes are weighed: the verdict, how good it is, who speaks for which cause and how loudly, the
//! probes' answers.

use super::Probe;
use super::finding::causes_of;
use crate::diagnose::finding::{Cause, Finding, Severity};
use crate::diagnose::{Answer, Gates, Verdict};
use serde::{Deserialize, Serialize};

/// Signs of a run's causes; what probabilities are computed from and fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signs {
    pub verdict: Verdict,
    /// Validation accuracy above guessing, as a share of all that is above guessing, 0 to 1; none where it is not known.
    pub lift: Option<f64>,
    /// Training less validation accuracy, 0 to 1.
    pub gap: Option<f64>,
    /// Without those that only repeat a probe's answer.
    pub findings: Vec<Sign>,
    /// In the order in which they were made.
    pub answers: Vec<Answered>,
}

/// What a probe answered, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub probe: Probe,
    pub answer: Answer,
    pub measured: Measured,
}

/// Two numbers of a probe, each between -1 and 1: with them an answer that is only just yes tells less than a clear one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What the probe changes or finds: a difference of accuracies, a share of the images, the accuracy on shuffled labels.
    pub effect: f64,
    /// How good its networks are in validation, as a share of all that is above guessing there; of suspects, their share of the
    /// mistakes. Zero where training alone is looked at.
    pub level: f64,
}

/// A finding that speaks for a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sign {
    pub id: String,
    pub cause: Cause,
    pub severity: Severity,
}

impl Signs {
    pub(super) fn of<'a>(
        verdict: Verdict,
        gates: Option<&Gates>,
        findings: impl IntoIterator<Item = &'a Finding>,
        answers: impl IntoIterator<Item = Answered>,
    ) -> Signs {
        let sign = |finding: &Finding| {
            Some(Sign {
                id: finding.id.to_owned(),
                cause: finding.cause?,
                severity: finding.severity,
            })
        };
        let validation = gates.map(|gates| &gates.above_chance);
        let accuracy = validation.and_then(|gate| gate.value);
        let chance = validation.and_then(|gate| gate.threshold);
        let training = gates.and_then(|gates| gates.training_above_chance.value);
        let above = |accuracy: f64, chance: f64| (accuracy - chance) / (1.0 - chance).max(1e-3);
        Signs {
            verdict,
            lift: accuracy
                .zip(chance)
                .map(|(a, c)| above(a, c).clamp(0.0, 1.0)),
            gap: training.zip(accuracy).map(|(t, v)| (t - v).clamp(0.0, 1.0)),
            findings: apart(findings.into_iter().filter_map(sign).collect()),
            answers: answers.into_iter().collect(),
        }
    }
}

impl Signs {
    /// True where a finding speaks for a cause, or a probe that was answered yes.
    pub fn speak_for(&self, cause: Cause) -> bool {
        let answered = |of: &Answered| {
            of.answer == Answer::Yes && causes_of(of.probe, self.verdict).contains(&cause)
        };
        self.findings.iter().any(|sign| sign.cause == cause) || self.answers.iter().any(answered)
    }
}

/// Without what another sign explains: classes that are rare in training and not in validation are the split's doing.
fn apart(mut signs: Vec<Sign>) -> Vec<Sign> {
    let split =
        |sign: &Sign| sign.cause == Cause::OrderedSplit && sign.severity == Severity::Problem;
    if signs.iter().any(split) {
        signs.retain(|sign| sign.cause != Cause::ClassImbalance);
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Subject;
    use crate::run::{EpochRecord, RunStatus, SplitMetrics};

    #[test]
    fn rare_classes_are_no_imbalance_where_the_split_made_them() {
        let finding = |id: &'static str, cause, severity| {
            let mut finding = Finding::new(id, severity, "");
            finding.cause = Some(cause);
            finding
        };
        let rare = finding("rare", Cause::ClassImbalance, Severity::Warning);
        let causes = |severity| {
            let mixed = finding("mixed", Cause::OrderedSplit, severity);
            let signs = Signs::of(Verdict::Overfitting, None, [&rare, &mixed], []);
            let causes = signs.findings.into_iter().map(|sign| sign.cause);
            causes.collect::<Vec<Cause>>()
        };
        assert_eq!(causes(Severity::Problem), [Cause::OrderedSplit]);
        assert_eq!(
            causes(Severity::Warning),
            [Cause::ClassImbalance, Cause::OrderedSplit]
        );
    }

    #[test]
    fn findings_and_answers_of_yes_speak_for_causes() {
        let finding = |cause| {
            let mut finding = Finding::new("x", Severity::Note, "");
            finding.cause = Some(cause);
            finding
        };
        let copies = [finding(Cause::Leakage)];
        let answers = |of: Answer| {
            [(Probe::Baseline, of), (Probe::LabelSuspects, Answer::Weak)].map(|(probe, answer)| {
                Answered {
                    probe,
                    answer,
                    measured: Measured::default(),
                }
            })
        };
        let signs = |verdict, of| Signs::of(verdict, None, &copies, answers(of));
        let overfitting = signs(Verdict::Overfitting, Answer::Yes);
        assert!(overfitting.speak_for(Cause::Leakage));
        assert!(overfitting.speak_for(Cause::WeakerThanBaseline));
        for cause in [Cause::Memorisation, Cause::LabelNoise] {
            assert!(!overfitting.speak_for(cause), "{cause:?}");
        }
        // A network whose validation is guessing, and that a small one beats, has learnt by heart.
        let memorising = signs(Verdict::Memorising, Answer::Yes);
        assert!(memorising.speak_for(Cause::Memorisation));
        assert!(!memorising.speak_for(Cause::WeakerThanBaseline));
        let beats_nothing = signs(Verdict::Memorising, Answer::No);
        assert!(!beats_nothing.speak_for(Cause::Memorisation));
    }

    #[test]
    fn lift_and_gap_are_those_of_the_gates() {
        let metrics = |correct, n| SplitMetrics::new(1.0, correct, n);
        let last = EpochRecord {
            epoch: 1,
            lr: 0.1,
            seconds: 1.0,
            train: Some(metrics(95, 100)),
            val: Some(metrics(40, 100)),
            test: None,
            running: None,
        };
        let subject = Subject {
            epochs: &[],
            classes: 5,
            class_counts: &[],
            status: RunStatus::Finished,
            best_epoch: None,
        };
        let gates = Gates::of(&subject, &last);
        let signs = Signs::of(Verdict::Overfitting, Some(&gates), [], []);
        assert!((signs.lift.unwrap() - 0.25).abs() < 1e-12);
        assert!((signs.gap.unwrap() - 0.55).abs() < 1e-12);
        let nothing = Signs::of(Verdict::Undetermined, None, [], []);
        assert_eq!((nothing.lift, nothing.gap), (None, None));
    }
}
