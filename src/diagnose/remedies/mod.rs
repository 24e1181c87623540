//! What helps against each cause of a gap.

use super::finding::Cause;
use serde::{Serialize, Serializer};

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

/// What helps against a cause, the first to try first.
pub fn remedies(cause: Cause) -> &'static [Remedy] {
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
