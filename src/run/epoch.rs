//! What one epoch reports.

use super::{Split, nullable};
use serde::{Deserialize, Serialize};

/// Loss and accuracy of one split, measured after an epoch in evaluation mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SplitMetrics {
    /// Mean cross-entropy in nats; NaN is null in JSON.
    #[serde(with = "nullable")]
    #[schema(value_type = Option<f64>)]
    pub loss: f64,
    /// Images classified right, of `n`.
    pub correct: u32,
    pub n: u32,
    /// `correct / n`, between 0 and 1.
    pub accuracy: f64,
}

impl SplitMetrics {
    /// Metrics from the summed loss over `n` images.
    pub fn new(loss_sum: f64, correct: u32, n: u32) -> Self {
        let images = f64::from(n.max(1));
        SplitMetrics {
            loss: loss_sum / images,
            correct,
            n,
            accuracy: f64::from(correct) / images,
        }
    }
}

/// The averages over an epoch's steps in training mode (dropout on, weights moving): what most tools call training accuracy.
/// The loss is plain cross-entropy here too, without the smoothing and weights of what is minimised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Running {
    #[serde(with = "nullable")]
    #[schema(value_type = Option<f64>)]
    pub loss: f64,
    pub accuracy: f64,
}

/// One epoch of a run, as an `epoch` event and an entry of `history.json` carry it. Epochs count from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EpochRecord {
    pub epoch: u32,
    pub lr: f64,
    /// Wall-clock seconds of the epoch, training and scoring together.
    pub seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<SplitMetrics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val: Option<SplitMetrics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<SplitMetrics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
}

impl EpochRecord {
    pub fn split(&self, split: Split) -> Option<&SplitMetrics> {
        match split {
            Split::Train => self.train.as_ref(),
            Split::Val => self.val.as_ref(),
            Split::Test => self.test.as_ref(),
        }
    }

    /// The same without the figures of the test images.
    pub fn without_test(mut self) -> EpochRecord {
        self.test = None;
        self
    }

    /// Training accuracy minus the other split's, from unrounded figures: the generalization gap, in fractions. Every gap that
    /// Gapwatch shows comes from here.
    pub fn gap(&self, other: Split) -> Option<f64> {
        Some(self.train.as_ref()?.accuracy - self.split(other)?.accuracy)
    }
}

/// Counts of (true class, predicted class), zeros left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Confusion(pub Vec<(u32, u32, u32)>);

impl Confusion {
    /// Counts the pairs; sorted by true class, then predicted class.
    pub fn count(pairs: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut counts = std::collections::BTreeMap::new();
        for pair in pairs {
            *counts.entry(pair).or_insert(0) += 1;
        }
        Confusion(counts.into_iter().map(|((t, p), n)| (t, p, n)).collect())
    }
}

/// Every image's result of one split after one epoch, in the dataset's order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImageResults {
    /// Predicted class of each image.
    pub prediction: Vec<u32>,
    /// The softmax probability of the predicted class.
    pub confidence: Vec<f32>,
    /// Cross-entropy of each image in nats.
    pub loss: Vec<f32>,
}

/// Everything an epoch reports: the record, a confusion matrix a split, results of each validation and test image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EpochReport {
    #[serde(flatten)]
    pub record: EpochRecord,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<(Split, Confusion)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<(Split, ImageResults)>,
}

impl EpochReport {
    /// The same without anything of the test images.
    pub fn without_test(mut self) -> EpochReport {
        self.record = self.record.without_test();
        self.confusion.retain(|(split, _)| *split != Split::Test);
        self.images.retain(|(split, _)| *split != Split::Test);
        self
    }
}
