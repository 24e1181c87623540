//! What the options of training do to a run.

use crate::images::{CLASSES, dataset};
use crate::recorder::{Recorder, run, spec};
use candle_core::Tensor;
use gapwatch::data::Dataset;
use gapwatch::run::{RunSpec, Split};
use gapwatch::train::{Checkpoint, TrainError};
use serde_json::json;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// What a run told, and the tensors of its files: last, state.
struct Done {
    told: Recorder,
    last: HashMap<String, Tensor>,
    state: HashMap<String, Tensor>,
}

fn train(spec: &RunSpec, dataset: &Dataset) -> Done {
    let folder = tempdir().unwrap();
    let mut told = Recorder::default();
    run(spec, dataset, folder.path(), 2, &mut told).unwrap();
    let tensors = |name| Checkpoint::read(&folder.path().join(name)).unwrap().tensors;
    Done {
        last: tensors("last.safetensors"),
        state: tensors("last.state.safetensors"),
        told,
    }
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn every_epoch_reports_the_rate_that_its_last_step_had() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let rates = |schedule| {
        let spec = spec(json!({"train": {"epochs": 4, "schedule": schedule}}));
        let curve = train(&spec, &dataset).told.curve();
        curve.iter().map(|r| r.lr).collect::<Vec<_>>()
    };
    let near = |own: &[f64], expected: [f64; 4]| {
        assert_eq!(own.len(), 4);
        for (own, expected) in own.iter().zip(expected) {
            assert!((own - expected).abs() < 1e-12, "{own} for {expected}");
        }
    };
    let step = rates(json!({"kind": "step", "step_size": 1, "gamma": 0.5, "warm_up": 1}));
    near(&step, [0.01, 0.02, 0.01, 0.005]);
    // Of 24 steps (51 images in batches of 10, the last one of 11 or so), the last has the lowest rate.
    let cycle = rates(json!({"kind": "one-cycle"}));
    assert!(cycle[0] > cycle[2] && cycle[2] > cycle[3]);
    assert!((cycle[3] - 0.02 / 25.0 / 1e4).abs() < 1e-15, "{cycle:?}");
}

#[test]
fn a_moving_average_is_scored_and_saved_and_leaves_training_as_it_was() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let plain = train(&spec(json!({})), &dataset);
    let averaged = train(&spec(json!({"train": {"ema_decay": 0.9}})), &dataset);
    for (one, other) in plain.told.curve().iter().zip(averaged.told.curve()) {
        assert_eq!(one.running, other.running);
        assert_ne!(one.train, other.train);
    }
    let weight = "0.weight";
    let trained = numbers(&averaged.state[&format!("trained.{weight}")]);
    assert_eq!(trained, numbers(&plain.last[weight]));
    assert_eq!(
        numbers(&averaged.state[&format!("model.{weight}")]),
        numbers(&averaged.last[weight])
    );
    assert_ne!(numbers(&averaged.last[weight]), trained);
    // An average that keeps nothing of itself is what is trained.
    let kept = train(&spec(json!({"train": {"ema_decay": 1e-12}})), &dataset);
    assert_eq!(plain.told.curve(), kept.told.curve());
}

#[test]
fn recalibration_gives_the_last_epoch_the_training_images_own_statistics() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let settings = |recalibrate, epochs| {
        spec(json!({
            "model": {"layers": [{"batch_norm": {}}, {"flatten": {}}, {"linear": {}}]},
            "input": {"normalize": "none"},
            "train": {"batch_size": 17, "epochs": epochs, "recalibrate": recalibrate},
        }))
    };
    let plain = train(&settings(false, 3), &dataset);
    let done = train(&settings(true, 3), &dataset);
    let (one, other) = (plain.told.curve(), done.told.curve());
    assert_eq!(one[..2], other[..2]);
    assert_ne!(one[2].val, other[2].val);
    assert_eq!(
        numbers(&plain.last["2.weight"]),
        numbers(&done.last["2.weight"])
    );
    // Three batches of seventeen: the mean of their means is the mean of all pixels.
    let (mut sum, mut count) = (0.0, 0.0);
    for class in CLASSES {
        for file in fs::read_dir(data.path().join("train").join(class)).unwrap() {
            for pixel in image::open(file.unwrap().path())
                .unwrap()
                .to_luma8()
                .pixels()
            {
                sum += f64::from(pixel[0]) / 255.0;
                count += 1.0;
            }
        }
    }
    let mean = f64::from(numbers(&done.last["0.running_mean"])[0]);
    assert!((mean - sum / count).abs() < 1e-6, "{mean}, {}", sum / count);
    let before = f64::from(numbers(&plain.last["0.running_mean"])[0]);
    assert!((before - sum / count).abs() > 1e-3, "{before}");
    assert!(done.told.logs.iter().any(|l| l.contains("estimated anew")));
}

#[test]
fn a_run_that_stops_early_is_recalibrated_before_its_last_scoring_too() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let settings = |recalibrate| {
        spec(json!({"train": {
            "epochs": 100,
            "optimizer": {"kind": "sgd", "lr": 1e-9},
            "recalibrate": recalibrate,
            "early_stopping": {"metric": "val_accuracy", "patience": 2, "min_delta": 0.9},
        }}))
    };
    let (plain, done) = (
        train(&settings(false), &dataset),
        train(&settings(true), &dataset),
    );
    let (one, other) = (plain.told.curve(), done.told.curve());
    assert_eq!((one.len(), other.len()), (3, 3));
    assert_eq!(one[..2], other[..2]);
    assert_ne!(one[2].train, other[2].train);
}

#[test]
fn images_that_are_normalised_one_by_one_enter_the_network_with_mean_zero_and_deviation_one() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let done = train(
        &spec(json!({"train": {"epochs": 1}, "input": {"normalize": "image"}})),
        &dataset,
    );
    let inputs = &done.told.examined[0].inputs;
    assert_eq!(inputs.len(), Split::ALL.len());
    for input in inputs {
        assert!(
            input.mean.abs() < 1e-5 && (input.std - 1.0).abs() < 1e-5,
            "{input:?}"
        );
    }
}

#[test]
fn a_rare_class_is_found_more_often_where_it_is_drawn_or_weighted_more() {
    let data = tempdir().unwrap();
    let mut dataset = dataset(data.path());
    // Three images are left of the first class.
    let mut of_first = 0;
    dataset.index.entries.retain(|entry| {
        let rare = entry.split == Split::Train && entry.label == 0;
        of_first += u32::from(rare);
        !rare || of_first <= 3
    });
    let recall = |over| {
        let report = train(&spec(json!({"train": over})), &dataset);
        let report = report.told.reports.last().unwrap().clone();
        let confusion = &report
            .confusion
            .iter()
            .find(|c| c.0 == Split::Val)
            .unwrap()
            .1;
        let right = confusion.0.iter().find(|c| (c.0, c.1) == (0, 0));
        right.map_or(0, |c| c.2)
    };
    let epochs = 4;
    let plain = recall(json!({"epochs": epochs}));
    for over in [
        json!({"epochs": epochs, "sampling": "balanced"}),
        json!({"epochs": epochs, "class_weights": "balanced"}),
    ] {
        let balanced = recall(over.clone());
        assert!(balanced > plain, "{over}: {balanced} of 6, {plain} without");
    }
}

#[test]
fn a_plateau_without_validation_images_is_refused_by_its_field() {
    let data = tempdir().unwrap();
    let mut dataset = dataset(data.path());
    dataset.index.entries.retain(|e| e.split != Split::Val);
    let spec = spec(json!({"train": {"schedule": {"kind": "plateau"}}}));
    let nowhere = Path::new("no-such-folder");
    let refused = run(&spec, &dataset, nowhere, 1, &mut Recorder::default());
    assert!(
        matches!(&refused, Err(TrainError::Spec(e)) if e.0[0].field == "train.schedule"),
        "{refused:?}"
    );
}
