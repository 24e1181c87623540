//! The same run gives the same bits.

use crate::images::dataset;
use crate::recorder::{Recorder, run, spec, spec_with_options};
use gapwatch::run::Split;
use serde_json::json;
use std::fs;
use tempfile::tempdir;

#[test]
fn a_run_gives_the_same_bits_twice_and_with_one_two_and_four_threads() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    for spec in [spec(json!({})), spec_with_options()] {
        let mut first: Option<(Recorder, Vec<u8>, Vec<u8>)> = None;
        for threads in [1, 1, 2, 4] {
            let folder = tempdir().unwrap();
            let mut recorder = Recorder::default();
            run(&spec, &dataset, folder.path(), threads, &mut recorder).unwrap();
            let read = |name| fs::read(folder.path().join(name)).unwrap();
            let (last, state) = (read("last.safetensors"), read("last.state.safetensors"));
            match &first {
                None => first = Some((recorder, last, state)),
                Some((one, one_last, one_state)) => {
                    assert_eq!(one.curve(), recorder.curve());
                    for (a, b) in one.reports.iter().zip(&recorder.reports) {
                        assert_eq!((&a.confusion, &a.images), (&b.confusion, &b.images));
                    }
                    assert!(
                        *one_last == last && *one_state == state,
                        "{threads} threads"
                    );
                }
            }
        }
    }
}

#[test]
fn another_seed_gives_another_run() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let curve = |seed| {
        let folder = tempdir().unwrap();
        let mut recorder = Recorder::default();
        let spec = spec(json!({"train": {"seed": seed, "epochs": 1}}));
        run(&spec, &dataset, folder.path(), 1, &mut recorder).unwrap();
        recorder.curve()
    };
    assert_ne!(curve(1), curve(2));
}

#[test]
fn every_epoch_reports_all_splits_with_each_images_result() {
    let data = tempdir().unwrap();
    let dataset = dataset(data.path());
    let folder = tempdir().unwrap();
    let mut recorder = Recorder::default();
    run(
        &spec(json!({"train": {"epochs": 12}})),
        &dataset,
        folder.path(),
        2,
        &mut recorder,
    )
    .unwrap();
    assert_eq!(recorder.reports.len(), 12);
    for (number, report) in (1..).zip(&recorder.reports) {
        assert_eq!(report.record.epoch, number);
        for (split, n) in [(Split::Train, 51), (Split::Val, 18), (Split::Test, 15)] {
            let metrics = report.record.split(split).unwrap();
            assert_eq!(metrics.n, n);
            let confusion = &report
                .confusion
                .iter()
                .find(|(s, _)| *s == split)
                .unwrap()
                .1
                .0;
            assert_eq!(confusion.iter().map(|c| c.2).sum::<u32>(), n);
            let right: u32 = confusion.iter().filter(|c| c.0 == c.1).map(|c| c.2).sum();
            assert_eq!(right, metrics.correct);
            let images = report.images.iter().find(|(s, _)| *s == split);
            assert_eq!(images.is_some(), split != Split::Train);
            if let Some((_, images)) = images {
                let mean = images.loss.iter().map(|l| f64::from(*l)).sum::<f64>() / f64::from(n);
                assert!((mean - metrics.loss).abs() < 1e-6);
                assert_eq!(
                    (images.prediction.len(), images.confidence.len()),
                    (n as usize, n as usize)
                );
            }
        }
    }
    let last = recorder.curve().pop().unwrap();
    assert!(
        last.val.unwrap().accuracy > 0.9,
        "a bar is easy to find: {:?}",
        recorder.curve()
    );
    assert!(
        recorder
            .progress
            .iter()
            .any(|p| p.phase == "scoring" && p.left_s.is_some())
    );
    assert_eq!(recorder.progress.last().unwrap().left_s, Some(0.0));
    let checkpoints: Vec<&str> = recorder
        .checkpoints
        .iter()
        .take(3)
        .map(String::as_str)
        .collect();
    assert_eq!(
        checkpoints,
        [
            "last.state.safetensors",
            "best.safetensors",
            "last.safetensors"
        ]
    );
}
