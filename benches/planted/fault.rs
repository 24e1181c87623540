//! Faults that are planted, in the pictures, in the splits or in the training, at three severities.

use crate::chance::Chance;
use crate::picture::SIDE;
use gapwatch::diagnose::finding::Cause;
use serde_json::{Value, json};

/// How strongly a fault is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Mild,
    Medium,
    Strong,
}

impl Severity {
    pub const ALL: [Severity; 3] = [Severity::Strong, Severity::Medium, Severity::Mild];

    pub fn of<T>(self, mild: T, medium: T, strong: T) -> T {
        match self {
            Severity::Mild => mild,
            Severity::Medium => medium,
            Severity::Strong => strong,
        }
    }

    pub fn name(self) -> &'static str {
        self.of("mild", "medium", "strong")
    }
}

/// The network of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// With global pooling where the class lies in no place.
    Convolutions,
    /// Convolutions that find the classes, and a dense end that has room for wrong labels.
    Roomy,
    Dense,
    Linear,
}

/// Some faults show only in a network that learns by heart or that is too simple.
pub fn network(faults: &[Cause]) -> Network {
    match faults {
        [Cause::Memorisation | Cause::NoSignal, ..] => Network::Dense,
        [Cause::LabelNoise, ..] => Network::Roomy,
        [Cause::WeakerThanBaseline, ..] => Network::Linear,
        _ => Network::Convolutions,
    }
}

/// What a fault changes in the training.
pub fn spec(fault: Cause, severity: Severity) -> Value {
    let lr = |lr: f64| json!({"train": {"optimizer": {"kind": "adam", "lr": lr}}});
    match fault {
        Cause::UnstableOptimisation => lr(severity.of(0.05, 0.1, 0.2)),
        Cause::NotLearning => lr(severity.of(1e-6, 1e-7, 1e-8)),
        _ => json!({}),
    }
}

/// A picture on its way into a dataset.
#[derive(Clone, Debug)]
pub struct Image {
    /// `train`, `val` or `test`.
    pub split: &'static str,
    /// What the folder says, which need not be what is drawn.
    pub label: usize,
    pub drawn: u32,
    pub group: usize,
    pub pixels: Vec<f64>,
}

impl Image {
    pub fn is_held_out(&self) -> bool {
        self.split != "train"
    }
}

/// Plants what lies in the pictures and the splits.
pub fn plant(
    fault: Cause,
    severity: Severity,
    images: &mut Vec<Image>,
    classes: usize,
    chance: &mut Chance,
) {
    match fault {
        Cause::LabelMapMismatch => {
            let moved = (severity.of(0.5, 0.75, 1.0) * classes as f64).round() as usize;
            let moved = moved.clamp(2, classes);
            for image in images.iter_mut().filter(|i| i.is_held_out()) {
                if image.label < moved {
                    image.label = (image.label + 1) % moved;
                }
            }
        }
        Cause::ScrambledLabels => {
            let share = severity.of(0.8, 0.9, 1.0);
            scramble(images, |image| image.is_held_out(), share, chance);
        }
        Cause::LabelNoise => {
            for image in images.iter_mut() {
                if chance.uniform() < severity.of(0.15, 0.25, 0.4) {
                    image.label = (image.label + 1 + chance.below(classes - 1)) % classes;
                }
            }
        }
        Cause::SplitShift => {
            // Another camera: out of focus, noisy, in light from one side.
            let (blur, noise, light) =
                severity.of((0.6, 0.1, 0.3), (0.8, 0.15, 0.45), (1.0, 0.2, 0.6));
            for image in images.iter_mut().filter(|i| i.is_held_out()) {
                let sharp = image.pixels.clone();
                for (at, pixel) in image.pixels.iter_mut().enumerate() {
                    let blurred = (1.0 - blur) * sharp[at] + blur * mean_around(&sharp, at);
                    let from_middle = (at % SIDE) as f64 / (SIDE - 1) as f64 - 0.5;
                    *pixel = blurred + light * from_middle + noise * chance.normal();
                }
            }
        }
        Cause::PreprocessingMismatch => {
            let scale = severity.of(0.45, 0.3, 0.15);
            let held_out = images.iter_mut().filter(|i| i.is_held_out());
            for pixel in held_out.flat_map(|i| &mut i.pixels) {
                *pixel *= scale;
            }
        }
        Cause::GroupShift => {
            // Each group has a look of its own, and the held-out groups are others.
            for image in images.iter_mut() {
                image.group = image.group % 4 + if image.is_held_out() { 4 } else { 0 };
            }
            let looks: Vec<Vec<f64>> = (0..8).map(|_| look(chance)).collect();
            let strength = severity.of(0.25, 0.4, 0.6);
            for image in images.iter_mut() {
                for (pixel, of_group) in image.pixels.iter_mut().zip(&looks[image.group]) {
                    *pixel += strength * of_group;
                }
            }
        }
        Cause::OrderedSplit => {
            // Training has the first classes in full, and of the last ones as little as validation has of the first.
            let rare = severity.of(0.3, 0.15, 0.06);
            let half = classes.div_ceil(2);
            let mut kept = vec![0; classes];
            images.retain(|image| {
                let late = image.label >= half;
                let first = !image.is_held_out() && kept[image.label] < 2;
                kept[image.label] += usize::from(first);
                first || late == image.is_held_out() || chance.uniform() < rare
            });
        }
        Cause::MissingClasses => {
            let gone = classes.saturating_sub(severity.of(1, 2, 3)).max(2);
            images.retain(|image| image.is_held_out() || image.label < gone);
        }
        Cause::ClassImbalance => {
            let rarest: f64 = severity.of(0.07, 0.05, 0.03);
            let mut kept = vec![0; classes];
            images.retain(|image| {
                let place = image.label as f64 / (classes - 1).max(1) as f64;
                let first = kept[image.label] < 2;
                kept[image.label] += usize::from(first);
                first || chance.uniform() < rarest.powf(place)
            });
        }
        Cause::Leakage => {
            let training: Vec<Image> = images
                .iter()
                .filter(|i| !i.is_held_out())
                .cloned()
                .collect();
            for image in images.iter_mut().filter(|i| i.is_held_out()) {
                if chance.uniform() < severity.of(0.2, 0.4, 0.7) {
                    let copied = &training[chance.below(training.len())];
                    *image = Image {
                        split: image.split,
                        ..copied.clone()
                    };
                }
            }
        }
        Cause::Memorisation
        | Cause::NoSignal
        | Cause::BnEvalDiscrepancy
        | Cause::WeakerThanBaseline
        | Cause::UnstableOptimisation
        | Cause::NotLearning => {}
        // Of other people's optimizers and of other people's scoring: neither can be asked for by a spec, and no plan has them.
        Cause::FrozenLayers | Cause::EvaluationBug => {}
    }
}

/// Shuffles the labels of a share of some images among them.
fn scramble(images: &mut [Image], of: impl Fn(&Image) -> bool, share: f64, chance: &mut Chance) {
    let places: Vec<usize> = (0..images.len())
        .filter(|at| of(&images[*at]) && chance.uniform() < share)
        .collect();
    let mut labels: Vec<usize> = places.iter().map(|at| images[*at].label).collect();
    chance.shuffle(&mut labels);
    for (at, label) in places.into_iter().zip(labels) {
        images[at].label = label;
    }
}

/// The mean of a pixel and its neighbours.
fn mean_around(pixels: &[f64], at: usize) -> f64 {
    let near = |place: usize| place.saturating_sub(1)..(place + 2).min(SIDE);
    let (mut sum, mut n) = (0.0, 0.0);
    for y in near(at / SIDE) {
        for x in near(at % SIDE) {
            sum += pixels[y * SIDE + x];
            n += 1.0;
        }
    }
    sum / n
}

/// The look of a group: stripes of its own.
fn look(chance: &mut Chance) -> Vec<f64> {
    let (sin, cos) = (std::f64::consts::TAU * chance.uniform()).sin_cos();
    let (waves, phase) = (chance.within(0.5, 4.0), chance.within(0.0, 6.0));
    (0..SIDE * SIDE)
        .map(|at| {
            let (x, y) = (
                (at % SIDE) as f64 / SIDE as f64,
                (at / SIDE) as f64 / SIDE as f64,
            );
            (std::f64::consts::TAU * waves * (x * cos + y * sin) + phase).sin()
        })
        .collect()
}
