//! What simple models say of small generated datasets whose signal, labels and splits are known.

use gapwatch::data::Dataset;
use gapwatch::diagnose::simple_models::{SimpleModels, simple_models};
use gapwatch::run::Split;
use image::{GrayImage, Luma};
use std::fs;
use std::sync::atomic::AtomicBool;

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
    let mapped = examined(60.0, |class, _| (class + 1) % 3, 0.0);
    assert_eq!(
        ids(&mapped),
        ["signal-does-not-carry-over"],
        "{:#?}",
        mapped.scored
    );
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
