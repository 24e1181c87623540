//! What simple models say of small generated datasets whose signal, labels and splits are known.

use gapwatch::data::Dataset;
use gapwatch::diagnose::finding::{Cause, Severity};
use gapwatch::diagnose::simple_models::{SimpleModels, simple_models};
use gapwatch::run::Split;
use image::{GrayImage, Luma};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Three classes, 60 training and 30 validation pictures each: a bright spot where the class has it, in noise. `label` gives
/// the folder of a validation picture of a class, `bright` what is added to validation.
fn examined(signal: f64, label: impl Fn(usize, f64) -> usize, bright: f64) -> SimpleModels {
    let folder = tempfile::tempdir().unwrap();
    let mut draws = Draws(0x1234_5678_9abc_def1);
    for (split, each) in [(Split::Train, 60), (Split::Val, 30)] {
        for i in 0..3 * each {
            let class = i % 3;
            let lift = if split == Split::Val { bright } else { 0.0 };
            let image = GrayImage::from_fn(32, 32, |x, y| {
                let spot = y / 8 == 1 && x / 8 == class as u32;
                let level = 60.0 + lift + 80.0 * draws.uniform() + if spot { signal } else { 0.0 };
                Luma([level.min(255.0) as u8])
            });
            let named = if split == Split::Val {
                label(class, draws.uniform())
            } else {
                class
            };
            let place = folder
                .path()
                .join(split.name())
                .join(format!("class{named}"));
            fs::create_dir_all(&place).unwrap();
            image.save(place.join(format!("{i:03}.png"))).unwrap();
        }
    }
    let dataset = Dataset::open(folder.path(), &|_, _| {}).unwrap();
    simple_models(&dataset, 1, &|_, _| {}, &AtomicBool::new(false)).unwrap()
}

fn ids(found: &SimpleModels) -> Vec<&'static str> {
    found.findings.iter().map(|f| f.id).collect()
}

#[test]
fn a_signal_that_carries_over_is_a_baseline_and_nothing_else_is_found() {
    let found = examined(60.0, |class, _| class, 0.0);
    assert_eq!(ids(&found), ["simple-baseline"], "{found:#?}");
    let json = serde_json::to_string(&found).unwrap();
    assert!(!json.contains("null"), "{json}");
}

#[test]
fn scrambled_validation_labels_are_told_from_a_class_map_that_differs() {
    let scrambled = examined(60.0, |_, draw| (3.0 * draw) as usize, 0.0);
    assert_eq!(
        ids(&scrambled),
        ["labels-say-nothing"],
        "{:#?}",
        scrambled.scored
    );
}

#[test]
fn a_class_map_that_differs_is_named_in_full_and_in_part() {
    let mapped = examined(60.0, |class, _| (class + 1) % 3, 0.0);
    assert_eq!(ids(&mapped), ["labels-permuted"], "{:#?}", mapped.scored);
    assert_eq!(
        mapped.findings[0].cause,
        Some(Cause::LabelMapMismatch),
        "{:?}",
        mapped.findings[0]
    );
    let matrix = mapped.findings[0].confusion.as_ref().unwrap();
    assert_eq!(matrix.matched, [2, 0, 1]);
    assert!(matrix.is_moved(0, 2) && !matrix.is_moved(0, 1));
    for part in ["class0 → class2", "class1 → class0", "class2 → class1"] {
        let said = &mapped.findings[0].measured;
        assert!(said.contains(part), "{said}");
    }
    let swapped = examined(60.0, |class, _| [1, 0, 2][class], 0.0);
    assert_eq!(ids(&swapped), ["labels-permuted"], "{:#?}", swapped.scored);
    let said = &swapped.findings[0].measured;
    assert!(
        said.contains("class0 → class1") && !said.contains("class2"),
        "{said}"
    );
}

/// Pictures of the given classes, a few of each split, all alike or not.
fn small(classes: usize, each: [usize; 3], alike: bool) -> SimpleModels {
    let folder = tempfile::tempdir().unwrap();
    let mut draws = Draws(5);
    for (split, each) in Split::ALL.into_iter().zip(each) {
        for i in 0..classes * each {
            let image = GrayImage::from_fn(16, 16, |_, _| {
                Luma([if alike {
                    90
                } else {
                    (255.0 * draws.uniform()) as u8
                }])
            });
            let place = folder
                .path()
                .join(split.name())
                .join(format!("c{}", i % classes));
            fs::create_dir_all(&place).unwrap();
            image.save(place.join(format!("{i}.png"))).unwrap();
        }
    }
    let dataset = Dataset::open(folder.path(), &|_, _| {}).unwrap();
    simple_models(&dataset, 1, &|_, _| {}, &AtomicBool::new(false)).unwrap()
}

#[test]
fn ten_images_one_split_and_images_all_alike_give_a_document_without_gaps() {
    for (classes, each, alike) in [
        (2, [3, 1, 1], false),
        (2, [10, 0, 0], false),
        (3, [20, 10, 10], true),
    ] {
        let found = small(classes, each, alike);
        let json = serde_json::to_string(&found).unwrap();
        assert!(!json.contains("null"), "{json}");
        assert_eq!(serde_json::from_str::<SimpleModels>(&json).unwrap(), found);
        let serious = found
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Problem);
        assert_eq!(serious.count(), 0, "{:#?}", found.findings);
    }
}

#[test]
fn progress_reaches_its_end_and_cancelling_ends_the_fits() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..24_u8 {
        let place = folder.path().join("train").join(format!("c{}", i % 2));
        fs::create_dir_all(&place).unwrap();
        let image = GrayImage::from_fn(16, 16, |x, y| Luma([i * 5 + (x * y % 9) as u8]));
        image.save(place.join(format!("{i}.png"))).unwrap();
    }
    let dataset = Dataset::open(folder.path(), &|_, _| {}).unwrap();
    let of = 2 * dataset.index.entries.len() as u64;
    let furthest = AtomicU64::new(0);
    let progress = |done: u64, all: u64| {
        assert_eq!(all, of);
        furthest.fetch_max(done, Ordering::Relaxed);
    };
    simple_models(&dataset, 1, &progress, &AtomicBool::new(false)).unwrap();
    assert_eq!(furthest.into_inner(), of);
    let cancel = AtomicBool::new(false);
    let midway = |done: u64, _: u64| {
        if done > of / 2 {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    assert!(simple_models(&dataset, 1, &midway, &cancel).is_err());
}

#[test]
fn a_brighter_split_is_told_apart_and_noise_has_no_signal() {
    let brighter = examined(60.0, |class, _| class, 40.0);
    assert!(
        ids(&brighter).contains(&"splits-told-apart"),
        "{:?}",
        brighter.two_sample
    );
    assert!(brighter.two_sample[0].auc.value > 0.9);
    let noise = examined(0.0, |class, _| class, 0.0);
    assert_eq!(ids(&noise), ["no-simple-signal"], "{:#?}", noise.scored);
}
