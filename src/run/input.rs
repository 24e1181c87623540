//! What an image becomes before it enters the network.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InputSpec {
    /// Pixels.
    pub height: usize,
    /// Pixels.
    pub width: usize,
    /// 1: gray, 0.299 R + 0.587 G + 0.114 B; 3: colour, gray images repeated.
    pub channels: usize,
    /// `train`, `image`, `none`, or `{ mean, std }`.
    #[schema(value_type = Object)]
    pub normalize: Normalize,
}

impl Default for InputSpec {
    fn default() -> Self {
        InputSpec {
            height: 128,
            width: 256,
            channels: 3,
            normalize: Normalize::default(),
        }
    }
}

/// What is subtracted from pixels (0 to 1) and what they are divided by, a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "NormalizeForm", into = "NormalizeForm")]
pub enum Normalize {
    /// Mean and standard deviation of the training images.
    #[default]
    Train,
    /// Mean and standard deviation of each image's own channel; a deviation below 10⁻⁶ counts as 1.
    Image,
    None,
    Fixed {
        mean: Vec<f64>,
        std: Vec<f64>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write \"train\", \"image\", \"none\" or { mean = [0.5], std = [0.5] }"
)]
enum NormalizeForm {
    Word(NormalizeWord),
    Fixed { mean: Vec<f64>, std: Vec<f64> },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NormalizeWord {
    Train,
    Image,
    None,
}

impl From<NormalizeForm> for Normalize {
    fn from(form: NormalizeForm) -> Self {
        match form {
            NormalizeForm::Word(NormalizeWord::Train) => Normalize::Train,
            NormalizeForm::Word(NormalizeWord::Image) => Normalize::Image,
            NormalizeForm::Word(NormalizeWord::None) => Normalize::None,
            NormalizeForm::Fixed { mean, std } => Normalize::Fixed { mean, std },
        }
    }
}

impl From<Normalize> for NormalizeForm {
    fn from(normalize: Normalize) -> Self {
        match normalize {
            Normalize::Train => NormalizeForm::Word(NormalizeWord::Train),
            Normalize::Image => NormalizeForm::Word(NormalizeWord::Image),
            Normalize::None => NormalizeForm::Word(NormalizeWord::None),
            Normalize::Fixed { mean, std } => NormalizeForm::Fixed { mean, std },
        }
    }
}
