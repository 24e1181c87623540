//! Signs as numbers, as one cause sees them.

use super::Probe;
use super::signs::Signs;
use crate::diagnose::finding::{Cause, Severity};
use crate::diagnose::{Answer, Verdict};
use std::ops::RangeInclusive;

/// Numbers of a cause's signs.
pub const FEATURES: usize = HEALTHY + VERDICTS.len() + 5 * Probe::ALL.len();

/// Where findings stand, those of the cause itself, and the verdict that nothing is wrong.
pub const FINDINGS: RangeInclusive<usize> = 1..=5;
pub const OWN_FINDINGS: RangeInclusive<usize> = 1..=3;
pub const HEALTHY: usize = 10;

/// A score that is not known is taken to be in the middle.
const UNKNOWN: f64 = 0.5;

const VERDICTS: [Verdict; 8] = [
    Verdict::Healthy,
    Verdict::Overfitting,
    Verdict::Memorising,
    Verdict::Underfitting,
    Verdict::NotLearning,
    Verdict::Diverged,
    Verdict::BrokenEvaluation,
    Verdict::Undetermined,
];

/// One for what is so and zero for what is not: always one; that a finding speaks for the cause, at least a warning, a problem;
/// that a warning, a problem speaks for another cause; the lift and the gap, each also squared, so that a cause may belong to its
/// middle; the verdict; of each probe that it answered yes (a half where weakly), no, or could not be read, and its two numbers. A
/// probe that was not made says nothing.
pub fn features(signs: &Signs, cause: Cause) -> [f64; FEATURES] {
    let worst = |own: bool| {
        let of = signs
            .findings
            .iter()
            .filter(|sign| (sign.cause == cause) == own);
        of.map(|sign| sign.severity).max()
    };
    let (own, others) = (worst(true), worst(false));
    let of_scores = [signs.lift, signs.gap].map(|score| score.unwrap_or(UNKNOWN));
    let scores = of_scores
        .into_iter()
        .flat_map(|score| [score, score * score]);
    let head = [
        true,
        own.is_some(),
        own >= Some(Severity::Warning),
        own >= Some(Severity::Problem),
        others >= Some(Severity::Warning),
        others >= Some(Severity::Problem),
    ];
    let verdict = VERDICTS.map(|verdict| signs.verdict == verdict);
    let number = |so: bool| f64::from(u8::from(so));
    let answers = Probe::ALL.into_iter().flat_map(|probe| {
        let answered = signs.answers.iter().find(|of| of.probe == probe);
        answered.map_or([0.0; 5], |of| {
            let [yes, no, unknown] = match of.answer {
                Answer::Yes => [1.0, 0.0, 0.0],
                Answer::Weak => [0.5, 0.0, 0.0],
                Answer::No => [0.0, 1.0, 0.0],
                Answer::Unknown => [0.0, 0.0, 1.0],
            };
            [yes, no, unknown, of.measured.effect, of.measured.level]
        })
    });
    let mut all = [0.0; FEATURES];
    let verdict = verdict.into_iter().map(number);
    let values = head
        .into_iter()
        .map(number)
        .chain(scores)
        .chain(verdict)
        .chain(answers);
    for (place, value) in all.iter_mut().zip(values) {
        *place = value;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::signs::{Answered, Measured, Sign};
    use super::*;

    #[test]
    fn signs_are_numbers_as_the_cause_sees_them() {
        let signs = Signs {
            verdict: Verdict::Healthy,
            lift: Some(0.9),
            gap: None,
            findings: vec![Sign {
                id: "x".to_owned(),
                cause: Cause::Leakage,
                severity: Severity::Warning,
            }],
            answers: vec![
                Answered {
                    probe: Probe::Baseline,
                    answer: Answer::Weak,
                    measured: Measured {
                        effect: 0.1,
                        level: 0.6,
                    },
                },
                Answered {
                    probe: Probe::CoolerTraining,
                    answer: Answer::Unknown,
                    measured: Measured::default(),
                },
            ],
        };
        let own = features(&signs, Cause::Leakage);
        assert_eq!(own[..6], [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        let others = features(&signs, Cause::Memorisation);
        assert_eq!(others[..6], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(own[6..HEALTHY], [0.9, 0.9 * 0.9, 0.5, 0.25]);
        assert_eq!(own[HEALTHY], 1.0);
        assert_eq!(own[HEALTHY + 1..HEALTHY + 8], [0.0; 7]);
        assert_eq!(own[HEALTHY + 8..HEALTHY + 13], [0.5, 0.0, 0.0, 0.1, 0.6]);
        assert_eq!(own[FEATURES - 5..], [0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(own[HEALTHY + 13..FEATURES - 5], [0.0; 30]);
    }
}
