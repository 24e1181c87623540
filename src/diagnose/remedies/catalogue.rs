//! Every remedy of every cause, in the order in which to try them.

use super::remedy::{Change, Remedy};
use super::{images, network, training};
use crate::diagnose::finding::Cause;

/// A remedy that a spec can carry out.
const fn by_run(
    id: &'static str,
    name: &'static str,
    words: &'static str,
    change: Change,
) -> Remedy {
    Remedy {
        id,
        name,
        words,
        change: Some(change),
    }
}

/// A remedy that only people can carry out.
const fn by_people(id: &'static str, name: &'static str, words: &'static str) -> Remedy {
    Remedy {
        id,
        name,
        words,
        change: None,
    }
}

const GLOBAL_POOLING: Remedy = by_run(
    "global-pooling",
    "global pooling",
    "replace flatten and the large layers by global max pooling",
    network::global_pooling,
);
const USE_BASELINE: Remedy = by_run(
    "use-baseline",
    "a small network",
    "use a small convolutional network with global pooling",
    network::baseline,
);
const AUGMENT: Remedy = by_run(
    "augment",
    "augmentation",
    "augmentation that keeps the class",
    images::augment,
);
const LABEL_SMOOTHING: Remedy = by_run(
    "label-smoothing",
    "label smoothing",
    "label smoothing",
    training::label_smoothing,
);
const RESPLIT_POOLED: Remedy = by_run(
    "resplit-pooled",
    "a new random split",
    "mix training and validation images and split them again, each class in the same proportion",
    images::resplit_pooled,
);
const VALIDATE_WITHIN_TRAINING: Remedy = by_run(
    "validate-within-training",
    "validation images drawn from training",
    "validate on images drawn from training, whose labels can be learnt",
    images::validate_within_training,
);
const NORMALISE_BY_IMAGE: Remedy = by_run(
    "normalise-by-image",
    "normalising each image by itself",
    "normalise each image by its own mean and deviation",
    images::normalise_by_image,
);
const LARGER_BATCH: Remedy = by_run(
    "larger-batch",
    "larger batches",
    "train with larger batches",
    training::larger_batch,
);
const OTHER_INITIALISATION: Remedy = by_run(
    "other-initialisation",
    "other initial weights",
    "start from other initial weights",
    training::other_initialisation,
);
const MORE_DATA: Remedy = by_people("more-data", "more images", "collect more images");

/// What helps against a cause, the first to try first.
pub fn remedies(cause: Cause) -> &'static [Remedy] {
    match cause {
        Cause::Memorisation => MEMORISATION,
        Cause::NoSignal => NO_SIGNAL,
        Cause::LabelMapMismatch => LABEL_MAP_MISMATCH,
        Cause::ScrambledLabels => SCRAMBLED_LABELS,
        Cause::SplitShift => SPLIT_SHIFT,
        Cause::GroupShift => GROUP_SHIFT,
        Cause::OrderedSplit | Cause::MissingClasses => CLASSES_BY_SPLIT,
        Cause::PreprocessingMismatch => PREPROCESSING_MISMATCH,
        Cause::BnEvalDiscrepancy => BN_EVAL_DISCREPANCY,
        Cause::Leakage => LEAKAGE,
        Cause::LabelNoise => LABEL_NOISE,
        Cause::ClassImbalance => CLASS_IMBALANCE,
        Cause::WeakerThanBaseline => WEAKER_THAN_BASELINE,
        Cause::UnstableOptimisation => UNSTABLE_OPTIMISATION,
        Cause::FrozenLayers => FROZEN_LAYERS,
        Cause::NotLearning => NOT_LEARNING,
        Cause::EvaluationBug => EVALUATION_BUG,
    }
}

const MEMORISATION: &[Remedy] = &[
    GLOBAL_POOLING,
    USE_BASELINE,
    by_run(
        "drop-recurrent-head",
        "no recurrent layer",
        "remove the recurrent layer (it receives only one step)",
        network::drop_recurrent_head,
    ),
    by_run(
        "fewer-channels",
        "half as many channels",
        "half as many channels and hidden units",
        network::fewer_channels,
    ),
    AUGMENT,
    by_run(
        "weight-decay",
        "weight decay",
        "weight decay",
        training::weight_decay,
    ),
    by_run(
        "dropout",
        "dropout",
        "dropout before the last layer",
        network::dropout,
    ),
    LABEL_SMOOTHING,
    by_run(
        "mixup",
        "mixup",
        "mix every training image with another",
        images::mixup,
    ),
    by_run(
        "early-stopping",
        "early stopping",
        "stop when validation no longer improves",
        training::early_stopping,
    ),
    MORE_DATA,
];

const NO_SIGNAL: &[Remedy] = &[
    by_people(
        "other-inputs",
        "other inputs",
        "inputs that separate the classes: larger, in colour, or of another kind",
    ),
    MORE_DATA,
];

const LABEL_MAP_MISMATCH: &[Remedy] = &[
    by_run(
        "one-class-map",
        "the class numbers of training",
        "number the classes of held-out images as those of training",
        images::one_class_map,
    ),
    VALIDATE_WITHIN_TRAINING,
    by_people(
        "one-class-list",
        "one list of classes",
        "make one list of the classes, from the training split, and use it everywhere",
    ),
];

const SCRAMBLED_LABELS: &[Remedy] = &[
    VALIDATE_WITHIN_TRAINING,
    by_people(
        "relabel",
        "corrected labels",
        "correct the labels of that split",
    ),
];

const SPLIT_SHIFT: &[Remedy] = &[
    RESPLIT_POOLED,
    by_run(
        "augment-brightness",
        "random brightness and contrast",
        "change brightness and contrast of training images at random",
        images::augment_brightness,
    ),
    NORMALISE_BY_IMAGE,
];

const GROUP_SHIFT: &[Remedy] = &[
    AUGMENT,
    by_run(
        "resplit-pooled",
        "a new random split",
        "split again at random; that asks another question: new images of known groups, not new groups",
        images::resplit_pooled,
    ),
    by_people(
        "more-groups",
        "images of more groups",
        "collect images of more groups",
    ),
];

const CLASSES_BY_SPLIT: &[Remedy] = &[
    by_run(
        "resplit-balanced",
        "a new split with balanced classes",
        "mix training and validation images, split them again, and draw the classes equally often, with augmentation, as \
         there are few images of some",
        images::resplit_balanced,
    ),
    RESPLIT_POOLED,
    by_people(
        "split-on-intake",
        "a new import",
        "add the dataset again and let it be split class by class",
    ),
];

const PREPROCESSING_MISMATCH: &[Remedy] = &[
    NORMALISE_BY_IMAGE,
    by_people(
        "one-preparation",
        "the same preparation for all splits",
        "prepare all splits by the same code",
    ),
];

const BN_EVAL_DISCREPANCY: &[Remedy] = &[
    by_run(
        "recalibrate-batch-norm",
        "new batch norm statistics",
        "estimate batch norm's statistics again at the end",
        training::recalibrate,
    ),
    by_run(
        "group-norm",
        "group norm",
        "group norm in place of batch norm",
        network::group_norm,
    ),
    LARGER_BATCH,
];

const LEAKAGE: &[Remedy] = &[by_run(
    "remove-duplicates",
    "copies left out",
    "leave out held-out images whose picture is in training",
    images::without_copies,
)];

const LABEL_NOISE: &[Remedy] = &[
    by_run(
        "train-without-suspects",
        "suspect images left out",
        "train without the images whose labels are in question",
        images::without_suspects,
    ),
    LABEL_SMOOTHING,
    by_people(
        "review-suspects",
        "reviewed suspects",
        "look through the images in question",
    ),
];

const CLASS_IMBALANCE: &[Remedy] = &[
    by_run(
        "augmented-balanced-sampling",
        "balanced classes and augmentation",
        "draw the classes equally often, with augmentation, so that the few images of a rare class are never the same",
        images::augmented_balanced_sampling,
    ),
    by_run(
        "balanced-sampling",
        "balanced classes",
        "draw the classes equally often",
        training::balanced_sampling,
    ),
    by_run(
        "class-weights",
        "class weights",
        "weight the loss by class",
        training::class_weights,
    ),
];

const WEAKER_THAN_BASELINE: &[Remedy] = &[USE_BASELINE, GLOBAL_POOLING];

const UNSTABLE_OPTIMISATION: &[Remedy] = &[
    by_run(
        "lower-learning-rate",
        "a lower learning rate",
        "a tenth of the learning rate",
        training::lower_learning_rate,
    ),
    LARGER_BATCH,
    by_run(
        "average-weights",
        "averaged weights",
        "score a moving average of the weights",
        training::average_weights,
    ),
    by_people(
        "keep-best",
        "the best checkpoint",
        "take the checkpoint of the best epoch, which is kept",
    ),
];

const FROZEN_LAYERS: &[Remedy] = &[
    by_people("unfreeze", "unfrozen layers", "let the frozen layers learn"),
    by_run(
        "lower-dropout",
        "half as much dropout",
        "half as much dropout",
        network::lower_dropout,
    ),
    OTHER_INITIALISATION,
];

const NOT_LEARNING: &[Remedy] = &[
    by_run(
        "default-learning-rate",
        "the usual learning rate",
        "the optimizer's usual learning rate, or a tenth of it",
        training::default_learning_rate,
    ),
    by_run(
        "normalise-inputs",
        "normalised inputs",
        "normalise by the statistics of training",
        images::normalise_inputs,
    ),
    by_run(
        "longer-training",
        "longer training",
        "train three times as long",
        training::longer,
    ),
    OTHER_INITIALISATION,
];

const EVALUATION_BUG: &[Remedy] = &[by_people(
    "mend-scoring",
    "mended scoring",
    "mend the scoring",
)];

#[cfg(test)]
mod tests {
    use super::super::Remediable;
    use super::super::fixture::*;
    use super::*;
    use crate::model::plan_for;
    use crate::run::{Normalize, Resplit, RunSpec};
    use serde_json::json;

    #[test]
    fn every_remedy_of_every_preset_is_a_run_that_fits_or_none() {
        let index = lacking();
        let mut noise = finding(Cause::LabelNoise);
        noise.images = vec!["train/0/03.png".to_owned(), "val/0/01.png".to_owned()];
        let mut copies = finding(Cause::Leakage);
        copies.images = vec!["val/1/02.png".to_owned()];
        let mut map = finding(Cause::LabelMapMismatch);
        map.class_map.val = vec![1, 2, 0];
        let findings = [noise, copies, map];
        let mut tried = std::collections::BTreeSet::new();
        for preset in crate::model::presets() {
            let mut run = spec(json!({"model": {"preset": preset.name}}));
            run.name = "mine".to_owned();
            let case = Remediable {
                spec: &run,
                epochs: 12,
                index: &index,
                findings: &findings,
            };
            for remedy in Cause::ALL.into_iter().flat_map(remedies) {
                assert!(!remedy.words.is_empty() && !remedy.words.ends_with('.'));
                let Some(applied) = remedy.apply(&case) else {
                    continue;
                };
                tried.insert(remedy.id);
                assert_eq!(applied.check(), [], "{remedy:?} of {}", preset.name);
                let varied = index.varied(&applied.variation).unwrap();
                plan_for(&applied, varied.classes.len()).unwrap();
                assert!(applied.name.is_empty());
                assert_ne!(
                    RunSpec {
                        name: String::new(),
                        ..run.clone()
                    },
                    applied
                );
            }
        }
        let never: Vec<&str> = Cause::ALL
            .into_iter()
            .flat_map(remedies)
            .filter(|remedy| !remedy.is_for_people() && !tried.contains(remedy.id))
            .map(|remedy| remedy.id)
            .collect();
        // Every preset normalises its inputs by training.
        assert_eq!(never, ["normalise-inputs"]);
    }

    #[test]
    fn the_first_remedy_of_a_cause_is_what_it_says() {
        let run = RunSpec::default();
        for (cause, id) in [
            (Cause::ScrambledLabels, "validate-within-training"),
            (Cause::SplitShift, "resplit-pooled"),
            (Cause::OrderedSplit, "resplit-pooled"),
            (Cause::PreprocessingMismatch, "normalise-by-image"),
            (Cause::BnEvalDiscrepancy, "recalibrate-batch-norm"),
            (Cause::ClassImbalance, "augmented-balanced-sampling"),
            (Cause::UnstableOptimisation, "lower-learning-rate"),
            (Cause::NotLearning, "default-learning-rate"),
        ] {
            let (first, spec) = first(cause, &run, &[]).unwrap();
            assert_eq!(first, id);
            match id {
                "validate-within-training" => {
                    assert_eq!(spec.variation.split, Resplit::WithinTraining)
                }
                "resplit-pooled" => assert_eq!(spec.variation.split, Resplit::Pooled),
                "normalise-by-image" => assert_eq!(spec.input.normalize, Normalize::Image),
                _ => {}
            }
        }
        for cause in [Cause::NoSignal, Cause::EvaluationBug] {
            assert_eq!(first(cause, &run, &[]), None);
        }
    }
}
