//! Images that do not fit into memory are read from disk ahead of the step, and nobody sees it in the figures.

use crate::images::{dataset, write_dataset};
use crate::recorder::{Recorder, contents, run, spec};
use gapwatch::data::Dataset;
use gapwatch::run::RunStatus;
use gapwatch::train::{Outcome, Wish};
use image::imageops::FilterType;
use serde_json::json;
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};

/// Images of 8 × 12 gray pixels, 96 bytes each, of which `kept` fit into memory.
fn with_room_for(kept: u64) -> (TempDir, Dataset) {
    let data = tempdir().unwrap();
    let mut dataset = dataset(data.path());
    dataset.image_memory_bytes = 96 * kept + 95;
    (data, dataset)
}

#[test]
fn a_run_reads_what_does_not_fit_into_memory_from_disk_and_changes_no_bit() {
    let spec = spec(json!({}));
    let (_data, dataset) = with_room_for(1000);
    let folder = tempdir().unwrap();
    let mut in_memory = Recorder::default();
    run(&spec, &dataset, folder.path(), 2, &mut in_memory).unwrap();
    let said = |recorder: &Recorder| {
        recorder
            .logs
            .iter()
            .find(|l| l.contains("from disk"))
            .cloned()
    };
    assert_eq!(said(&in_memory), None);
    assert!(in_memory.progress.iter().any(|p| p.phase == "reading"));

    // Nothing, a part of the training images, all of them and a part of the others.
    for (kept, threads) in [(0, 2), (20, 1), (60, 4)] {
        let (_data, dataset) = with_room_for(kept);
        let other = tempdir().unwrap();
        let mut recorder = Recorder::default();
        run(&spec, &dataset, other.path(), threads, &mut recorder).unwrap();
        assert_eq!(recorder.curve(), in_memory.curve(), "{kept} kept");
        for (a, b) in recorder.reports.iter().zip(&in_memory.reports) {
            assert_eq!((&a.confusion, &a.images), (&b.confusion, &b.images));
        }
        assert!(contents(other.path()) == contents(folder.path()));
        let said = said(&recorder).unwrap();
        assert!(
            said.starts_with(&format!("{} of the 84 images", 84 - kept)),
            "{said}"
        );
    }
}

/// A copy of each image, eight times as large.
fn enlarge(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            enlarge(&path);
            continue;
        }
        let image = image::open(&path).unwrap();
        let large = image.resize_exact(8 * 12, 8 * 8, FilterType::Nearest);
        large.save(&path).unwrap();
    }
}

#[test]
fn images_that_are_scored_as_rows_have_the_figures_of_those_that_are_read_for_each_batch() {
    let data = tempdir().unwrap();
    write_dataset(data.path());
    enlarge(data.path());
    let layers = json!([{"flatten": {}}, {"linear": {"out": 5}}, {"relu": {}}, {"linear": {}}]);
    let spec = spec(json!({
        "model": {"layers": layers}, "input": {"height": 64, "width": 96},
        "train": {"epochs": 2, "batch_size": 7},
    }));
    let mut dataset = Dataset::open(data.path(), &|_, _| ()).unwrap();
    let mut reports = Vec::new();
    // All in memory, so that rows are made of it; a part; and nothing.
    for kept in [1000, 60, 0] {
        dataset.image_memory_bytes = 64 * 96 * kept;
        let folder = tempdir().unwrap();
        let mut recorder = Recorder::default();
        run(&spec, &dataset, folder.path(), 2, &mut recorder).unwrap();
        let images: Vec<_> = recorder.reports.iter().map(|r| r.images.clone()).collect();
        reports.push((recorder.curve(), images, contents(folder.path())));
    }
    assert!(reports[0] == reports[1] && reports[0] == reports[2]);
}

#[test]
fn a_run_from_disk_goes_on_after_a_pause_and_ends_at_once_when_cancelled() {
    let spec = spec(json!({}));
    let (_data, dataset) = with_room_for(10);
    let whole = tempdir().unwrap();
    let mut uninterrupted = Recorder::default();
    run(&spec, &dataset, whole.path(), 2, &mut uninterrupted).unwrap();

    let folder = tempdir().unwrap();
    let mut before = Recorder::wishing(25, Wish::Pause);
    let outcome = run(&spec, &dataset, folder.path(), 2, &mut before).unwrap();
    assert_eq!(outcome, Outcome::Paused);
    let mut after = Recorder::default();
    run(&spec, &dataset, folder.path(), 1, &mut after).unwrap();
    assert_eq!(
        [before.curve(), after.curve()].concat(),
        uninterrupted.curve()
    );
    assert!(contents(folder.path()) == contents(whole.path()));

    let mut cancelled = Recorder::wishing(3, Wish::Cancel);
    let other = tempdir().unwrap();
    let outcome = run(&spec, &dataset, other.path(), 2, &mut cancelled).unwrap();
    let is_cancelled = |o: &Outcome| {
        matches!(
            o,
            Outcome::Over {
                status: RunStatus::Cancelled,
                ..
            }
        )
    };
    assert!(is_cancelled(&outcome), "{outcome:?}");
    assert!(cancelled.reports.is_empty());
}

#[test]
fn a_file_that_vanishes_during_a_run_ends_it_with_the_files_name_and_keeps_the_last_epoch() {
    let spec = spec(json!({}));
    let (data, dataset) = with_room_for(0);
    let folder = tempdir().unwrap();
    // One epoch is 6 steps and 9 batches of scoring: this leaves within the second.
    let mut before = Recorder::wishing(20, Wish::Pause);
    run(&spec, &dataset, folder.path(), 2, &mut before).unwrap();
    assert_eq!(before.reports.len(), 1);
    let kept = contents(folder.path());

    // It is only wanted again when the second epoch is scored.
    fs::remove_file(data.path().join("val/middle/003.png")).unwrap();
    let mut after = Recorder::default();
    let error = run(&spec, &dataset, folder.path(), 2, &mut after).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("val/middle/003.png"), "{message}");
    assert!(message.contains("was readable when"), "{message}");
    let trained = |p: &gapwatch::run::Progress| p.epoch == 2 && p.phase == "training";
    assert!(after.progress.iter().any(trained));
    assert!(contents(folder.path()) == kept);
}
