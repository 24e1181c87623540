//! Training images are changed at random, the same in every run of a seed, and nothing else is.

use crate::images::dataset;
use crate::interruption::goes_on_from_any_step;
use crate::recorder::{Recorder, contents, run, spec};
use gapwatch::run::{EpochRecord, OPERATIONS, RunSpec};
use serde_json::{Value, json};
use tempfile::tempdir;

/// Every operation, none so strong that nothing is left to learn.
fn everything() -> Value {
    let strength = |name: &str, most: f64| {
        if name.starts_with("flip") {
            0.5
        } else {
            0.3 * most
        }
    };
    let table = OPERATIONS
        .iter()
        .map(|o| (o.name.to_owned(), json!(strength(o.name, o.most))));
    Value::Object(table.collect())
}

fn augmented(train: Value) -> RunSpec {
    spec(json!({"augment": everything(), "train": train}))
}

#[test]
fn an_augmented_run_gives_the_same_bits_with_any_threads_and_from_disk() {
    let data = tempdir().unwrap();
    let mut dataset = dataset(data.path());
    let in_memory = dataset.image_memory_bytes;
    let spec = augmented(json!({"epochs": 3}));
    let mut first: Option<(Vec<EpochRecord>, Vec<Vec<u8>>)> = None;
    for (threads, room) in [
        (1, in_memory),
        (1, in_memory),
        (2, in_memory),
        (4, in_memory),
        (2, 96 * 20),
    ] {
        dataset.image_memory_bytes = room;
        let folder = tempdir().unwrap();
        let mut recorder = Recorder::default();
        run(&spec, &dataset, folder.path(), threads, &mut recorder).unwrap();
        let found = (recorder.curve(), contents(folder.path()));
        let wanted = first.get_or_insert(found.clone());
        assert_eq!(wanted.0, found.0, "{threads} threads");
        assert!(wanted.1 == found.1, "{threads} threads");
    }
}

#[test]
fn an_augmented_run_that_was_left_at_any_step_goes_on_as_if_it_had_not_been() {
    let data = tempdir().unwrap();
    goes_on_from_any_step(&augmented(json!({})), &dataset(data.path()));
}

/// The one epoch of a network that hardly moves and sees an image the same in any company.
fn still(augment: Value, seed: u64) -> EpochRecord {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::default();
    let spec = spec(json!({
        "model": {"layers": [{"conv2d": {"out": 4, "kernel": 3}}, {"relu": {}}, {"flatten": {}}, {"linear": {}}]},
        "train": {"epochs": 1, "seed": seed, "optimizer": {"kind": "sgd", "lr": 1e-30}},
        "augment": augment,
    }));
    run(&spec, &dataset, folder.path(), 2, &mut recorder).unwrap();
    recorder.curve().remove(0)
}

#[test]
fn scores_are_those_of_the_images_as_they_are_and_the_running_loss_that_of_the_changed_ones() {
    let plain = still(json!({}), 1);
    let changed = still(everything(), 1);
    assert_eq!(
        (&plain.train, &plain.val, &plain.test),
        (&changed.train, &changed.val, &changed.test)
    );
    let running = |record: &EpochRecord| record.running.as_ref().unwrap().loss;
    assert!((running(&plain) - plain.train.as_ref().unwrap().loss).abs() < 1e-6);
    assert!((running(&changed) - running(&plain)).abs() > 1e-4);
}

#[test]
fn every_operation_changes_what_the_network_is_trained_on() {
    let running = |augment: Value| still(augment, 1).running.unwrap().loss;
    let plain = running(json!({}));
    for operation in OPERATIONS {
        let changed = running(json!({operation.name: operation.most * 0.5}));
        assert!(
            changed.is_finite() && changed != plain,
            "{}",
            operation.name
        );
    }
}
