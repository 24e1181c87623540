//! Runs on variations of a dataset: part of what repeats, resumes and is recorded.

use crate::images::dataset;
use crate::recorder::{Recorder, run, spec};
use gapwatch::train::{TrainError, Wish};
use serde_json::json;

#[test]
fn a_run_on_half_of_the_images_with_shuffled_labels_comes_again_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder.path().join("data"));
    let varied = |share: f64, shuffled: bool| {
        spec(json!({
            "train": {"epochs": 3},
            "variation": {"training_share": share, "shuffle_labels": shuffled, "seed": 4}
        }))
    };
    let train = |name: &str, share, shuffled, recorder: &mut Recorder| {
        let folder = folder.path().join(name);
        run(&varied(share, shuffled), &dataset, &folder, 1, recorder)
    };
    let [mut whole, mut again, mut unshuffled] = [(); 3].map(|()| Recorder::default());
    train("whole", 0.5, true, &mut whole).unwrap();
    train("again", 0.5, true, &mut again).unwrap();
    train("unshuffled", 0.5, false, &mut unshuffled).unwrap();
    let first = &whole.reports[0].record;
    assert_eq!(first.train.as_ref().unwrap().n, 27);
    assert_eq!(first.val.as_ref().unwrap().n, 18);
    assert_eq!(whole.curve(), again.curve());
    assert_ne!(whole.curve(), unshuffled.curve());
    assert!(
        whole
            .logs
            .iter()
            .any(|l| l.contains("50 % of the training images, training labels shuffled, seed 4"))
    );

    let mut left = Recorder::wishing(12, Wish::Pause);
    train("left", 0.5, true, &mut left).unwrap();
    let other = train("left", 1.0, true, &mut Recorder::default());
    assert!(
        matches!(&other, Err(TrainError::State(reason)) if reason.contains("differs in variation")),
        "{other:?}"
    );
    let mut resumed = Recorder::default();
    train("left", 0.5, true, &mut resumed).unwrap();
    assert_eq!(resumed.curve().last(), whole.curve().last());
}

#[test]
fn a_fold_that_cannot_be_made_is_an_error_of_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder.path().join("data"));
    let spec = spec(json!({
        "variation": {"split": {"kind": "fold", "number": 1, "of": 3, "by_group": true}}
    }));
    let result = run(
        &spec,
        &dataset,
        &folder.path().join("run"),
        1,
        &mut Recorder::default(),
    );
    match result {
        Err(TrainError::Spec(error)) => assert_eq!(error.0[0].field, "variation.split.by_group"),
        other => panic!("{other:?}"),
    }
}
