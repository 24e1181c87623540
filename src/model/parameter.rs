//! A layer's parameters and running statistics by PyTorch's names and shapes.

use crate::run::Layer;
use serde::Serialize;

/// A tensor of a checkpoint before it exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedTensor {
    /// PyTorch's: `layer1.0.weight`, `blstm.weight_ih_l0_reverse`.
    pub name: String,
    pub shape: Vec<usize>,
    /// False for running statistics.
    pub trainable: bool,
}

/// The tensors of a layer that gets `input` ([C, H, W], \[F\] or [T, F]), in the order of PyTorch's `state_dict`; those
/// of a residual block are its layers'.
pub(super) fn tensors(prefix: &str, layer: &Layer, input: &[usize]) -> Vec<PlannedTensor> {
    let tensor = |name: String, shape: Vec<usize>, trainable| PlannedTensor {
        name: format!("{prefix}.{name}"),
        shape,
        trainable,
    };
    let weighted = |shape: Vec<usize>, bias: bool| {
        let out = shape[0];
        let mut both = vec![tensor("weight".to_owned(), shape, true)];
        if bias {
            both.push(tensor("bias".to_owned(), vec![out], true));
        }
        both
    };
    match layer {
        Layer::Conv2d(conv) => {
            let shape = vec![conv.out, input[0], conv.kernel.height, conv.kernel.width];
            weighted(shape, conv.bias)
        }
        Layer::Linear(linear) => {
            let features = input[input.len() - 1];
            weighted(vec![linear.out.unwrap_or_default(), features], linear.bias)
        }
        Layer::BatchNorm(_) => ["weight", "bias", "running_mean", "running_var"]
            .into_iter()
            .map(|name| {
                tensor(
                    name.to_owned(),
                    vec![input[0]],
                    !name.starts_with("running"),
                )
            })
            .collect(),
        Layer::GroupNorm(_) => weighted(vec![input[0]], true),
        Layer::Lstm(settings) | Layer::Gru(settings) => {
            let directions: &[&str] = if settings.bidirectional {
                &["", "_reverse"]
            } else {
                &[""]
            };
            // Of an LSTM i, f, g, o; of a GRU r, z, n.
            let of_unit = if matches!(layer, Layer::Lstm(_)) {
                4
            } else {
                3
            };
            let gates = of_unit * settings.hidden;
            let mut all = Vec::new();
            for number in 0..settings.layers {
                let features = if number == 0 {
                    input[1]
                } else {
                    settings.hidden * directions.len()
                };
                for direction in directions {
                    for (name, shape) in [
                        ("weight_ih", vec![gates, features]),
                        ("weight_hh", vec![gates, settings.hidden]),
                        ("bias_ih", vec![gates]),
                        ("bias_hh", vec![gates]),
                    ] {
                        all.push(tensor(format!("{name}_l{number}{direction}"), shape, true));
                    }
                }
            }
            all
        }
        Layer::Relu
        | Layer::Gelu
        | Layer::MaxPool(_)
        | Layer::AvgPool(_)
        | Layer::AdaptiveAvgPool(_)
        | Layer::AdaptiveMaxPool(_)
        | Layer::Dropout(_)
        | Layer::Flatten
        | Layer::Sequence(_)
        | Layer::LastStep
        | Layer::Residual(_) => Vec::new(),
    }
}

/// Trainable numbers of a layer that gets `input`.
pub(super) fn count(layer: &Layer, input: &[usize]) -> usize {
    tensors("", layer, input)
        .iter()
        .filter(|t| t.trainable)
        .map(|t| t.shape.iter().product::<usize>())
        .sum()
}
