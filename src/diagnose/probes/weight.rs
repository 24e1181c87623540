//! How much speaks for each cause, from the verdict, the findings and the probes' answers: what the next probe is chosen by.
//!
//! The numbers are ours and not calibrated: they order causes and choose probes, and are shown to nobody as probabilities.

use super::Probe;
use super::reading::Answered;
use crate::diagnose::finding::{Cause, Finding, Severity};
use crate::diagnose::{Answer, Verdict};

/// Causes that probes can tell apart, with the share of cases in which each probe is answered yes, by [`Probe::ALL`]'s order:
/// baseline, pooled re-split, shuffled labels, learning curve, grouped folds, label suspects, longer, cooler.
const YES: [(Cause, [f64; 8]); 14] = [
    (
        Cause::Memorisation,
        [0.5, 0.03, 0.9, 0.75, 0.05, 0.1, 0.05, 0.1],
    ),
    (
        Cause::NoSignal,
        [0.03, 0.03, 0.8, 0.05, 0.05, 0.3, 0.05, 0.05],
    ),
    (
        Cause::WeakerThanBaseline,
        [0.95, 0.03, 0.5, 0.5, 0.05, 0.1, 0.3, 0.3],
    ),
    (Cause::SplitShift, [0.2, 0.9, 0.7, 0.3, 0.1, 0.1, 0.05, 0.1]),
    (
        Cause::GroupShift,
        [0.2, 0.85, 0.7, 0.3, 0.9, 0.1, 0.05, 0.1],
    ),
    (
        Cause::ScrambledLabels,
        [0.03, 0.6, 0.7, 0.05, 0.05, 0.3, 0.05, 0.05],
    ),
    (
        Cause::LabelMapMismatch,
        [0.1, 0.8, 0.7, 0.1, 0.05, 0.3, 0.05, 0.05],
    ),
    (
        Cause::OrderedSplit,
        [0.2, 0.9, 0.7, 0.3, 0.1, 0.1, 0.05, 0.1],
    ),
    (
        Cause::PreprocessingMismatch,
        [0.1, 0.5, 0.7, 0.1, 0.05, 0.1, 0.05, 0.1],
    ),
    (
        Cause::BnEvalDiscrepancy,
        [0.6, 0.05, 0.5, 0.2, 0.05, 0.1, 0.2, 0.3],
    ),
    (
        Cause::LabelNoise,
        [0.3, 0.03, 0.7, 0.4, 0.05, 0.9, 0.05, 0.1],
    ),
    (
        Cause::ClassImbalance,
        [0.3, 0.05, 0.6, 0.4, 0.05, 0.1, 0.1, 0.1],
    ),
    (
        Cause::UnstableOptimisation,
        [0.5, 0.05, 0.4, 0.3, 0.05, 0.1, 0.2, 0.8],
    ),
    (
        Cause::NotLearning,
        [0.8, 0.03, 0.03, 0.05, 0.05, 0.05, 0.4, 0.6],
    ),
];

/// The finding that says what the verdict has said, which the prior knows.
const THE_VERDICT_AGAIN: &str = "not-learning";

/// An answer is at least this probable under every cause: no single probe settles everything.
const FLOOR: f64 = 0.03;

/// The weight of each cause; they add up to one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weights([f64; YES.len()]);

impl Weights {
    /// After a run with this verdict, these findings, and probes answered so.
    pub fn of<'a>(
        verdict: Verdict,
        findings: impl IntoIterator<Item = &'a Finding>,
        answered: &[Answered],
    ) -> Weights {
        let findings: Vec<&Finding> = findings
            .into_iter()
            .filter(|finding| finding.id != THE_VERDICT_AGAIN)
            .collect();
        let mut weights = Weights(YES.map(|(cause, _)| prior(cause, verdict)));
        for (weight, (cause, _)) in weights.0.iter_mut().zip(YES) {
            // The worst finding of a cause counts; others of the same cause often say the same again.
            let worst = findings
                .iter()
                .filter(|finding| finding.cause == Some(cause))
                .map(|finding| finding.severity)
                .max();
            *weight *= match worst {
                None => 1.0,
                Some(Severity::Note) => 1.5,
                Some(Severity::Warning) => 4.0,
                Some(Severity::Problem) => 12.0,
            };
        }
        for Answered { probe, answer } in answered {
            weights.take(*probe, *answer);
        }
        weights.normalise();
        weights
    }

    fn take(&mut self, probe: Probe, answer: Answer) {
        for (weight, (_, yes)) in self.0.iter_mut().zip(YES) {
            let yes = yes[probe as usize].clamp(FLOOR, 1.0 - FLOOR);
            *weight *= match answer {
                Answer::Yes => yes,
                Answer::No => 1.0 - yes,
                // Between the two it speaks a little for yes.
                Answer::Weak => yes.sqrt(),
                Answer::Unknown => 1.0,
            };
        }
    }

    fn normalise(&mut self) {
        let sum: f64 = self.0.iter().sum();
        if sum > 0.0 {
            self.0.iter_mut().for_each(|weight| *weight /= sum);
        }
    }

    pub fn get(&self, cause: Cause) -> f64 {
        let place = YES.iter().position(|(of, _)| *of == cause);
        place.map_or(0.0, |place| self.0[place])
    }

    /// The causes by weight, the heaviest first.
    pub fn ranked(&self) -> Vec<(Cause, f64)> {
        let mut ranked: Vec<(Cause, f64)> =
            YES.iter().map(|(cause, _)| *cause).zip(self.0).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked
    }

    /// What a probe's answer is expected to tell, in bits: the mutual information of cause and answer.
    pub fn information(&self, probe: Probe) -> f64 {
        let yes = |i: usize| YES[i].1[probe as usize].clamp(FLOOR, 1.0 - FLOOR);
        let overall: f64 = self.0.iter().enumerate().map(|(i, w)| w * yes(i)).sum();
        let within: f64 = self
            .0
            .iter()
            .enumerate()
            .map(|(i, w)| w * entropy(yes(i)))
            .sum();
        (entropy(overall) - within).max(0.0)
    }

    /// The causes among the likely ones that a probe's answer would tell apart: those it is expected to be answered yes for
    /// and those it is not, the heaviest of each.
    pub fn separated(&self, probe: Probe) -> Vec<Cause> {
        let side = |yes: bool| {
            let mut of_side: Vec<(Cause, f64)> = YES
                .iter()
                .zip(self.0)
                .filter(|((_, answers), weight)| {
                    (answers[probe as usize] >= 0.5) == yes && *weight >= 0.03
                })
                .map(|((cause, _), weight)| (*cause, weight))
                .collect();
            of_side.sort_by(|a, b| b.1.total_cmp(&a.1));
            of_side.into_iter().take(2).map(|(cause, _)| cause)
        };
        side(true).chain(side(false)).collect()
    }
}

fn entropy(p: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    term(p) + term(1.0 - p)
}

/// How common a cause is behind a verdict, before anything was looked at.
fn prior(cause: Cause, verdict: Verdict) -> f64 {
    let gap = matches!(verdict, Verdict::Memorising | Verdict::Overfitting);
    let stuck = matches!(
        verdict,
        Verdict::NotLearning | Verdict::Diverged | Verdict::Underfitting
    );
    match cause {
        Cause::Memorisation if gap => 1.0,
        Cause::NoSignal if verdict == Verdict::Memorising => 0.5,
        Cause::WeakerThanBaseline if gap => 0.3,
        Cause::SplitShift | Cause::GroupShift if gap => 0.3,
        Cause::ScrambledLabels | Cause::LabelMapMismatch if verdict == Verdict::Memorising => 0.2,
        Cause::LabelNoise if verdict == Verdict::Overfitting => 0.3,
        Cause::BnEvalDiscrepancy | Cause::PreprocessingMismatch | Cause::OrderedSplit if gap => 0.1,
        Cause::NotLearning if stuck => 1.0,
        Cause::UnstableOptimisation if stuck => 0.5,
        Cause::WeakerThanBaseline | Cause::NoSignal if stuck => 0.3,
        _ => 0.05,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(probe: Probe, answer: Answer) -> Answered {
        Answered { probe, answer }
    }

    #[test]
    fn a_resplit_that_recovers_speaks_for_the_splits_and_one_that_does_not_for_memorisation() {
        let of = |answer| {
            Weights::of(
                Verdict::Memorising,
                &[],
                &[answered(Probe::PooledResplit, answer)],
            )
        };
        let recovers = of(Answer::Yes);
        assert!(recovers.get(Cause::SplitShift) > 4.0 * recovers.get(Cause::Memorisation));
        assert_eq!(of(Answer::No).ranked()[0].0, Cause::Memorisation);
        assert_eq!(
            of(Answer::Unknown),
            Weights::of(Verdict::Memorising, &[], &[])
        );
        let sum: f64 = recovers.ranked().iter().map(|(_, weight)| weight).sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_answer_that_is_known_tells_nothing_more() {
        let before = Weights::of(Verdict::Memorising, &[], &[]);
        let told = before.information(Probe::PooledResplit);
        assert!(told > 0.2, "{told}");
        let certain = Finding::new("x", Severity::Problem, "x");
        let certain = Finding {
            cause: Some(Cause::Memorisation),
            ..certain
        };
        let after = Weights::of(
            Verdict::Memorising,
            &[certain],
            &[answered(Probe::PooledResplit, Answer::No)],
        );
        assert!(after.information(Probe::PooledResplit) < told / 3.0);
        assert_eq!(
            before.separated(Probe::PooledResplit)[..2],
            [Cause::SplitShift, Cause::GroupShift]
        );
        assert!(
            before
                .separated(Probe::PooledResplit)
                .contains(&Cause::Memorisation)
        );
    }
}
