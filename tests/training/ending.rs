//! How runs end, and what they cannot begin with.

use crate::images::dataset;
use crate::recorder::{Recorder, run, spec};
use gapwatch::run::{Metric, RunStatus, Split};
use gapwatch::train::{Checkpoint, Outcome, TrainError};
use serde_json::json;
use std::fs;
use tempfile::tempdir;

#[test]
fn early_stopping_ends_the_run_and_restores_the_best() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    let spec = spec(json!({"train": {
        "epochs": 200,
        "early_stopping": {"metric": "val_accuracy", "patience": 3}
    }}));
    let mut recorder = Recorder::default();
    let outcome = run(&spec, &dataset, folder.path(), 2, &mut recorder).unwrap();
    let Outcome::Over {
        status,
        message,
        best,
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    let best = best.unwrap();
    assert_eq!(
        (status, best.metric),
        (RunStatus::Finished, Metric::ValAccuracy)
    );
    assert!(
        message.contains("val_accuracy has not improved for 3 epochs"),
        "{message}"
    );
    assert_eq!(recorder.reports.len() as u32, best.epoch + 3);
    let checkpoint = |name| Checkpoint::read(&folder.path().join(name)).unwrap().facts;
    assert_eq!(checkpoint("best.safetensors").epoch, best.epoch);
    assert_eq!(checkpoint("last.safetensors").epoch, best.epoch);
    assert_eq!(checkpoint("last.state.safetensors").epoch, best.epoch + 3);
}

#[test]
fn without_early_stopping_the_best_epoch_is_still_known() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::default();
    run(&spec(json!({})), &dataset, folder.path(), 2, &mut recorder).unwrap();
    let losses: Vec<f64> = recorder
        .curve()
        .iter()
        .map(|r| r.val.as_ref().unwrap().loss)
        .collect();
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let best = recorder.best.last().unwrap();
    assert_eq!(best.value, least);
    let facts = Checkpoint::read(&folder.path().join("best.safetensors"))
        .unwrap()
        .facts;
    assert_eq!(facts.epoch, best.epoch);
    assert_eq!(facts.metrics.val.unwrap().loss, least);
}

#[test]
fn a_diverged_run_says_where_and_keeps_its_last_good_checkpoint() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    let settings = |lr: f64, epochs| {
        spec(json!({
            "model": {"layers": [{"flatten": {}}, {"linear": {"out": 16}}, {"relu": {}}, {"name": "out", "linear": {}}]},
            "train": {"epochs": epochs, "optimizer": {"kind": "sgd", "lr": lr}}
        }))
    };
    let mut recorder = Recorder::default();
    let outcome = run(
        &settings(100.0, 500),
        &dataset,
        folder.path(),
        1,
        &mut recorder,
    )
    .unwrap();
    let Outcome::Over {
        status, message, ..
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(status, RunStatus::Diverged, "{message}");
    assert!(
        message.contains("epoch") && message.contains("Lower the learning rate"),
        "{message}"
    );
    assert!(
        message.contains("layer '") || message.contains("' holds"),
        "{message}"
    );
    let epochs = recorder.reports.len() as u32;
    let checkpoint = Checkpoint::read(&folder.path().join("last.safetensors")).unwrap();
    assert!((1..=epochs).contains(&checkpoint.facts.epoch));
    for (name, tensor) in checkpoint.tensors {
        let numbers = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(numbers.iter().all(|x| x.is_finite()), "{name}");
    }
}

#[test]
fn a_dataset_without_validation_images_is_trained_on_and_has_no_best_epoch() {
    let data = tempdir().unwrap();
    let mut dataset = dataset(data.path());
    dataset
        .index
        .entries
        .retain(|entry| entry.split != Split::Val);
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::default();
    let outcome = run(&spec(json!({})), &dataset, folder.path(), 2, &mut recorder).unwrap();
    assert!(matches!(
        outcome,
        Outcome::Over {
            status: RunStatus::Finished,
            best: None,
            ..
        }
    ));
    let last = recorder.curve().pop().unwrap();
    assert!(last.val.is_none() && last.test.is_some());
    assert!(!folder.path().join("best.safetensors").exists());
    assert!(folder.path().join("last.safetensors").exists());

    let stopping = spec(json!({"train": {"early_stopping": {"patience": 2}}}));
    let result = run(
        &stopping,
        &dataset,
        folder.path(),
        2,
        &mut Recorder::default(),
    );
    assert!(matches!(result, Err(TrainError::Spec(e)) if e.0[0].field == "train.early_stopping"));
}

#[test]
fn a_card_or_layers_that_do_not_fit_are_refused_before_anything_is_written() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    let inside = folder.path().join("run");
    for (over, field) in [
        (json!({"device": "cuda:0"}), "device"),
        (
            json!({"model": {"layers": [{"linear": {}}]}}),
            "model.layers[0]",
        ),
        (
            json!({"model": {"layers": [{"flatten": {}}, {"batch_norm": {}}, {"linear": {}}]}, "train": {"batch_size": 1}}),
            "train.batch_size",
        ),
    ] {
        let result = run(&spec(over), &dataset, &inside, 1, &mut Recorder::default());
        assert!(
            matches!(&result, Err(TrainError::Spec(e)) if e.0[0].field == field),
            "{result:?}"
        );
    }
    assert!(fs::metadata(&inside).is_err());
}
