//! The causes that findings speak for, with their evidence and what helps: no probabilities before they are calibrated.

use super::finding::{Cause, Evidence, Finding, Severity};
use serde::Serialize;

/// One cause of a gap, as the diagnosis document lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspect {
    pub id: Cause,
    pub evidence: Vec<Evidence>,
    /// Names of remedies, the first to try first.
    pub remedies: &'static [&'static str],
}

/// Every cause that a finding speaks for once, the strongest first: by its worst finding, what is only a symptom of
/// others after them, then by the smallest probability of chance.
pub(super) fn causes(findings: &[Finding]) -> Vec<Suspect> {
    let mut found: Vec<(Suspect, Severity, f64)> = Vec::new();
    for finding in findings {
        let Some(cause) = finding.cause else { continue };
        let p = finding
            .evidence
            .iter()
            .filter_map(|evidence| evidence.p)
            .fold(1.0, f64::min);
        match found.iter_mut().find(|(suspect, ..)| suspect.id == cause) {
            Some((suspect, severity, least)) => {
                suspect.evidence.extend(finding.evidence.iter().cloned());
                *severity = finding.severity.max(*severity);
                *least = p.min(*least);
            }
            None => found.push((
                Suspect {
                    id: cause,
                    evidence: finding.evidence.clone(),
                    remedies: remedies(cause),
                },
                finding.severity,
                p,
            )),
        }
    }
    found.sort_by(|(a, severe, p), (b, other, q)| {
        let symptom = |cause| matches!(cause, Cause::ClassImbalance | Cause::UnstableOptimisation);
        other
            .cmp(severe)
            .then(symptom(a.id).cmp(&symptom(b.id)))
            .then(p.total_cmp(q))
    });
    found.into_iter().map(|(suspect, ..)| suspect).collect()
}

fn remedies(cause: Cause) -> &'static [&'static str] {
    match cause {
        Cause::Memorisation => &[
            "drop-recurrent-head",
            "global-pooling",
            "fewer-channels",
            "augment",
            "weight-decay",
            "dropout",
            "more-data",
        ],
        Cause::NoSignal => &["other-inputs", "more-data"],
        Cause::LabelMapMismatch | Cause::OrderedSplit | Cause::MissingClasses => {
            &["one-class-map", "resplit-stratified"]
        }
        Cause::ScrambledLabels => &["relabel", "resplit-pooled"],
        Cause::SplitShift => &["resplit-pooled", "augment-shifted-property"],
        Cause::GroupShift => &["resplit-by-group", "more-groups"],
        Cause::PreprocessingMismatch => &["one-preparation", "normalise-by-training"],
        Cause::BnEvalDiscrepancy => &["recalibrate-batch-norm", "larger-batch", "group-norm"],
        Cause::Leakage => &["remove-duplicates"],
        Cause::LabelNoise => &["review-suspects", "train-without-suspects"],
        Cause::ClassImbalance => &["class-weights", "balanced-sampling"],
        Cause::WeakerThanBaseline => &["use-baseline", "simpler-network"],
        Cause::UnstableOptimisation => &["lower-learning-rate", "larger-batch", "keep-best"],
        Cause::FrozenLayers => &["unfreeze", "lower-dropout", "other-initialisation"],
        Cause::NotLearning => &[
            "other-learning-rate",
            "normalise-inputs",
            "other-initialisation",
        ],
        Cause::EvaluationBug => &["mend-scoring"],
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
        assert_eq!(causes(&[]), []);
    }
}
