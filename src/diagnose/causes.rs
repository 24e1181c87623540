//! The causes that findings speak for, with their evidence and what helps.

use super::finding::{Cause, Evidence, Finding, Severity};
use super::gates::percent;
use super::remedies::{Remedy, remedies};
use serde::Serialize;

/// One cause of a gap, as the diagnosis document lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspect {
    pub id: Cause,
    /// The probability that it holds, by the calibration on planted faults; None where not all looks were taken, and for causes
    /// that cannot be planted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Of the worst finding that speaks for it.
    #[serde(skip)]
    pub severity: Severity,
    pub evidence: Vec<Evidence>,
    /// The first to try first.
    pub remedies: &'static [Remedy],
}

/// A cause that is more probable than this is stated as a fault.
pub const STATED: f64 = 0.5;

impl Suspect {
    /// True for one that is stated as a fault.
    pub fn is_stated(&self) -> bool {
        self.confidence.is_some_and(|p| p > STATED)
    }

    /// "87.0 %", where the probability is known; nobody is certain.
    pub fn probability(&self) -> Option<String> {
        self.confidence.map(|p| percent(p.clamp(0.01, 0.99)))
    }

    /// A cause that no finding of its own speaks for.
    pub(super) fn of(cause: Cause, evidence: Vec<Evidence>) -> Suspect {
        Suspect {
            id: cause,
            confidence: None,
            severity: Severity::Note,
            evidence,
            remedies: remedies(cause),
        }
    }
}

/// Every cause that a finding speaks for once, the strongest first: by its worst finding, what is only a symptom of
/// others after them, then by the smallest probability of chance.
pub(super) fn causes<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Suspect> {
    let mut found: Vec<(Suspect, f64)> = Vec::new();
    for finding in findings {
        let Some(cause) = finding.cause else { continue };
        let p = finding
            .evidence
            .iter()
            .filter_map(|evidence| evidence.p)
            .fold(1.0, f64::min);
        match found.iter_mut().find(|(suspect, ..)| suspect.id == cause) {
            Some((suspect, least)) => {
                suspect.evidence.extend(finding.evidence.iter().cloned());
                suspect.severity = finding.severity.max(suspect.severity);
                *least = p.min(*least);
            }
            None => found.push((
                Suspect {
                    severity: finding.severity,
                    ..Suspect::of(cause, finding.evidence.clone())
                },
                p,
            )),
        }
    }
    found.sort_by(|(a, p), (b, q)| {
        let symptom = |cause| matches!(cause, Cause::ClassImbalance | Cause::UnstableOptimisation);
        b.severity
            .cmp(&a.severity)
            .then(symptom(a.id).cmp(&symptom(b.id)))
            .then(p.total_cmp(q))
    });
    found.into_iter().map(|(suspect, _)| suspect).collect()
}

impl Cause {
    /// What a cause means, for somebody who has not heard its name: "Validation comes from other groups than training".
    pub fn title(self) -> &'static str {
        match self {
            Cause::Memorisation => "The network learns its training images by heart",
            Cause::NoSignal => "The images do not tell the classes",
            Cause::LabelMapMismatch => "Class numbers mean different classes in different splits",
            Cause::ScrambledLabels => "The labels of one split are mixed up",
            Cause::SplitShift => "Validation images look different from training images",
            Cause::GroupShift => "Validation comes from other groups than training",
            Cause::OrderedSplit => "The splits were cut from an ordered list",
            Cause::MissingClasses => "A split lacks classes that another has",
            Cause::PreprocessingMismatch => "The splits are prepared differently",
            Cause::BnEvalDiscrepancy => "Batch norm works differently in evaluation",
            Cause::Leakage => "The same pictures are in several splits",
            Cause::LabelNoise => "Some labels are wrong",
            Cause::ClassImbalance => "Some classes are far more common than others",
            Cause::WeakerThanBaseline => "A simple model does better",
            Cause::UnstableOptimisation => "Training is unstable",
            Cause::FrozenLayers => "Some layers do not learn",
            Cause::NotLearning => "The network does not learn",
            Cause::EvaluationBug => "The scoring is wrong",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(cause: Cause, severity: Severity, p: f64) -> Finding {
        let mut finding = Finding::new("x", severity, "x");
        finding.cause = Some(cause);
        finding.evidence.push(Evidence {
            statement: String::new(),
            statistic: "x",
            value: None,
            threshold: None,
            p: Some(p),
            reference: "x",
        });
        finding
    }

    #[test]
    fn causes_are_listed_once_the_strongest_first_and_symptoms_after_them() {
        let listed = causes(&[
            finding(Cause::ClassImbalance, Severity::Warning, 1e-9),
            finding(Cause::PreprocessingMismatch, Severity::Warning, 0.01),
            finding(Cause::BnEvalDiscrepancy, Severity::Problem, 0.04),
            finding(Cause::PreprocessingMismatch, Severity::Note, 0.2),
        ]);
        let ids: Vec<Cause> = listed.iter().map(|suspect| suspect.id).collect();
        assert_eq!(
            ids,
            [
                Cause::BnEvalDiscrepancy,
                Cause::PreprocessingMismatch,
                Cause::ClassImbalance
            ]
        );
        assert_eq!(listed[1].evidence.len(), 2);
        assert_eq!(causes([]), []);
    }
}
