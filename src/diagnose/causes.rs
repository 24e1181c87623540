//! The causes that findings speak for, with their evidence and what helps: no probabilities before they are calibrated.

use super::finding::{Cause, Evidence, Finding, Severity};
use serde::{Serialize, Serializer};

/// One cause of a gap, as the diagnosis document lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspect {
    pub id: Cause,
    /// Of the worst finding that speaks for it.
    #[serde(skip)]
    pub severity: Severity,
    pub evidence: Vec<Evidence>,
    /// The first to try first.
    pub remedies: &'static [Remedy],
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
                    id: cause,
                    severity: finding.severity,
                    evidence: finding.evidence.clone(),
                    remedies: remedies(cause),
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

/// Something to try against a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// As in the document: `global-pooling`.
    pub id: &'static str,
    /// What to do: "global pooling in place of flatten".
    pub words: &'static str,
}

impl Serialize for Remedy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id)
    }
}

const fn remedy(id: &'static str, words: &'static str) -> Remedy {
    Remedy { id, words }
}

const RESPLIT_POOLED: Remedy = remedy(
    "resplit-pooled",
    "put training and validation together and split them anew, by chance",
);
const OTHER_INITIALISATION: Remedy =
    remedy("other-initialisation", "start from other initial weights");
const LARGER_BATCH: Remedy = remedy("larger-batch", "train with larger batches");
const MORE_DATA: Remedy = remedy("more-data", "collect more images");

fn remedies(cause: Cause) -> &'static [Remedy] {
    match cause {
        Cause::Memorisation => {
            &const {
                [
                    remedy(
                        "drop-recurrent-head",
                        "leave a recurrent layer out that has no order to read",
                    ),
                    remedy("global-pooling", "global pooling in place of flatten"),
                    remedy("fewer-channels", "fewer channels"),
                    remedy("augment", "augmentation that keeps the class"),
                    remedy("weight-decay", "weight decay"),
                    remedy("dropout", "dropout"),
                    MORE_DATA,
                ]
            }
        }
        Cause::NoSignal => {
            &const {
                [
                    remedy(
                        "other-inputs",
                        "inputs that tell the classes apart: larger, in colour, or of another kind",
                    ),
                    MORE_DATA,
                ]
            }
        }
        Cause::LabelMapMismatch | Cause::OrderedSplit | Cause::MissingClasses => {
            &const {
                [
                    remedy(
                        "one-class-map",
                        "number the classes once, by the training split, and use that everywhere",
                    ),
                    remedy(
                        "resplit-stratified",
                        "split anew, each class in the same proportion",
                    ),
                ]
            }
        }
        Cause::ScrambledLabels => {
            &const {
                [
                    remedy("relabel", "correct the labels of that split"),
                    RESPLIT_POOLED,
                ]
            }
        }
        Cause::SplitShift => {
            &const {
                [
                    RESPLIT_POOLED,
                    remedy(
                        "augment-shifted-property",
                        "augment the property that differs",
                    ),
                ]
            }
        }
        Cause::GroupShift => {
            &const {
                [
                    remedy(
                        "resplit-by-group",
                        "split by group, so that the figure says what it is to mean",
                    ),
                    remedy("more-groups", "collect images of more groups"),
                ]
            }
        }
        Cause::PreprocessingMismatch => {
            &const {
                [
                    remedy("one-preparation", "prepare all splits by the same code"),
                    remedy(
                        "normalise-by-training",
                        "normalise by the statistics of training",
                    ),
                ]
            }
        }
        Cause::BnEvalDiscrepancy => {
            &const {
                [
                    remedy(
                        "recalibrate-batch-norm",
                        "estimate batch norm's statistics again at the end",
                    ),
                    LARGER_BATCH,
                    remedy("group-norm", "group norm in place of batch norm"),
                ]
            }
        }
        Cause::Leakage => {
            &const {
                [remedy(
                    "remove-duplicates",
                    "remove the copies from all splits but one",
                )]
            }
        }
        Cause::LabelNoise => {
            &const {
                [
                    remedy("review-suspects", "look through the images in question"),
                    remedy("train-without-suspects", "train without them"),
                ]
            }
        }
        Cause::ClassImbalance => {
            &const {
                [
                    remedy("class-weights", "weight the loss by class"),
                    remedy("balanced-sampling", "draw the classes equally often"),
                ]
            }
        }
        Cause::WeakerThanBaseline => {
            &const {
                [
                    remedy("use-baseline", "use the simple model"),
                    remedy("simpler-network", "a simpler network"),
                ]
            }
        }
        Cause::UnstableOptimisation => {
            &const {
                [
                    remedy("lower-learning-rate", "lower the learning rate"),
                    LARGER_BATCH,
                    remedy("keep-best", "keep the weights of the best epoch"),
                ]
            }
        }
        Cause::FrozenLayers => {
            &const {
                [
                    remedy("unfreeze", "let the frozen layers learn"),
                    remedy("lower-dropout", "less dropout"),
                    OTHER_INITIALISATION,
                ]
            }
        }
        Cause::NotLearning => {
            &const {
                [
                    remedy(
                        "other-learning-rate",
                        "raise or lower the learning rate tenfold",
                    ),
                    remedy("normalise-inputs", "normalise the inputs"),
                    OTHER_INITIALISATION,
                ]
            }
        }
        Cause::EvaluationBug => &const { [remedy("mend-scoring", "mend the scoring")] },
    }
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
