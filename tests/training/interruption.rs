//! A run that is left, at whatever instant, goes on as if it had not been.

use crate::images::{dataset, write_dataset};
use crate::recorder::{FILES, Recorder, contents, run, spec, spec_with_options};
use gapwatch::data::Dataset;
use gapwatch::run::{RunSpec, RunStatus};
use gapwatch::train::{Outcome, TrainError, Wish};
use serde_json::json;
use std::fs;
use tempfile::tempdir;

/// Leaves a run within the first epoch, between epochs, and in the scoring of a later one: it goes on to the curve and the
/// files of one that was not left.
pub fn goes_on_from_any_step(spec: &RunSpec, dataset: &Dataset) {
    let whole = tempdir().unwrap();
    let mut uninterrupted = Recorder::default();
    run(spec, dataset, whole.path(), 2, &mut uninterrupted).unwrap();
    for left_at in [2, 14, 37] {
        let folder = tempdir().unwrap();
        let mut before = Recorder::wishing(left_at, Wish::Pause);
        let outcome = run(spec, dataset, folder.path(), 2, &mut before).unwrap();
        assert_eq!(outcome, Outcome::Paused);
        let mut after = Recorder::default();
        run(spec, dataset, folder.path(), 1, &mut after).unwrap();
        let curve = [before.curve(), after.curve()].concat();
        assert_eq!(curve, uninterrupted.curve(), "left at step {left_at}");
        assert!(contents(folder.path()) == contents(whole.path()));
    }
}

#[test]
fn a_run_that_was_left_at_any_step_has_the_curve_of_one_that_was_not() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    for spec in [spec(json!({})), spec_with_options()] {
        goes_on_from_any_step(&spec, &dataset);
    }
}

#[test]
fn checkpoints_that_were_not_written_after_the_state_are_mended_from_it() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let settings = |epochs| spec(json!({"train": {"epochs": epochs}}));
    let whole = tempdir().unwrap();
    run(
        &settings(2),
        &dataset,
        whole.path(),
        2,
        &mut Recorder::default(),
    )
    .unwrap();

    // What a kill right after the second epoch's state leaves: the other two files are the first epoch's.
    let killed = tempdir().unwrap();
    run(
        &settings(1),
        &dataset,
        killed.path(),
        2,
        &mut Recorder::default(),
    )
    .unwrap();
    fs::copy(whole.path().join(FILES[2]), killed.path().join(FILES[2])).unwrap();
    let mut recorder = Recorder::default();
    run(&settings(2), &dataset, killed.path(), 2, &mut recorder).unwrap();
    assert!(recorder.reports.is_empty());
    assert!(contents(killed.path()) == contents(whole.path()));
}

#[test]
fn a_finished_run_goes_on_when_more_epochs_are_asked_for() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::default();
    for epochs in [2, 4] {
        let spec = spec(json!({"train": {"epochs": epochs}, "name": format!("{epochs} epochs")}));
        run(&spec, &dataset, folder.path(), 2, &mut recorder).unwrap();
    }
    let epochs: Vec<u32> = recorder.curve().iter().map(|r| r.epoch).collect();
    assert_eq!(epochs, [1, 2, 3, 4]);
}

#[test]
fn other_settings_or_images_are_not_gone_on_with() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    let one = spec(json!({"train": {"epochs": 1}}));
    run(&one, &dataset, folder.path(), 2, &mut Recorder::default()).unwrap();
    let refusal = |spec, dataset: &Dataset| match run(
        &spec,
        dataset,
        folder.path(),
        2,
        &mut Recorder::default(),
    ) {
        Err(TrainError::State(message)) => message,
        other => panic!("{other:?}"),
    };
    let message = refusal(
        spec(json!({"train": {"seed": 2, "batch_size": 9}})),
        &dataset,
    );
    assert!(
        message.contains("train.batch_size, train.seed"),
        "{message}"
    );
    write_dataset(data.path());
    fs::remove_file(data.path().join("train/left/000.png")).unwrap();
    let fewer = Dataset::open(data.path(), &|_, _| ()).unwrap();
    let message = refusal(one, &fewer);
    assert!(message.contains("the images"), "{message}");
}

#[test]
fn a_damaged_state_is_refused_and_left_as_it_is() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    let state = folder.path().join(FILES[2]);
    fs::write(&state, b"not a checkpoint").unwrap();
    let result = run(
        &spec(json!({})),
        &dataset,
        folder.path(),
        1,
        &mut Recorder::default(),
    );
    assert!(matches!(result, Err(TrainError::State(m)) if m.contains("safetensors")));
    assert_eq!(fs::read(&state).unwrap(), b"not a checkpoint");
}

#[test]
fn stop_keeps_the_best_and_cancel_ends_at_once() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    for (wish, wanted) in [
        (Wish::Stop, RunStatus::Stopped),
        (Wish::Cancel, RunStatus::Cancelled),
    ] {
        let folder = tempdir().unwrap();
        let mut recorder = Recorder::wishing(20, wish);
        let outcome = run(&spec(json!({})), &dataset, folder.path(), 2, &mut recorder).unwrap();
        let Outcome::Over { status, best, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(status, wanted);
        assert_eq!(best.as_ref(), recorder.best.last());
        assert!(folder.path().join(FILES[0]).exists());
    }
}
