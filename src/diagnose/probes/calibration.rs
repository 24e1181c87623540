//! The probability of each cause from its signs: sums of log likelihood ratios, fitted on planted faults.

use super::Probe;
use super::features::features;
use super::signs::{Answered, Measured, Signs};
use crate::diagnose::finding::Cause;
use crate::diagnose::{Answer, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What `cargo bench --bench planted` has fitted.
static SHIPPED: LazyLock<Calibration> = LazyLock::new(|| {
    // A unit test reads the same file.
    serde_json::from_str(include_str!("calibration.json")).unwrap_or_default()
});

/// A less probable cause is not named among those that a probe would tell apart.
const LIKELY: f64 = 0.05;

/// Log likelihood ratios of every cause that was planted, and how often each probe answers yes under it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Planted cases behind it.
    pub cases: usize,
    pub causes: BTreeMap<Cause, Ratios>,
    /// How often each probe answers yes where nothing is planted.
    pub healthy: BTreeMap<Probe, f64>,
    /// What each probe measures where it answers yes, and where no.
    pub typical: BTreeMap<Probe, Typical>,
}

/// Means of a probe's numbers over all cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Typical {
    pub yes: Measured,
    pub no: Measured,
}

/// Of one cause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ratios {
    /// Natural logarithms by [`features`]' order; the first is the prior log odds.
    pub ratios: Vec<f64>,
    /// Share of the cases that it was planted in.
    pub share: f64,
    /// How often each probe answers yes.
    pub yes: BTreeMap<Probe, f64>,
}

/// What is left of the probability of a cause that no finding and no probe speaks for: runs of people are of more kinds than the
/// planted ones, and nobody is to hear of a fault for which there is nothing to show.
const UNSPOKEN: f64 = 0.5;

/// Gives one cause's probability to another, where they are the same.
fn merge(all: &mut [(Cause, f64)], one: Cause, other: Cause) {
    let place = |cause: Cause| all.iter().position(|(of, _)| *of == cause);
    if let (Some(one), Some(other)) = (place(one), place(other)) {
        all[other].1 = 1.0 - (1.0 - all[other].1) * (1.0 - all[one].1);
        all[one].1 = 0.0;
    }
}

impl Calibration {
    /// The one that Gapwatch was built with.
    pub fn shipped() -> &'static Calibration {
        &SHIPPED
    }

    /// The probability of each calibrated cause, the most probable first. They need not add up to one: several causes can hold
    /// at once, or none.
    pub fn probabilities(&self, signs: &Signs) -> Vec<(Cause, f64)> {
        let mut all: Vec<(Cause, f64)> = self
            .causes
            .iter()
            .map(|(cause, of)| {
                let log_odds: f64 = features(signs, *cause)
                    .iter()
                    .zip(&of.ratios)
                    .map(|(feature, ratio)| feature * ratio)
                    .sum();
                (*cause, 1.0 / (1.0 + (-log_odds).exp()))
            })
            .collect();
        if signs.verdict == Verdict::Memorising {
            merge(&mut all, Cause::WeakerThanBaseline, Cause::Memorisation);
        }
        for (cause, p) in &mut all {
            if !signs.speak_for(*cause) {
                *p *= UNSPOKEN;
            }
        }
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }
}

impl Calibration {
    /// How much surer of the causes a probe's answer is expected to make, in bits: the entropies of all causes' probabilities
    /// now, less their mean over the answers.
    pub fn information(&self, signs: &Signs, probe: Probe) -> f64 {
        let now = self.probabilities(signs);
        let yes = self.expected(&now, probe);
        let typical = self.typical.get(&probe).copied().unwrap_or_default();
        let after = |answer, measured| {
            let mut signs = signs.clone();
            signs.answers.push(Answered {
                probe,
                answer,
                measured,
            });
            uncertainty(&self.probabilities(&signs))
        };
        uncertainty(&now)
            - yes * after(Answer::Yes, typical.yes)
            - (1.0 - yes) * after(Answer::No, typical.no)
    }

    /// The causes among the likely ones that a probe's answer would tell apart: those it is expected to be answered yes for and
    /// those it is not, the most probable two of each.
    pub fn separated(&self, signs: &Signs, probe: Probe) -> Vec<Cause> {
        let likely: Vec<Cause> = self
            .probabilities(signs)
            .into_iter()
            .filter(|(_, p)| *p >= LIKELY)
            .map(|(cause, _)| cause)
            .collect();
        let side = |yes: bool| {
            let of_side = likely
                .iter()
                .copied()
                .filter(move |cause| (self.yes(*cause, probe) >= 0.5) == yes);
            of_side.take(2).collect::<Vec<Cause>>()
        };
        [side(true), side(false)].concat()
    }

    /// The probability that a probe answers yes: by the causes' shares, and by that of none.
    fn expected(&self, now: &[(Cause, f64)], probe: Probe) -> f64 {
        let sum: f64 = now.iter().map(|(_, p)| p).sum();
        let none: f64 = now.iter().map(|(_, p)| 1.0 - p).product();
        let of_causes: f64 = now
            .iter()
            .map(|(cause, p)| p * self.yes(*cause, probe))
            .sum();
        let healthy = self.healthy.get(&probe).copied().unwrap_or(0.5);
        (of_causes + none * healthy) / (sum + none)
    }

    fn yes(&self, cause: Cause, probe: Probe) -> f64 {
        let of = self.causes.get(&cause).and_then(|of| of.yes.get(&probe));
        of.copied().unwrap_or(0.5)
    }
}

/// The entropies of all causes, in bits.
fn uncertainty(probabilities: &[(Cause, f64)]) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    probabilities
        .iter()
        .map(|(_, p)| term(*p) + term(1.0 - p))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::features::{FEATURES, HEALTHY, OWN_FINDINGS};
    use super::super::signs::Sign;
    use super::*;
    use crate::diagnose::Verdict;
    use crate::diagnose::finding::Severity;

    fn signs(verdict: Verdict, answers: &[(Probe, Answer)]) -> Signs {
        Signs {
            verdict,
            lift: Some(0.3),
            gap: Some(0.5),
            findings: Vec::new(),
            answers: answers
                .iter()
                .map(|(probe, answer)| {
                    let typical = Calibration::shipped().typical[probe];
                    Answered {
                        probe: *probe,
                        answer: *answer,
                        measured: match answer {
                            Answer::Yes => typical.yes,
                            _ => typical.no,
                        },
                    }
                })
                .collect(),
        }
    }

    fn probability(signs: &Signs, cause: Cause) -> f64 {
        let all = Calibration::shipped().probabilities(signs);
        all.into_iter().find(|(of, _)| *of == cause).unwrap().1
    }

    #[test]
    fn what_is_built_in_knows_every_cause_that_can_be_planted() {
        let shipped: Calibration = serde_json::from_str(include_str!("calibration.json")).unwrap();
        assert!(shipped.cases >= 150);
        for cause in Cause::ALL {
            let planted = !matches!(cause, Cause::FrozenLayers | Cause::EvaluationBug);
            assert_eq!(shipped.causes.contains_key(&cause), planted, "{cause:?}");
        }
        for of in shipped.causes.values() {
            assert_eq!(of.ratios.len(), FEATURES);
            assert!(of.ratios[OWN_FINDINGS].iter().all(|ratio| *ratio >= 0.0));
            assert!(of.ratios[HEALTHY] <= 0.0);
        }
    }

    fn sign(cause: Cause) -> Sign {
        Sign {
            id: "x".to_owned(),
            cause,
            severity: Severity::Problem,
        }
    }

    #[test]
    fn a_finding_raises_its_own_cause() {
        for cause in Calibration::shipped().causes.keys().copied() {
            let without = signs(Verdict::Overfitting, &[]);
            let mut with = without.clone();
            with.findings.push(sign(cause));
            assert!(probability(&with, cause) >= probability(&without, cause));
        }
    }

    #[test]
    fn a_resplit_that_recovers_speaks_against_memorisation() {
        let of = |answer| {
            let signs = signs(Verdict::Memorising, &[(Probe::PooledResplit, answer)]);
            probability(&signs, Cause::Memorisation)
        };
        assert!(of(Answer::No) > of(Answer::Yes));
    }

    #[test]
    fn what_nothing_speaks_for_is_half_as_probable() {
        let certain = Calibration {
            causes: [(
                Cause::LabelNoise,
                Ratios {
                    ratios: [vec![40.0], vec![0.0; FEATURES - 1]].concat(),
                    ..Ratios::default()
                },
            )]
            .into(),
            ..Calibration::default()
        };
        let of = |signs: &Signs| certain.probabilities(signs)[0].1;
        let answered = |answer| signs(Verdict::Overfitting, &[(Probe::LabelSuspects, answer)]);
        for unspoken in [Answer::Weak, Answer::No, Answer::Unknown] {
            assert!((of(&answered(unspoken)) - 0.5).abs() < 1e-12);
        }
        assert!(of(&answered(Answer::Yes)) > 0.999);
    }

    #[test]
    fn where_validation_is_guessing_a_network_that_a_small_one_beats_has_learnt_by_heart() {
        let even = || Ratios {
            ratios: vec![0.0; FEATURES],
            ..Ratios::default()
        };
        let causes = [Cause::WeakerThanBaseline, Cause::Memorisation];
        let calibration = Calibration {
            causes: causes.map(|cause| (cause, even())).into(),
            ..Calibration::default()
        };
        let of = |verdict| {
            let signs = signs(verdict, &[(Probe::Baseline, Answer::Yes)]);
            let all: BTreeMap<Cause, f64> = calibration.probabilities(&signs).into_iter().collect();
            causes.map(|cause| all[&cause])
        };
        assert_eq!(of(Verdict::Memorising), [0.0, 0.75]);
        assert_eq!(of(Verdict::Overfitting), [0.5, 0.25]);
    }

    #[test]
    fn of_what_is_known_for_sure_a_probe_tells_nothing() {
        let ratios = |prior| Ratios {
            ratios: [vec![prior], vec![0.0; FEATURES - 1]].concat(),
            ..Ratios::default()
        };
        let sure = Calibration {
            causes: [(Cause::Leakage, ratios(40.0))].into(),
            ..Calibration::default()
        };
        let unsure = Calibration {
            causes: [(Cause::Leakage, ratios(0.0))].into(),
            ..Calibration::default()
        };
        let mut before = signs(Verdict::Overfitting, &[]);
        before.findings.push(sign(Cause::Leakage));
        assert!(sure.information(&before, Probe::Baseline).abs() < 1e-9);
        // No ratio of this probe differs from nothing.
        assert!(unsure.information(&before, Probe::Baseline).abs() < 1e-9);
        assert!((uncertainty(&unsure.probabilities(&before)) - 1.0).abs() < 1e-12);
    }
}
