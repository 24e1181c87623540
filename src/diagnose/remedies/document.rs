//! Remedies that were tried, as the diagnosis document lists them.

use crate::diagnose::{Interval, wilson};
use crate::run::{RunId, SplitMetrics};
use serde::Serialize;

/// What a remedy was seen to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    Helps,
    Harms,
    /// Whatever it does is less than so few images show.
    Unseen,
    /// Its run has no figures to compare.
    Unknown,
}

/// Right answers of the validation images, with Wilson's 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    pub correct: u32,
    pub n: u32,
    pub accuracy: f64,
    #[serde(flatten)]
    pub interval: Interval,
}

impl From<&SplitMetrics> for Share {
    fn from(m: &SplitMetrics) -> Share {
        Share {
            correct: m.correct,
            n: m.n,
            accuracy: m.accuracy,
            interval: wilson(m.correct, m.n),
        }
    }
}

/// A difference of accuracies, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub value: f64,
    #[serde(flatten)]
    pub interval: Interval,
}

/// A difference over several seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeanDifference {
    /// Pairs of runs.
    pub seeds: usize,
    #[serde(flatten)]
    pub mean: Difference,
}

/// A remedy that was tried, beside the run itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemedyRecord {
    pub id: String,
    pub words: String,
    /// Its runs, one a seed; the first is the one that is judged.
    pub runs: Vec<RunId>,
    pub effect: Effect,
    /// True for the one that helps most.
    pub winner: bool,
    /// Validation after the last epoch, of the run with the same seed and of the remedy's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Share>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Share>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// True where both were validated on the same images.
    pub paired: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistic: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// Corrected by Holm 1979 for all that were tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_holm: Option<f64>,
    /// The mean over seeds of the differences, with the interval of the paired t-test (Student 1908).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_seeds: Option<MeanDifference>,
    /// Seconds of training of all its runs.
    pub cost_s: f64,
    /// What came of it, in sentences.
    pub result: String,
}
