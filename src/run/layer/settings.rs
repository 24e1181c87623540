//! What can be set of each kind of layer.

use super::LayerSpec;
use serde::{Deserialize, Serialize};

/// A number for height and width, or one for each: `3` or `[3, 5]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PairForm", into = "PairForm")]
pub struct Pair {
    pub height: usize,
    pub width: usize,
}

impl Pair {
    pub const fn both(n: usize) -> Self {
        Pair {
            height: n,
            width: n,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PairForm {
    One(usize),
    Two([usize; 2]),
}

impl From<PairForm> for Pair {
    fn from(form: PairForm) -> Self {
        match form {
            PairForm::One(n) => Pair::both(n),
            PairForm::Two([height, width]) => Pair { height, width },
        }
    }
}

impl From<Pair> for PairForm {
    fn from(pair: Pair) -> Self {
        if pair.height == pair.width {
            PairForm::One(pair.height)
        } else {
            PairForm::Two([pair.height, pair.width])
        }
    }
}

/// Convolution over (N, C, H, W), zero padding on both sides, as PyTorch's `Conv2d`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Output channels.
    pub out: usize,
    pub kernel: Pair,
    #[serde(default = "one")]
    pub stride: Pair,
    #[serde(default = "zero")]
    pub padding: Pair,
    #[serde(default = "yes")]
    pub bias: bool,
}

/// Batch normalization over (N, C, H, W) a channel, or over (N, F) a feature, as PyTorch's `BatchNorm2d` and `BatchNorm1d`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm {
    #[serde(default = "norm_eps")]
    pub eps: f64,
    /// The share of a new batch in the running statistics.
    #[serde(default = "batch_norm_momentum")]
    pub momentum: f64,
}

/// Normalization of each image over groups of channels, of (N, C, H, W) or (N, F), as PyTorch's `GroupNorm`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupNorm {
    /// A divisor of the channels.
    pub groups: usize,
    #[serde(default = "norm_eps")]
    pub eps: f64,
}

/// Maximum over windows of (N, C, H, W); windows that do not fit are left out, as PyTorch does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPool {
    pub kernel: Pair,
    /// The kernel where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
    #[serde(default = "zero")]
    pub padding: Pair,
}

/// Mean over windows of (N, C, H, W); windows that do not fit are left out, as PyTorch's `AvgPool2d`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPool {
    pub kernel: Pair,
    /// The kernel where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
    #[serde(default = "zero")]
    pub padding: Pair,
    /// Whether the padding's zeros count in the mean.
    #[serde(default = "yes")]
    pub count_include_pad: bool,
}

/// Pooling to a given output size, whatever comes in: `out = 1` is global pooling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptivePool {
    #[serde(default = "one")]
    pub out: Pair,
}

/// Zeroes each activation with probability `p` in training and scales the others by 1 / (1 − p).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    pub p: f64,
}

/// Affine map of the last axis: (…, F) to (…, out).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Output features; the number of classes where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<usize>,
    #[serde(default = "yes")]
    pub bias: bool,
}

/// Recurrent layers over (N, T, F) upon each other, zero initial state; gives (N, T, hidden · directions).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurrent {
    pub hidden: usize,
    #[serde(default = "one_layer")]
    pub layers: usize,
    #[serde(default)]
    pub bidirectional: bool,
}

/// A block whose layers learn what to add to what comes in (He et al. 2016): layers(x) + shortcut(x), nothing after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    pub layers: Vec<LayerSpec>,
    /// What gives the input the shape of the layers' result, such as a convolution of one pixel; the input itself where
    /// absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortcut: Vec<LayerSpec>,
}

/// Makes a sequence for a recurrent layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    pub of: SequenceOf,
}

/// What becomes the steps of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SequenceOf {
    /// (N, F) to (N, 1, F): a sequence of length one.
    One,
    /// (N, C, H, W) to (N, W, C · H): the image's columns from left to right.
    Columns,
}

/// A layer without settings: `{ relu = {} }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

fn one() -> Pair {
    Pair::both(1)
}

fn zero() -> Pair {
    Pair::both(0)
}

fn one_layer() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn norm_eps() -> f64 {
    1e-5
}

fn batch_norm_momentum() -> f64 {
    0.1
}
