//! What a training will cost, from what the user's run did.

use super::training::Training;
use crate::data::Index;
use crate::model::plan_for;
use crate::run::{RunSpec, Split};

/// A training step goes forward and back; scoring goes forward only, and takes about a third.
const TRAINING_TO_SCORING: f64 = 3.0;

/// What is known of trainings on these images.
pub struct Cost {
    /// Seconds for an image to be scored by the user's network.
    image_s: f64,
    /// Numbers that the user's network makes of an image.
    activations: f64,
    /// Images of each split, as the dataset has them.
    images: [f64; 3],
    classes: usize,
}

impl Cost {
    pub fn of(run: &Training, index: &Index) -> Cost {
        let images = Split::ALL.map(|split| index.of(split).count() as f64);
        let epochs = run.epochs.len().max(1) as f64;
        let classes = index.classes.len();
        Cost {
            image_s: run.seconds / epochs / scored(images),
            activations: activations(&run.spec, classes),
            images,
            classes,
        }
    }

    /// Seconds that this training will take, about.
    pub fn seconds(&self, spec: &RunSpec) -> f64 {
        let [train, val, test] = self.images;
        let images = scored([train * spec.variation.training_share, val, test]);
        let network = activations(spec, self.classes) / self.activations;
        self.image_s * images * f64::from(spec.train.epochs) * network
    }
}

/// Images of an epoch, each split's in units of a scored one: training images are trained on and scored.
fn scored([train, val, test]: [f64; 3]) -> f64 {
    ((TRAINING_TO_SCORING + 1.0) * train + val + test).max(1.0)
}

/// Memory traffic is most of a small network's time, so the numbers that its layers make stand for it.
fn activations(spec: &RunSpec, classes: usize) -> f64 {
    plan_for(spec, classes).map_or(1.0, |plan| plan.activations.max(1) as f64)
}
