//! What forward passes show after a run: each fault planted in small images or networks is found, a healthy run is left
//! alone, and an examination that was broken off is made again.

use crate::images::{self, CLASSES, dataset};
use crate::recorder::{Recorder, run, spec};
use gapwatch::data::Dataset;
use gapwatch::diagnose::finding::Finding;
use gapwatch::diagnose::{Diagnosis, Measured, Subject, Verdict, diagnose_run};
use gapwatch::run::{Examination, RunSpec, RunStatus, Split, Statistics};
use gapwatch::train::{Outcome, Wish};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// A run of 17, 6 and 5 images a class (or what `root` has), and the diagnosis on all that it told.
fn diagnosed(root: &Path, spec: &RunSpec) -> (Recorder, Diagnosis) {
    let dataset = Dataset::open(root, &|_, _| ()).unwrap();
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::default();
    run(spec, &dataset, folder.path(), 2, &mut recorder).unwrap();
    let diagnosis = judge(&recorder, &dataset);
    (recorder, diagnosis)
}

fn judge(recorder: &Recorder, dataset: &Dataset) -> Diagnosis {
    let epochs = recorder.curve();
    let counts = Split::ALL.map(|split| {
        let mut counts = vec![0; dataset.index.classes.len()];
        for entry in dataset.index.of(split) {
            counts[entry.label as usize] += 1;
        }
        (split, counts)
    });
    let subject = Subject {
        epochs: &epochs,
        classes: dataset.index.classes.len(),
        class_counts: &counts,
        status: RunStatus::Finished,
        best_epoch: recorder.best.last().map(|best| best.epoch),
    };
    let last = recorder.reports.last().unwrap();
    let measured = Measured {
        confusion: last.confusion.clone(),
        images: last.images.clone(),
        examination: recorder.examined.last().cloned(),
    };
    diagnose_run(&subject, &dataset.index.classes, &measured)
}

fn found<'a>(diagnosis: &'a Diagnosis, id: &str) -> &'a Finding {
    let finding = diagnosis.findings.iter().find(|f| f.id == id);
    finding.unwrap_or_else(|| panic!("{id} in {:?}", diagnosis.findings))
}

fn causes(diagnosis: &Diagnosis) -> Vec<Value> {
    diagnosis
        .causes
        .iter()
        .map(|suspect| serde_json::to_value(suspect.id).unwrap())
        .collect()
}

/// As many epochs as the small network with all kinds of state needs to learn the bars.
fn learns() -> RunSpec {
    spec(json!({"train": {"epochs": 14}}))
}

fn timeless(examination: &Examination) -> Examination {
    Examination {
        seconds: 0.0,
        ..examination.clone()
    }
}

#[test]
fn a_healthy_run_is_examined_and_nothing_is_found() {
    let data = tempdir().unwrap();
    images::write_dataset(data.path());
    for seed in 1..=3 {
        let settings = spec(json!({"train": {"epochs": 14, "seed": seed}}));
        let (recorder, diagnosis) = diagnosed(data.path(), &settings);
        assert_eq!(diagnosis.findings, [], "seed {seed}");
        assert_eq!(diagnosis.causes, []);
        assert_eq!(diagnosis.not_checked, Vec::<String>::new());

        let [examination] = &recorder.examined[..] else {
            panic!("examined {} times", recorder.examined.len());
        };
        let last = &recorder.reports.last().unwrap().record;
        // The pass in evaluation mode is what the last epoch measured.
        for split in Split::ALL {
            let pass = examination.pass(split, Statistics::Running, false).unwrap();
            assert_eq!(Some(&pass.metrics), last.split(split), "{split}");
        }
        for (split, n) in [(Split::Val, 18), (Split::Test, 15)] {
            for statistics in [Statistics::Batch, Statistics::Recalibrated] {
                let pass = examination.pass(split, statistics, false).unwrap();
                assert_eq!(pass.prediction.len(), n);
            }
            assert_eq!(examination.labels(split).unwrap().len(), n);
        }
        assert!(examination.repeated.iter().all(|r| r.losses == 0));
        // Normalised by training's mean and deviation.
        let input = &examination.inputs[0];
        assert!(
            input.mean.abs() < 1e-5 && (input.std - 1.0).abs() < 1e-5,
            "{input:?}"
        );
        let reach = examination.parameters.as_ref().unwrap();
        assert!(
            reach.still.iter().all(|s| s.by_structure.is_some()),
            "{reach:?}"
        );
    }
}

#[test]
fn an_examination_is_the_same_with_any_threads_and_after_it_was_broken_off() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let settings = spec(json!({"train": {"epochs": 2}}));
    let whole = tempdir().unwrap();
    let mut uninterrupted = Recorder::default();
    run(&settings, &dataset, whole.path(), 1, &mut uninterrupted).unwrap();
    let expected = timeless(&uninterrupted.examined[0]);

    // Each of two epochs asks five times in training and ten times in scoring; then the examination begins.
    for (left_at, wish) in [(30, Wish::Pause), (39, Wish::Pause), (39, Wish::Cancel)] {
        let folder = tempdir().unwrap();
        let mut before = Recorder::wishing(left_at, wish);
        let outcome = run(&settings, &dataset, folder.path(), 2, &mut before).unwrap();
        assert_eq!(before.reports.len(), 2, "left at {left_at}");
        assert!(before.examined.is_empty());
        if wish == Wish::Cancel {
            assert!(matches!(
                outcome,
                Outcome::Over {
                    status: RunStatus::Cancelled,
                    ..
                }
            ));
            continue;
        }
        assert_eq!(outcome, Outcome::Paused);
        let mut after = Recorder::default();
        run(&settings, &dataset, folder.path(), 2, &mut after).unwrap();
        assert!(after.reports.is_empty());
        assert_eq!(timeless(&after.examined[0]), expected, "left at {left_at}");
    }
    let progress = uninterrupted.progress.last().unwrap();
    assert_eq!(
        (progress.phase.as_str(), progress.done, progress.left_s),
        ("examining", progress.of, Some(0.0))
    );
}

#[test]
fn a_stopped_run_is_examined_as_its_last_whole_epoch_left_it() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    // In the middle of the third epoch.
    let mut stopped = Recorder::wishing(33, Wish::Stop);
    run(&spec(json!({})), &dataset, folder.path(), 2, &mut stopped).unwrap();
    assert_eq!(stopped.reports.len(), 2);
    let whole = tempdir().unwrap();
    let mut two = Recorder::default();
    let settings = spec(json!({"train": {"epochs": 2}}));
    run(&settings, &dataset, whole.path(), 2, &mut two).unwrap();
    assert_eq!(timeless(&stopped.examined[0]), timeless(&two.examined[0]));
}

#[test]
fn batch_norm_whose_statistics_never_move_is_found() {
    let data = tempdir().unwrap();
    for (split, each) in [("train", 17), ("val", 20), ("test", 20)] {
        images::write_split(&data.path().join(split), each, each.into());
    }
    let layers = json!([{"conv2d": {"out": 4, "kernel": 3, "padding": 1}}, {"batch_norm": {"momentum": 1e-9}}]);
    let block = json!({"residual": {"layers": layers, "shortcut": [
        {"conv2d": {"out": 4, "kernel": 1}}, {"batch_norm": {"momentum": 1e-9}}
    ]}});
    let end = [
        json!({"relu": {}}),
        json!({"flatten": {}}),
        json!({"linear": {}}),
    ];
    for start in [layers.as_array().unwrap().clone(), vec![block]] {
        let layers = [&start[..], &end[..]].concat();
        let settings = spec(json!({
            "model": {"layers": layers},
            "input": {"normalize": {"mean": [-20.0], "std": [0.2]}},
            "train": {"epochs": 20}
        }));
        let (_, diagnosis) = diagnosed(data.path(), &settings);
        let finding = found(&diagnosis, "batch-norm-in-evaluation");
        assert!(finding.breaks_evaluation(), "{finding:?}");
        assert!(finding.measured.contains("estimated anew"), "{finding:?}");
        assert_eq!(
            diagnosis.verdict,
            Verdict::BrokenEvaluation,
            "{}",
            diagnosis.summary
        );
        assert_eq!(causes(&diagnosis)[0], "bn-eval-discrepancy");
        assert!(
            diagnosis.causes[0]
                .evidence
                .iter()
                .any(|e| e.p.is_some_and(|p| p < 0.01))
        );
    }
}

/// Renames validation's class folders: what lay in each is now filed under another name.
fn rename_classes(folder: &Path, to: impl Fn(usize) -> usize) {
    for class in CLASSES {
        fs::rename(folder.join(class), folder.join(format!("{class}-old"))).unwrap();
    }
    for (i, class) in CLASSES.iter().enumerate() {
        fs::rename(
            folder.join(format!("{class}-old")),
            folder.join(CLASSES[to(i)]),
        )
        .unwrap();
    }
}

#[test]
fn validation_folders_whose_classes_are_permuted_are_found_wholly_and_in_part() {
    for (to, arrow) in [
        ((|i| (i + 1) % 3) as fn(usize) -> usize, "middle → left"),
        (|i| [1, 0, 2][i], "left → middle"),
    ] {
        let data = tempdir().unwrap();
        images::write_split(&data.path().join("train"), 17, 1);
        images::write_split(&data.path().join("val"), 20, 2);
        rename_classes(&data.path().join("val"), to);
        let (_, diagnosis) = diagnosed(data.path(), &learns());
        let finding = found(&diagnosis, "permuted-labels");
        assert!(finding.measured.contains(arrow), "{}", finding.measured);
        assert_eq!(diagnosis.verdict, Verdict::BrokenEvaluation);
        assert_eq!(causes(&diagnosis)[0], "label-map-mismatch");
    }
}

#[test]
fn validation_images_of_another_exposure_are_found() {
    let data = tempdir().unwrap();
    images::write_dataset(data.path());
    for class in CLASSES {
        for file in fs::read_dir(data.path().join("val").join(class)).unwrap() {
            let path = file.unwrap().path();
            let mut image = image::open(&path).unwrap().to_luma8();
            image.pixels_mut().for_each(|pixel| pixel.0[0] /= 8);
            image.save(path).unwrap();
        }
    }
    let (_, diagnosis) = diagnosed(data.path(), &learns());
    let finding = found(&diagnosis, "inputs-differ");
    assert!(finding.title.contains("validation"), "{}", finding.title);
    assert!(causes(&diagnosis).contains(&json!("preprocessing-mismatch")));
    assert!(
        !diagnosis
            .findings
            .iter()
            .any(|f| f.id == "inputs-differ" && f.title.contains("test"))
    );
}

#[test]
fn layers_that_training_does_not_reach_are_named() {
    let data = tempdir().unwrap();
    images::write_dataset(data.path());
    // Next to nothing passes the dropout: what is before it gets no gradient.
    let settings = spec(json!({"model": {"layers": [
        {"name": "features", "flatten": {}}, {"name": "hidden", "linear": {"out": 5}},
        {"dropout": {"p": 0.99999999}}, {"name": "out", "linear": {}}
    ]}}));
    let (_, diagnosis) = diagnosed(data.path(), &settings);
    let finding = found(&diagnosis, "frozen-layers");
    assert!(
        finding.measured.contains("hidden.weight"),
        "{}",
        finding.measured
    );
    assert!(
        !finding.measured.contains("out.bias"),
        "{}",
        finding.measured
    );
    assert!(causes(&diagnosis).contains(&json!("frozen-layers")));
    // And so it learns nothing but how frequent the classes are.
    assert_eq!(diagnosis.verdict, Verdict::NotLearning);
    let finding = found(&diagnosis, "not-learning");
    assert!(finding.measured.contains("ln 3"), "{}", finding.measured);
    let untold = diagnosis.not_checked.concat();
    assert!(untold.contains("test labels are permuted"), "{untold}");
}

#[test]
fn steps_that_vanish_in_rounding_move_nothing() {
    let data = tempdir().unwrap();
    images::write_dataset(data.path());
    let settings = spec(json!({
        "model": {"layers": [{"flatten": {}}, {"linear": {}}]},
        "train": {"epochs": 2, "optimizer": {"kind": "sgd", "lr": 1e-30}}
    }));
    let (_, diagnosis) = diagnosed(data.path(), &settings);
    let finding = found(&diagnosis, "frozen-layers");
    assert_eq!(finding.title, "Training does not move the network");
}

#[test]
fn a_collapse_to_the_frequent_class_is_found() {
    let data = tempdir().unwrap();
    // Every class looks like the first: all that can be learnt is how frequent they are.
    for (seed, (split, class, each)) in (1..).zip([
        ("train", "left", 60),
        ("train", "middle", 4),
        ("train", "right", 4),
        ("val", "left", 12),
        ("val", "middle", 12),
        ("val", "right", 12),
    ]) {
        let made = tempdir().unwrap();
        images::write_split(made.path(), each, seed);
        let folder = data.path().join(split);
        fs::create_dir_all(&folder).unwrap();
        fs::rename(made.path().join("left"), folder.join(class)).unwrap();
    }
    let settings = spec(json!({
        "model": {"layers": [{"flatten": {}}, {"linear": {}}]},
        "train": {"epochs": 3, "optimizer": {"kind": "sgd", "lr": 0.01}}
    }));
    let (_, diagnosis) = diagnosed(data.path(), &settings);
    let finding = found(&diagnosis, "collapsed-predictions");
    assert!(
        finding.measured.contains("are left"),
        "{}",
        finding.measured
    );
    assert!(causes(&diagnosis).contains(&json!("class-imbalance")));
}
