//! The cases: what each number stands for, and its dataset on disk.

use crate::chance::Chance;
use crate::fault::{Image, Network, Severity, network, plant, spec};
use crate::picture::{Family, SIDE};
use crate::{calibrating, reporting};
use anyhow::Result;
use gapwatch::diagnose::finding::Cause;
use gapwatch::model::resolve;
use gapwatch::run::{RunSpec, merge};
use image::GrayImage;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Training images of a case at most: two cores are to be done in two hours.
const MOST_TRAINING: usize = 600;
/// Held-out images of a class in each split, for each hundred in training.
const HELD_OUT: f64 = 0.35;

/// What is planted in a case: nothing, one fault or two.
const PLANS: [&[Cause]; 24] = {
    use Cause::*;
    [
        &[],
        &[Memorisation],
        &[NoSignal],
        &[LabelMapMismatch],
        &[ScrambledLabels],
        &[SplitShift],
        &[],
        &[GroupShift],
        &[OrderedSplit],
        &[MissingClasses],
        &[PreprocessingMismatch],
        &[BnEvalDiscrepancy],
        &[],
        &[Leakage],
        &[LabelNoise],
        &[ClassImbalance],
        &[WeakerThanBaseline],
        &[UnstableOptimisation],
        &[NotLearning],
        &[Memorisation, LabelNoise],
        &[SplitShift, ClassImbalance],
        &[Leakage, ClassImbalance],
        &[PreprocessingMismatch, ClassImbalance],
        &[Memorisation, Leakage],
    ]
};

/// One case: a dataset, a network, and what is wrong with them.
#[derive(Clone, Debug)]
pub struct Case {
    pub number: u64,
    /// Apart from the reporting ones by seed and by family.
    pub calibration: bool,
    pub family: Family,
    pub classes: usize,
    /// Training images of a class.
    pub each: usize,
    pub faults: &'static [Cause],
    pub severity: Severity,
    /// Healthy, and the task itself is hard.
    pub hard: bool,
    /// The deviation of the pixels' noise.
    noise: f64,
    network: Network,
}

impl Case {
    /// Of three cases two calibrate and one reports. Each of both kinds goes through all plans, then all severities.
    pub fn of(number: u64) -> Case {
        let (three, place) = ((number / 3) as usize, (number % 3) as usize);
        let calibration = place < 2;
        let turn = if calibration {
            2 * three + place
        } else {
            three
        };
        let mut chance = Chance::new(number, "case");
        let faults = PLANS[turn % PLANS.len()];
        let severity = Severity::ALL[turn / PLANS.len() % 3];
        let families: &[Family] = match calibration {
            true => &calibrating::FAMILIES,
            false => &reporting::FAMILIES,
        };
        // Every third healthy case.
        let hard = faults.is_empty() && turn / 6 % 3 == 2;
        // Dense and linear networks get new images of these right as well, and then there is no fault.
        let fits = |family: &Family| match faults {
            [Cause::Memorisation, ..] => !family.suits_dense,
            [Cause::WeakerThanBaseline, ..] => !family.has_places,
            _ => true,
        };
        let families: Vec<Family> = families.iter().copied().filter(fits).collect();
        let family = chance.one_of(&families);
        let least_classes = match faults {
            [
                Cause::MissingClasses | Cause::OrderedSplit | Cause::LabelMapMismatch,
                ..,
            ] => 4,
            _ => 2,
        };
        let most_classes = match faults {
            // So many images in the commonest class that the rarest is not only rare because there are few.
            _ if faults.contains(&Cause::ClassImbalance) => 4,
            // So many images that the network, which has nothing wrong, has enough to learn from.
            [] if hard => 2,
            [] => 4,
            [Cause::LabelNoise] | [Cause::Memorisation, ..] => 6,
            _ => 20,
        };
        let classes = chance
            .one_of(&[2, 3, 4, 6, 9, 12, 20])
            .clamp(least_classes, most_classes.min(family.most_classes));
        let each = match faults {
            [Cause::Memorisation, ..] => chance.one_of(&[10, 20, 30]),
            [] => 300,
            _ if faults.contains(&Cause::ClassImbalance) => 300,
            _ => chance.one_of(&[30, 60, 100, 300]),
        };
        Case {
            number,
            calibration,
            family,
            classes,
            each: each.min(MOST_TRAINING / classes).max(10),
            faults,
            severity,
            hard,
            // A family's tasks are not all as hard.
            noise: family.noise * chance.within(0.8, 1.2) * if hard { 1.8 } else { 1.0 },
            network: network(faults),
        }
    }

    /// The same pictures with nothing planted: what a remedy is to bring back. Where the network is what is planted, by another.
    pub fn clean(&self) -> Case {
        Case {
            faults: &[],
            network: match self.faults {
                [Cause::Memorisation | Cause::WeakerThanBaseline, ..] => Network::Convolutions,
                _ => self.network,
            },
            ..self.clone()
        }
    }

    /// Writes the dataset's folders; gives the class that is drawn on each picture, whatever its folder says.
    pub fn write(&self, root: &Path) -> Result<HashMap<String, u32>> {
        let mut chance = Chance::new(self.number, "pictures");
        let held_out = ((self.each as f64 * HELD_OUT).round() as usize).clamp(12, 60);
        let mut images = Vec::new();
        for (split, each) in [("train", self.each), ("val", held_out), ("test", held_out)] {
            for class in 0..self.classes {
                for number in 0..each {
                    let drawn = match self.faults {
                        [Cause::NoSignal, ..] => chance.below(self.classes),
                        _ => class,
                    };
                    images.push(Image {
                        split,
                        label: class,
                        drawn: drawn as u32,
                        group: number,
                        pixels: self
                            .family
                            .draw(drawn, self.classes, self.noise, &mut chance),
                    });
                }
            }
        }
        for fault in self.faults {
            plant(
                *fault,
                self.severity,
                &mut images,
                self.classes,
                &mut chance,
            );
        }
        // Names that run on from split to split would be a fault of their own.
        chance.shuffle(&mut images);
        let grouped = self.faults.contains(&Cause::GroupShift);
        let mut drawn = HashMap::new();
        for (number, image) in images.iter().enumerate() {
            let folder = format!("{}/{:02}", image.split, image.label);
            fs::create_dir_all(root.join(&folder))?;
            let name = match grouped {
                true => format!("{}_{number:05}.png", GROUPS[image.group]),
                false => format!("{number:05}.png"),
            };
            let bytes = image
                .pixels
                .iter()
                .map(|p| (255.0 * p).clamp(0.0, 255.0) as u8);
            GrayImage::from_raw(SIDE as u32, SIDE as u32, bytes.collect())
                .ok_or_else(|| anyhow::anyhow!("a picture of another size"))?
                .save(root.join(&folder).join(&name))?;
            drawn.insert(format!("{folder}/{name}"), image.drawn);
        }
        Ok(drawn)
    }

    /// The run that is diagnosed.
    pub fn spec(&self) -> Result<RunSpec> {
        let linear = json!([{"flatten": {}}, {"linear": {}}]);
        let dense = json!([{"flatten": {}}, {"linear": {"out": 96}}, {"relu": {}}, {"linear": {}}]);
        // So slow an average never comes from its start, 0 and 1, to what the pictures have.
        let (momentum, normalize) = match self.faults.contains(&Cause::BnEvalDiscrepancy) {
            true => (self.severity.of(0.01, 0.003, 0.001), "none"),
            false => (0.1, "train"),
        };
        let batch = match self.faults.contains(&Cause::UnstableOptimisation) {
            true => 4,
            false => 32,
        };
        // One that is hard is not learnt by heart either.
        let width = if self.hard { 4 } else { 8 };
        let convolutions = json!([
            {"conv2d": {"out": width, "kernel": 3, "padding": 1}}, {"batch_norm": {"momentum": momentum}}, {"relu": {}},
            {"max_pool": {"kernel": 2}},
            {"conv2d": {"out": 2 * width, "kernel": 3, "padding": 1}}, {"batch_norm": {"momentum": momentum}}, {"relu": {}},
            {"adaptive_max_pool": {"out": if self.family.has_places { 4 } else { 1 }}},
            {"flatten": {}}, {"linear": {}}
        ]);
        let roomy = json!([
            {"conv2d": {"out": 16, "kernel": 3, "padding": 1}}, {"batch_norm": {}}, {"relu": {}},
            {"max_pool": {"kernel": 2}}, {"flatten": {}}, {"linear": {"out": 96}}, {"relu": {}}, {"linear": {}}
        ]);
        let layers = match self.network {
            Network::Linear => linear,
            Network::Dense => dense,
            Network::Roomy => roomy,
            Network::Convolutions => convolutions,
        };
        let mut user = json!({
            "model": {"layers": layers},
            "input": {"channels": 1, "height": SIDE, "width": SIDE, "normalize": normalize},
            "train": {
                "epochs": 20, "batch_size": batch, "seed": self.number, "early_stopping": false,
                "optimizer": {"kind": "adam", "lr": 0.005}
            }
        });
        for fault in self.faults {
            user = merge(user, spec(*fault, self.severity));
        }
        Ok(resolve(user, None)?)
    }

    /// The facts of a line of the results.
    pub fn facts(&self) -> Value {
        json!({
            "case": self.number,
            "half": if self.calibration { "calibration" } else { "reporting" },
            "family": self.family.name,
            "classes": self.classes,
            "each": self.each,
            "severity": self.severity.name(),
            "hard": self.hard,
            "planted": self.faults.iter().map(|fault| fault.name()).collect::<Vec<_>>(),
        })
    }
}

/// Names of groups that no number could be.
const GROUPS: [&str; 8] = ["ann", "bob", "cai", "dee", "eve", "fay", "gus", "hal"];
