//! An architecture as data: a list of layers, each a table with one entry named like its operation.

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
    #[serde(default = "batch_norm_eps")]
    pub eps: f64,
    /// The share of a new batch in the running statistics.
    #[serde(default = "batch_norm_momentum")]
    pub momentum: f64,
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

/// LSTM over (N, T, F), zero initial state, gates in PyTorch's order i, f, g, o; gives (N, T, hidden · directions).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lstm {
    pub hidden: usize,
    #[serde(default = "one_layer")]
    pub layers: usize,
    #[serde(default)]
    pub bidirectional: bool,
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

/// One operation of a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    Conv2d(Conv2d),
    BatchNorm(BatchNorm),
    Relu,
    MaxPool(MaxPool),
    AdaptiveAvgPool(AdaptivePool),
    AdaptiveMaxPool(AdaptivePool),
    Dropout(Dropout),
    /// (N, …) to (N, F).
    Flatten,
    Linear(Linear),
    Sequence(Sequence),
    Lstm(Lstm),
    /// (N, T, F) to (N, F): the last step's features.
    LastStep,
}

impl Layer {
    /// The operation's name in a spec: `conv2d`, `batch_norm`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Layer::Conv2d(_) => "conv2d",
            Layer::BatchNorm(_) => "batch_norm",
            Layer::Relu => "relu",
            Layer::MaxPool(_) => "max_pool",
            Layer::AdaptiveAvgPool(_) => "adaptive_avg_pool",
            Layer::AdaptiveMaxPool(_) => "adaptive_max_pool",
            Layer::Dropout(_) => "dropout",
            Layer::Flatten => "flatten",
            Layer::Linear(_) => "linear",
            Layer::Sequence(_) => "sequence",
            Layer::Lstm(_) => "lstm",
            Layer::LastStep => "last_step",
        }
    }
}

/// A layer with the name that its parameters carry in a checkpoint (`layer1.0`, `flc`); unnamed ones are numbered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Table", into = "Table")]
pub struct LayerSpec {
    pub name: Option<String>,
    pub layer: Layer,
}

/// The written form of a [`LayerSpec`]: a name and exactly one operation.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conv2d: Option<Conv2d>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_norm: Option<BatchNorm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relu: Option<NoSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pool: Option<MaxPool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adaptive_avg_pool: Option<AdaptivePool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adaptive_max_pool: Option<AdaptivePool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropout: Option<Dropout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flatten: Option<NoSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    linear: Option<Linear>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<Sequence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lstm: Option<Lstm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_step: Option<NoSettings>,
}

impl TryFrom<Table> for LayerSpec {
    type Error = String;

    fn try_from(t: Table) -> Result<Self, String> {
        let mut found: Vec<Layer> = [
            t.conv2d.map(Layer::Conv2d),
            t.batch_norm.map(Layer::BatchNorm),
            t.relu.map(|_| Layer::Relu),
            t.max_pool.map(Layer::MaxPool),
            t.adaptive_avg_pool.map(Layer::AdaptiveAvgPool),
            t.adaptive_max_pool.map(Layer::AdaptiveMaxPool),
            t.dropout.map(Layer::Dropout),
            t.flatten.map(|_| Layer::Flatten),
            t.linear.map(Layer::Linear),
            t.sequence.map(Layer::Sequence),
            t.lstm.map(Layer::Lstm),
            t.last_step.map(|_| Layer::LastStep),
        ]
        .into_iter()
        .flatten()
        .collect();
        match (found.pop(), found.pop()) {
            (Some(layer), None) => Ok(LayerSpec {
                name: t.name,
                layer,
            }),
            (None, _) => Err(
                "a layer names one operation, as in { relu = {} } or { linear = { out = 10 } }"
                    .to_owned(),
            ),
            (Some(one), Some(other)) => Err(format!(
                "a layer names one operation, and this one names {} and {}: write them as two layers",
                other.kind(),
                one.kind()
            )),
        }
    }
}

impl From<LayerSpec> for Table {
    fn from(spec: LayerSpec) -> Table {
        let mut table = Table {
            name: spec.name,
            ..Table::default()
        };
        match spec.layer {
            Layer::Conv2d(l) => table.conv2d = Some(l),
            Layer::BatchNorm(l) => table.batch_norm = Some(l),
            Layer::Relu => table.relu = Some(NoSettings {}),
            Layer::MaxPool(l) => table.max_pool = Some(l),
            Layer::AdaptiveAvgPool(l) => table.adaptive_avg_pool = Some(l),
            Layer::AdaptiveMaxPool(l) => table.adaptive_max_pool = Some(l),
            Layer::Dropout(l) => table.dropout = Some(l),
            Layer::Flatten => table.flatten = Some(NoSettings {}),
            Layer::Linear(l) => table.linear = Some(l),
            Layer::Sequence(l) => table.sequence = Some(l),
            Layer::Lstm(l) => table.lstm = Some(l),
            Layer::LastStep => table.last_step = Some(NoSettings {}),
        }
        table
    }
}

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

fn batch_norm_eps() -> f64 {
    1e-5
}

fn batch_norm_momentum() -> f64 {
    0.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_written_as_it_was_read() {
        let text = r#"[{"name":"layer1.0","conv2d":{"out":16,"kernel":[3,5],"stride":1,"padding":1,"bias":true}},{"relu":{}},{"linear":{"bias":true}}]"#;
        let layers: Vec<LayerSpec> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&layers).unwrap(), text);
    }

    #[test]
    fn a_layer_with_no_or_two_operations_is_refused() {
        for (text, says) in [
            ("{}", "names one operation"),
            (r#"{"relu":{},"flatten":{}}"#, "relu and flatten"),
            (r#"{"gelu":{}}"#, "gelu"),
        ] {
            let error = serde_json::from_str::<LayerSpec>(text).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
