//! Every remedy of every cause, in the order in which to try them.

use super::remedy::{Change, Remedy};
use super::{images, network, training};
use crate::diagnose::finding::Cause;

/// A remedy that a spec can carry out.
const fn by_run(id: &'static str, words: &'static str, change: Change) -> Remedy {
    Remedy {
        id,
        words,
        change: Some(change),
    }
}

/// A remedy that only people can carry out.
const fn by_people(id: &'static str, words: &'static str) -> Remedy {
    Remedy {
        id,
        words,
        change: None,
    }
}

const GLOBAL_POOLING: Remedy = by_run(
    "global-pooling",
    "the maximum over the whole image in place of flatten and hidden linear layers",
    network::global_pooling,
);
const USE_BASELINE: Remedy = by_run(
    "use-baseline",
    "use a small convolutional network with global pooling",
    network::baseline,
);
const AUGMENT: Remedy = by_run(
    "augment",
    "augmentation that keeps the class",
    images::augment,
);
const LABEL_SMOOTHING: Remedy = by_run(
    "label-smoothing",
    "label smoothing",
    training::label_smoothing,
);
const RESPLIT_POOLED: Remedy = by_run(
    "resplit-pooled",
    "put training and validation together and split them anew, each class in the same proportion",
    images::resplit_pooled,
);
const VALIDATE_WITHIN_TRAINING: Remedy = by_run(
    "validate-within-training",
    "validate on images drawn from training, whose labels can be learnt",
    images::validate_within_training,
);
const NORMALISE_BY_IMAGE: Remedy = by_run(
    "normalise-by-image",
    "normalise each image by its own mean and deviation",
    images::normalise_by_image,
);
const LARGER_BATCH: Remedy = by_run(
    "larger-batch",
    "train with larger batches",
    training::larger_batch,
);
const OTHER_INITIALISATION: Remedy = by_run(
    "other-initialisation",
    "start from other initial weights",
    training::other_initialisation,
);
const MORE_DATA: Remedy = by_people("more-data", "collect more images");

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
        "leave a recurrent layer out that has no order to read",
        network::drop_recurrent_head,
    ),
    by_run(
        "fewer-channels",
        "half as many channels and hidden units",
        network::fewer_channels,
    ),
    AUGMENT,
    by_run("weight-decay", "weight decay", training::weight_decay),
    by_run("dropout", "dropout before the last layer", network::dropout),
    LABEL_SMOOTHING,
    by_run(
        "mixup",
        "mix every training image with another",
        images::mixup,
    ),
    by_run(
        "early-stopping",
        "stop when validation no longer improves",
        training::early_stopping,
    ),
    MORE_DATA,
];

const NO_SIGNAL: &[Remedy] = &[
    by_people(
        "other-inputs",
        "inputs that tell the classes apart: larger, in colour, or of another kind",
    ),
    MORE_DATA,
];

const LABEL_MAP_MISMATCH: &[Remedy] = &[
    by_run(
        "one-class-map",
        "number the classes of held-out images as those of training",
        images::one_class_map,
    ),
    VALIDATE_WITHIN_TRAINING,
    by_people(
        "one-class-list",
        "make one list of the classes, from the training split, and use it everywhere",
    ),
];

const SCRAMBLED_LABELS: &[Remedy] = &[
    VALIDATE_WITHIN_TRAINING,
    by_people("relabel", "correct the labels of that split"),
];

const SPLIT_SHIFT: &[Remedy] = &[
    RESPLIT_POOLED,
    by_run(
        "augment-brightness",
        "change brightness and contrast of training images at random",
        images::augment_brightness,
    ),
    NORMALISE_BY_IMAGE,
];

const GROUP_SHIFT: &[Remedy] = &[
    AUGMENT,
    by_run(
        "resplit-pooled",
        "split anew by chance; that asks another question: new images of known groups, not new groups",
        images::resplit_pooled,
    ),
    by_people("more-groups", "collect images of more groups"),
];

const CLASSES_BY_SPLIT: &[Remedy] = &[
    RESPLIT_POOLED,
    by_people(
        "split-on-intake",
        "take the dataset in again and let it be split anew, class by class",
    ),
];

const PREPROCESSING_MISMATCH: &[Remedy] = &[
    NORMALISE_BY_IMAGE,
    by_people("one-preparation", "prepare all splits by the same code"),
];

const BN_EVAL_DISCREPANCY: &[Remedy] = &[
    by_run(
        "recalibrate-batch-norm",
        "estimate batch norm's statistics again at the end",
        training::recalibrate,
    ),
    by_run(
        "group-norm",
        "group norm in place of batch norm",
        network::group_norm,
    ),
    LARGER_BATCH,
];

const LEAKAGE: &[Remedy] = &[by_run(
    "remove-duplicates",
    "leave out held-out images whose picture is in training",
    images::without_copies,
)];

const LABEL_NOISE: &[Remedy] = &[
    by_run(
        "train-without-suspects",
        "train without the images whose labels are in question",
        images::without_suspects,
    ),
    LABEL_SMOOTHING,
    by_people("review-suspects", "look through the images in question"),
];

const CLASS_IMBALANCE: &[Remedy] = &[
    by_run(
        "balanced-sampling",
        "draw the classes equally often",
        training::balanced_sampling,
    ),
    by_run(
        "class-weights",
        "weight the loss by class",
        training::class_weights,
    ),
];

const WEAKER_THAN_BASELINE: &[Remedy] = &[USE_BASELINE, GLOBAL_POOLING];

const UNSTABLE_OPTIMISATION: &[Remedy] = &[
    by_run(
        "lower-learning-rate",
        "a tenth of the learning rate",
        training::lower_learning_rate,
    ),
    LARGER_BATCH,
    by_run(
        "average-weights",
        "score a moving average of the weights",
        training::average_weights,
    ),
    by_people(
        "keep-best",
        "take the checkpoint of the best epoch, which is kept",
    ),
];

const FROZEN_LAYERS: &[Remedy] = &[
    by_people("unfreeze", "let the frozen layers learn"),
    by_run(
        "lower-dropout",
        "half as much dropout",
        network::lower_dropout,
    ),
    OTHER_INITIALISATION,
];

const NOT_LEARNING: &[Remedy] = &[
    by_run(
        "default-learning-rate",
        "the optimizer's usual learning rate, or a tenth of it",
        training::default_learning_rate,
    ),
    by_run(
        "normalise-inputs",
        "normalise by the statistics of training",
        images::normalise_inputs,
    ),
    by_run(
        "longer-training",
        "train three times as long",
        training::longer,
    ),
    OTHER_INITIALISATION,
];

const EVALUATION_BUG: &[Remedy] = &[by_people("mend-scoring", "mend the scoring")];

#[cfg(test)]
mod tests {
    use super::super::Remediable;
    use super::*;
    use crate::data::{Entry, Format, Index, Origin};
    use crate::diagnose::finding::{Finding, Severity};
    use crate::model::{plan_for, resolve};
    use crate::run::{
        AdaptivePool, ClassMap, Layer, LayerSpec, ModelSpec, Normalize, Resplit, RunSpec, Split,
    };
    use serde_json::{Value, json};

    /// Three classes of 20, 12 and 8 training images and 4 of each held-out split.
    fn index() -> Index {
        let mut entries = Vec::new();
        for (split, counts) in [
            (Split::Train, [20, 12, 8]),
            (Split::Val, [4; 3]),
            (Split::Test, [4; 3]),
        ] {
            for (label, count) in counts.into_iter().enumerate() {
                for n in 0..count {
                    entries.push(Entry {
                        path: format!("{}/{label}/{n:02}.png", split.name()),
                        split,
                        label: label as u32,
                        format: Format::Png,
                        width: 16,
                        height: 16,
                        channels: 1,
                        group: None,
                    });
                }
            }
        }
        Index {
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            entries,
            unreadable: Vec::new(),
            notes: Vec::new(),
            channels: Vec::new(),
            origin: Origin::default(),
            fingerprint: "f".to_owned(),
        }
    }

    fn spec(user: Value) -> RunSpec {
        resolve(user, Some((64, 128))).unwrap()
    }

    fn finding(cause: Cause) -> Finding {
        let mut finding = Finding::new("x", Severity::Problem, "x");
        finding.cause = Some(cause);
        finding
    }

    /// The first remedy of a cause that applies, with its spec.
    fn first(
        cause: Cause,
        spec: &RunSpec,
        findings: &[Finding],
    ) -> Option<(&'static str, RunSpec)> {
        let index = index();
        let case = Remediable {
            spec,
            epochs: spec.train.epochs,
            index: &index,
            findings,
        };
        let applied = |remedy: &Remedy| Some((remedy.id, remedy.apply(&case)?));
        remedies(cause).iter().find_map(applied)
    }

    fn by_id(id: &str, spec: &RunSpec, findings: &[Finding]) -> Option<RunSpec> {
        let index = index();
        let case = Remediable {
            spec,
            epochs: spec.train.epochs,
            index: &index,
            findings,
        };
        let found = Cause::ALL.into_iter().flat_map(remedies);
        found.into_iter().find(|r| r.id == id).unwrap().apply(&case)
    }

    fn layers(spec: &RunSpec) -> &[LayerSpec] {
        match &spec.model {
            ModelSpec::Layers(layers) => layers,
            ModelSpec::Preset(name) => panic!("preset {name}"),
        }
    }

    #[test]
    fn every_remedy_of_every_preset_is_a_run_that_fits_or_none() {
        let index = index();
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
    fn global_pooling_keeps_the_convolutions_and_leaves_nothing_else_to_learn_by_heart() {
        let run = spec(json!({"model": {"preset": "cnn-bilstm"}}));
        let (id, pooled) = first(Cause::Memorisation, &run, &[]).unwrap();
        assert_eq!(id, "global-pooling");
        let kinds: Vec<&str> = layers(&pooled).iter().map(|l| l.layer.kind()).collect();
        assert_eq!(
            kinds[kinds.len() - 3..],
            ["adaptive_max_pool", "flatten", "linear"]
        );
        assert_eq!(kinds.iter().filter(|kind| **kind == "conv2d").count(), 3);
        assert!(!kinds.contains(&"lstm"));
        assert_eq!(pooled.train, run.train);
        assert!(plan_for(&pooled, 3).unwrap().parameters < 20_000);
        // What is done already is not done again.
        let (id, _) = first(Cause::Memorisation, &pooled, &[]).unwrap();
        assert_eq!(id, "use-baseline");
    }

    #[test]
    fn a_network_without_convolutions_gives_way_to_the_small_one() {
        let run = spec(json!({"model": {"preset": "mlp"}, "train": {"epochs": 4}}));
        for cause in [Cause::Memorisation, Cause::WeakerThanBaseline] {
            let (_, pooled) = first(cause, &run, &[]).unwrap();
            assert_eq!(pooled.model, ModelSpec::Preset("cnn-gap".to_owned()));
            assert_eq!(pooled.train.optimizer.lr(), 1e-3);
            // An epoch of so few images is two steps, and the small network is to have 400.
            assert_eq!(pooled.train.epochs, 200);
        }
    }

    #[test]
    fn fewer_channels_are_half_of_them_but_for_the_classes() {
        let run = spec(json!({"model": {"preset": "cnn-flat"}}));
        let halved = by_id("fewer-channels", &run, &[]).unwrap();
        let outs: Vec<usize> = layers(&halved)
            .iter()
            .filter_map(|l| match &l.layer {
                Layer::Conv2d(conv) => Some(conv.out),
                _ => None,
            })
            .collect();
        assert_eq!(outs, [8, 16, 16]);
    }

    #[test]
    fn a_recurrent_head_over_one_step_is_left_out_and_one_over_columns_is_not() {
        let run = spec(json!({"model": {"preset": "cnn-bilstm"}}));
        let without = by_id("drop-recurrent-head", &run, &[]).unwrap();
        let kinds: Vec<&str> = layers(&without).iter().map(|l| l.layer.kind()).collect();
        assert_eq!(
            kinds[kinds.len() - 4..],
            ["flatten", "linear", "relu", "linear"]
        );
        let run = spec(json!({"model": {"preset": "crnn"}}));
        assert_eq!(by_id("drop-recurrent-head", &run, &[]), None);
    }

    #[test]
    fn group_norm_stands_wherever_batch_norm_stood_inside_blocks_too() {
        let run = spec(json!({"model": {"preset": "resnet-small"}}));
        let spec = by_id("group-norm", &run, &[]).unwrap();
        let plan = plan_for(&spec, 3).unwrap();
        let count = |kind: &str| {
            plan.places()
                .iter()
                .filter(|p| p.layer.kind == kind)
                .count()
        };
        assert_eq!((count("batch_norm"), count("group_norm")), (0, 9));
        let plain = self::spec(json!({"model": {"preset": "mlp"}}));
        assert_eq!(by_id("group-norm", &plain, &[]), None);
        assert_eq!(by_id("recalibrate-batch-norm", &plain, &[]), None);
    }

    #[test]
    fn learning_rates_go_to_the_usual_one_where_they_are_far_from_it() {
        let run = |lr: f64| spec(json!({"train": {"optimizer": {"kind": "adam", "lr": lr}}}));
        let rate = |id: &str, lr: f64| by_id(id, &run(lr), &[]).unwrap().train.optimizer.lr();
        let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} {b}");
        near(rate("default-learning-rate", 1e-7), 1e-3);
        near(rate("default-learning-rate", 0.3), 1e-3);
        near(rate("default-learning-rate", 2e-3), 2e-4);
        near(rate("lower-learning-rate", 0.3), 1e-3);
        near(rate("lower-learning-rate", 5e-3), 5e-4);
    }

    #[test]
    fn one_class_map_is_what_the_confusion_matrix_shows_upon_what_the_run_has() {
        let mut found = finding(Cause::LabelMapMismatch);
        found.class_map.val = vec![1, 2, 0];
        let mut run = RunSpec::default();
        let (id, mapped) = first(Cause::LabelMapMismatch, &run, &[found.clone()]).unwrap();
        assert_eq!(id, "one-class-map");
        let map = |val: &[u32], test: &[u32]| ClassMap {
            val: val.to_vec(),
            test: test.to_vec(),
        };
        assert_eq!(mapped.variation.class_map, map(&[1, 2, 0], &[]));
        // Nothing is known of test images whose figures are sealed.
        run.test = crate::run::TestFigures::Sealed;
        let sealed = by_id("one-class-map", &run, &[found.clone()]).unwrap();
        assert_eq!(sealed.variation.class_map, map(&[1, 2, 0], &[1, 2, 0]));
        run.variation.class_map = map(&[2, 1, 0], &[]);
        let upon = by_id("one-class-map", &run, &[found]).unwrap();
        assert_eq!(upon.variation.class_map.val, [0, 2, 1]);
        // Without a map that was seen the next one is tried.
        let (id, _) = first(Cause::LabelMapMismatch, &RunSpec::default(), &[]).unwrap();
        assert_eq!(id, "validate-within-training");
    }

    #[test]
    fn copies_are_left_out_of_held_out_splits_and_suspects_out_of_training() {
        let names = |images: &[&str]| images.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>();
        let mut copies = finding(Cause::Leakage);
        copies.images = names(&["val/0/00.png", "test/0/00.png", "train/0/00.png"]);
        let run = RunSpec::default();
        let (_, clean) = first(Cause::Leakage, &run, &[copies.clone()]).unwrap();
        assert_eq!(clean.variation.without, ["test/0/00.png", "val/0/00.png"]);
        let mut noise = finding(Cause::LabelNoise);
        noise.images = names(&["val/1/00.png", "train/2/07.png"]);
        let (id, trusted) = first(Cause::LabelNoise, &clean, &[noise, copies]).unwrap();
        assert_eq!(id, "train-without-suspects");
        assert_eq!(
            trusted.variation.without,
            ["test/0/00.png", "train/2/07.png", "val/0/00.png"]
        );
        assert_eq!(first(Cause::Leakage, &run, &[]), None);
        // Of an audit of another dataset.
        let mut gone = finding(Cause::Leakage);
        gone.images = names(&["val/9/00.png"]);
        assert_eq!(first(Cause::Leakage, &run, &[gone]), None);
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
            (Cause::ClassImbalance, "balanced-sampling"),
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

    #[test]
    fn a_pool_of_features_by_places_becomes_a_global_one() {
        let run = spec(json!({"model": {"layers": [
            {"conv2d": {"out": 16, "kernel": 3, "padding": 1}}, {"relu": {}}, {"adaptive_max_pool": {"out": 4}},
            {"flatten": {}}, {"name": "classifier", "linear": {}}
        ]}}));
        let pooled = by_id("global-pooling", &run, &[]).unwrap();
        let one = Layer::AdaptiveMaxPool(AdaptivePool {
            out: crate::run::Pair::both(1),
        });
        assert_eq!(layers(&pooled).iter().filter(|l| l.layer == one).count(), 1);
        assert_eq!(layers(&pooled).len(), 5);
        assert_eq!(layers(&pooled)[4].name.as_deref(), Some("classifier"));
        assert!(matches!(&layers(&pooled)[0].layer, Layer::Conv2d(conv) if conv.out == 32));
    }
}
