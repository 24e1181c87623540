//! The probes: what each asks, and the trainings that answer it.

use crate::diagnose::Verdict;
use crate::run::{Keep, ModelSpec, Optimizer, Resplit, RunSpec, Schedule, TestFigures};
use serde::{Deserialize, Serialize};

/// Folds of every cross-validation: each is a whole training.
const FOLDS: u32 = 3;
/// Shares of the training images of a learning curve, beside all of them.
pub(super) const SHARES: [f64; 2] = [0.25, 0.5];
/// How much longer, and how much cooler, a run is tried that was not learning.
pub(super) const LONGER: u32 = 3;
pub(super) const COOLER: f64 = 0.1;
/// The preset of the small network.
const BASELINE: &str = "cnn-gap";
/// A baseline that had no time to learn would tell nothing: epochs and steps that it has at least.
const BASELINE_EPOCHS: u32 = 20;
const BASELINE_STEPS: usize = 400;

/// Trainings that tell causes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// A small convolutional network with global pooling on the same images.
    Baseline,
    /// Training and validation drawn anew from one pool; test stays sealed.
    PooledResplit,
    /// The training labels shuffled (Zhang et al. 2017).
    ShuffledLabels,
    /// A quarter and a half of the training images.
    LearningCurve,
    /// Cross-validation by groups against cross-validation by classes.
    GroupedFolds,
    /// Confident learning out of fold (Northcutt et al. 2021).
    LabelSuspects,
    LongerTraining,
    CoolerTraining,
}

impl Probe {
    pub const ALL: [Probe; 8] = [
        Probe::Baseline,
        Probe::PooledResplit,
        Probe::ShuffledLabels,
        Probe::LearningCurve,
        Probe::GroupedFolds,
        Probe::LabelSuspects,
        Probe::LongerTraining,
        Probe::CoolerTraining,
    ];

    /// As in the diagnosis document: `pooled-resplit`.
    pub fn name(self) -> &'static str {
        match self {
            Probe::Baseline => "baseline",
            Probe::PooledResplit => "pooled-resplit",
            Probe::ShuffledLabels => "shuffled-labels",
            Probe::LearningCurve => "learning-curve",
            Probe::GroupedFolds => "grouped-folds",
            Probe::LabelSuspects => "label-suspects",
            Probe::LongerTraining => "longer-training",
            Probe::CoolerTraining => "cooler-training",
        }
    }

    /// The probe of this name.
    pub fn named(name: &str) -> Option<Probe> {
        Probe::ALL.into_iter().find(|probe| probe.name() == name)
    }

    /// What it asks; the answer is yes or no.
    pub fn question(self) -> &'static str {
        match self {
            Probe::Baseline => {
                "Does a small network with global pooling do better on the same images?"
            }
            Probe::PooledResplit => {
                "Does validation recover when it is drawn from one pool with training?"
            }
            Probe::ShuffledLabels => {
                "Can this network learn its training images by heart with shuffled labels?"
            }
            Probe::LearningCurve => "Do more training images help?",
            Probe::GroupedFolds => {
                "Is it harder when whole groups are held out than when single images are?"
            }
            Probe::LabelSuspects => "Are many labels contradicted by networks that never saw them?",
            Probe::LongerTraining => "Does longer training help?",
            Probe::CoolerTraining => "Does a ten times smaller learning rate help?",
        }
    }

    /// The trainings it needs beside the user's run, which took this many epochs of so many training images.
    ///
    /// Probes are judged by their last epoch, so none stops early: with shuffled labels a rising validation loss is what is
    /// expected.
    pub fn trainings(self, run: &RunSpec, epochs: u32, images: usize) -> Vec<RunSpec> {
        let mut base = run.clone();
        // They describe the run, not its probes.
        base.name = String::new();
        base.notes = String::new();
        base.tags = Vec::new();
        base.train.early_stopping = None;
        base.train.epochs = epochs.max(1);
        // What a probe answers must not depend on the test images.
        base.test = TestFigures::Sealed;
        base.keep = Keep::Last;
        let with = |change: &dyn Fn(&mut RunSpec)| {
            let mut spec = base.clone();
            change(&mut spec);
            spec
        };
        let folds = |by_group| {
            (1..=FOLDS).map(move |number| Resplit::Fold {
                number,
                of: FOLDS,
                by_group,
            })
        };
        match self {
            Probe::Baseline => vec![with(&|spec| small_network(spec, images))],
            Probe::PooledResplit => {
                vec![with(&|spec| spec.variation.split = Resplit::Pooled)]
            }
            Probe::ShuffledLabels => vec![with(&|spec| spec.variation.shuffle_labels = true)],
            // As many steps as with all images: what is to be seen is what more images do, not what more steps do.
            Probe::LearningCurve => SHARES
                .map(|share| {
                    with(&|spec| {
                        spec.variation.training_share = share;
                        spec.train.epochs = (f64::from(base.train.epochs) / share).round() as u32;
                    })
                })
                .to_vec(),
            Probe::GroupedFolds => folds(true)
                .chain(folds(false))
                .map(|fold| with(&|spec| spec.variation.split = fold))
                .collect(),
            Probe::LabelSuspects => folds(false)
                .map(|fold| with(&|spec| spec.variation.split = fold))
                .collect(),
            Probe::LongerTraining => vec![with(&|spec| {
                spec.train.epochs = spec.train.epochs.saturating_mul(LONGER).min(100_000);
            })],
            Probe::CoolerTraining => {
                vec![with(&|spec| cool(&mut spec.train.optimizer))]
            }
        }
    }

    /// True where it makes sense for this network and after this verdict: a small network is no baseline of itself, and only a
    /// run that was not learning is trained longer or cooler.
    pub(super) fn suits(self, run: &RunSpec, verdict: Verdict) -> bool {
        let is_baseline = matches!(&run.model, ModelSpec::Preset(name) if name == BASELINE);
        let stuck = matches!(
            verdict,
            Verdict::NotLearning | Verdict::Diverged | Verdict::Underfitting
        );
        match self {
            Probe::Baseline => !is_baseline,
            Probe::LongerTraining | Probe::CoolerTraining => stuck,
            Probe::PooledResplit
            | Probe::ShuffledLabels
            | Probe::LearningCurve
            | Probe::GroupedFolds
            | Probe::LabelSuspects => !stuck,
        }
    }
}

/// Makes a run one of the small network, trained as it wants to be on so many images.
pub(in crate::diagnose) fn small_network(spec: &mut RunSpec, images: usize) {
    spec.model = ModelSpec::Preset(BASELINE.to_owned());
    spec.train.optimizer = Optimizer::default();
    spec.train.schedule = Schedule::default();
    let steps = images.div_ceil(spec.train.batch_size).max(1);
    let long_enough = BASELINE_STEPS.div_ceil(steps) as u32;
    let epochs = &mut spec.train.epochs;
    *epochs = (*epochs).max(BASELINE_EPOCHS).max(long_enough);
}

fn cool(optimizer: &mut Optimizer) {
    match optimizer {
        Optimizer::Sgd { lr, .. } | Optimizer::Adam { lr, .. } | Optimizer::AdamW { lr, .. } => {
            *lr *= COOLER;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_training_of_a_probe_is_a_run_that_fits() {
        let mut run = RunSpec::default();
        run.train.early_stopping = Some(Default::default());
        for (place, probe) in Probe::ALL.into_iter().enumerate() {
            assert_eq!(probe as usize, place);
            assert_eq!(serde_json::to_value(probe).unwrap(), probe.name());
            let trainings = probe.trainings(&run, 12, 630);
            assert!(!trainings.is_empty());
            for spec in trainings {
                assert_eq!(spec.check(), [], "{probe:?}");
                assert_eq!(spec.train.early_stopping, None);
                assert_ne!(spec, run);
            }
        }
        // Folds by class are asked for by two probes, and are trained once.
        let grouped = Probe::GroupedFolds.trainings(&run, 12, 630);
        for fold in Probe::LabelSuspects.trainings(&run, 12, 630) {
            assert!(grouped.contains(&fold));
        }
    }

    #[test]
    fn a_smaller_share_of_the_images_is_shown_as_often() {
        let curve = Probe::LearningCurve.trainings(&RunSpec::default(), 10, 630);
        let epochs: Vec<u32> = curve.iter().map(|spec| spec.train.epochs).collect();
        assert_eq!(epochs, [40, 20]);
    }

    #[test]
    fn a_probe_is_made_where_its_answer_can_tell_something() {
        let mut run = RunSpec::default();
        assert!(Probe::Baseline.suits(&run, Verdict::Memorising));
        assert!(Probe::PooledResplit.suits(&run, Verdict::Memorising));
        assert!(!Probe::CoolerTraining.suits(&run, Verdict::Memorising));
        assert!(Probe::CoolerTraining.suits(&run, Verdict::NotLearning));
        assert!(!Probe::PooledResplit.suits(&run, Verdict::NotLearning));
        run.model = ModelSpec::Preset("cnn-gap".to_owned());
        assert!(!Probe::Baseline.suits(&run, Verdict::Memorising));
    }
}
