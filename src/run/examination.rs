//! What forward passes over a run's images show once it has its weights.

use super::{Split, SplitMetrics, nullable};
use serde::{Deserialize, Serialize};

/// Whose statistics batch norm normalises by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Statistics {
    /// The running statistics that training left: evaluation mode.
    #[default]
    Running,
    /// Each batch's own, as in training. Batches are shuffled: sorted ones tell the class.
    Batch,
    /// Running statistics estimated anew on the training images, the mean over their batches.
    Recalibrated,
}

/// Whose images' preparation (decoding, resizing, scaling, augmentation) a pass went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preparation {
    /// That of validation images.
    #[default]
    Evaluation,
    /// That of training images.
    Training,
}

/// All images of a split through the network once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Pass {
    pub split: Split,
    #[serde(default)]
    pub statistics: Statistics,
    /// True where dropout was on.
    #[serde(default)]
    pub dropout: bool,
    #[serde(default)]
    pub preparation: Preparation,
    #[serde(flatten)]
    pub metrics: SplitMetrics,
    /// The class given to each image, in the order of the labels; left out for training images and very large splits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prediction: Vec<u32>,
}

/// A split scored twice in evaluation mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Repetition {
    pub split: Split,
    pub n: u32,
    /// Images that were given another class the second time.
    pub classes: u32,
    /// Images whose loss was another, to the last bit.
    pub losses: u32,
}

/// The numbers that enter the network, over all pixels of a split's images in one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InputStatistics {
    pub split: Split,
    /// From 0.
    pub channel: u32,
    #[serde(with = "nullable")]
    #[schema(value_type = Option<f64>)]
    pub mean: f64,
    #[serde(with = "nullable")]
    #[schema(value_type = Option<f64>)]
    pub std: f64,
    #[serde(with = "nullable")]
    #[schema(value_type = Option<f64>)]
    pub min: f64,
    #[serde(with = "nullable")]
    #[schema(value_type = Option<f64>)]
    pub max: f64,
}

/// A parameter tensor that training does not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StillParameter {
    /// PyTorch's: `layer1.0.weight`.
    pub name: String,
    /// No gradient, one that is all zero or one that is not finite at the first step.
    pub no_gradient: bool,
    /// Every number of it is what it was before training.
    pub unmoved: bool,
    /// Why that is so whatever the data, where the network's structure makes it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_structure: Option<String>,
}

/// How much of a network training reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reach {
    /// Parameter tensors of the network.
    pub tensors: u32,
    /// Those without a gradient at the first step, or not moved since.
    pub still: Vec<StillParameter>,
}

/// What forward passes over a run's images show once it has its weights: sent once, a later one replaces it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Examination {
    /// The epoch after which the network was examined.
    pub epoch: u32,
    pub seconds: f64,
    #[serde(default)]
    pub passes: Vec<Pass>,
    /// The class of each validation and test image, in the order of the passes' predictions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(Split, Vec<u32>)>,
    #[serde(default)]
    pub repeated: Vec<Repetition>,
    #[serde(default)]
    pub inputs: Vec<InputStatistics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Reach>,
}

impl Examination {
    /// The pass over a split through validation's preparation.
    pub fn pass(&self, split: Split, statistics: Statistics, dropout: bool) -> Option<&Pass> {
        self.passes.iter().find(|pass| {
            (pass.split, pass.statistics, pass.dropout) == (split, statistics, dropout)
                && pass.preparation == Preparation::Evaluation
        })
    }

    /// The same without what the network made of the test images.
    pub fn without_test(mut self) -> Examination {
        self.passes.retain(|pass| pass.split != Split::Test);
        self.labels.retain(|(split, _)| *split != Split::Test);
        self
    }

    /// The class of each image of a split, where it was told.
    pub fn labels(&self, split: Split) -> Option<&[u32]> {
        let found = self.labels.iter().find(|(of, _)| *of == split);
        found.map(|(_, labels)| labels.as_slice())
    }
}
