//! From a plan's layers to the operations that do them.

use super::{Plan, PlannedLayer};
use crate::nn::{
    AdaptivePool, AvgPool, BatchNorm, Columns, ConvBlock, Dropout, Flatten, Gelu, GroupNorm, Gru,
    LastStep, Linear, Lstm, MaxPool, One, Operation, Pooling, RecurrentStack, Relu, Stream,
    Unblock,
};
use crate::run::{self, Layer, Pair, SequenceOf};
use candle_core::{Result, Var, bail};

/// An operation of a network and the tensors it works with.
pub(super) struct Chained {
    /// Its layer's name in the plan, or the first and the last one's: `layer1.0 to layer1.4`.
    pub name: String,
    pub operation: Box<dyn Operation>,
    /// Parameters and running statistics by name.
    pub tensors: Vec<(String, Var)>,
}

/// The plan's operations in order; `tensors` are each layer's in PyTorch's order.
///
/// A convolution takes the batch norm, ReLU, max-pooling and dropout that follow it along.
pub(super) fn chain(
    plan: &Plan,
    tensors: &[Vec<(String, Var)>],
    seed: u64,
) -> Result<Vec<Chained>> {
    let mut chain = Vec::new();
    let mut layers: &[PlannedLayer] = &plan.layers;
    let mut tensors = tensors;
    while let ([layer, ..], [own, ..]) = (layers, tensors) {
        let (operation, taken) = match &layer.layer {
            Layer::Conv2d(conv) => conv_block(conv, layers, tensors, seed)?,
            _ => (operation(layer, &vars(own), seed)?, 1),
        };
        let (done, rest) = layers.split_at(taken);
        let (own, rest_tensors) = tensors.split_at(taken);
        chain.push(Chained {
            name: match done {
                [.., last] if taken > 1 => format!("{} to {}", layer.name, last.name),
                _ => layer.name.clone(),
            },
            operation,
            tensors: own.concat(),
        });
        let is_conv = |layer: &PlannedLayer| matches!(layer.layer, Layer::Conv2d(_));
        if is_conv(layer) && !rest.first().is_some_and(is_conv) {
            chain.push(Chained {
                name: layer.name.clone(),
                operation: Box::new(Unblock {
                    channels: layer.output[0],
                }),
                tensors: Vec::new(),
            });
        }
        (layers, tensors) = (rest, rest_tensors);
    }
    Ok(chain)
}

fn vars(tensors: &[(String, Var)]) -> Vec<Var> {
    tensors.iter().map(|(_, var)| var.clone()).collect()
}

/// The block that starts with a convolution, and how many layers are in it.
fn conv_block(
    conv: &run::Conv2d,
    layers: &[PlannedLayer],
    tensors: &[Vec<(String, Var)>],
    seed: u64,
) -> Result<(Box<dyn Operation>, usize)> {
    let vars: Vec<Vec<Var>> = tensors.iter().map(|t| vars(t)).collect();
    let [weight, bias @ ..] = vars[0].as_slice() else {
        bail!("a convolution without a weight")
    };
    let bias = bias.first().cloned();
    let mut block = ConvBlock::new(weight.clone(), bias, conv.stride, conv.padding);
    let mut taken = 1;
    // Each in its place in the usual order, and each at most once.
    let next = |taken: usize| layers.get(taken).map(|l| &l.layer);
    if let Some(Layer::BatchNorm(norm)) = next(taken) {
        block.norm = Some(batch_norm(norm, &vars[taken])?);
        taken += 1;
    }
    if let Some(Layer::Relu) = next(taken) {
        block.relu = true;
        taken += 1;
    }
    if let Some(Layer::MaxPool(pool)) = next(taken)
        && pool.padding == Pair::both(0)
        && pool.stride.is_none_or(|stride| stride == pool.kernel)
        && pool.kernel.height * pool.kernel.width <= 250
    {
        block.pool = Some(pool.kernel);
        taken += 1;
    }
    if let Some(Layer::Dropout(dropout)) = next(taken) {
        block.dropout = Some(Dropout {
            p: dropout.p,
            stream: dropout_stream(seed, &layers[taken]),
        });
        taken += 1;
    }
    Ok((Box::new(block), taken))
}

fn dropout_stream(seed: u64, layer: &PlannedLayer) -> Stream {
    Stream::new(seed, &format!("dropout {}", layer.name))
}

fn batch_norm(norm: &run::BatchNorm, tensors: &[Var]) -> Result<BatchNorm> {
    let [weight, bias, running_mean, running_var] = tensors else {
        bail!("a batch norm with {} tensors", tensors.len())
    };
    Ok(BatchNorm {
        weight: weight.clone(),
        bias: bias.clone(),
        running_mean: running_mean.clone(),
        running_var: running_var.clone(),
        eps: norm.eps,
        momentum: norm.momentum,
    })
}

fn operation(planned: &PlannedLayer, tensors: &[Var], seed: u64) -> Result<Box<dyn Operation>> {
    Ok(match (&planned.layer, tensors) {
        (Layer::BatchNorm(norm), tensors) => Box::new(batch_norm(norm, tensors)?),
        (Layer::GroupNorm(norm), [weight, bias]) => Box::new(GroupNorm {
            weight: weight.clone(),
            bias: bias.clone(),
            groups: norm.groups,
            eps: norm.eps,
        }),
        (Layer::Relu, []) => Box::new(Relu),
        (Layer::Gelu, []) => Box::new(Gelu),
        (Layer::MaxPool(pool), []) => Box::new(MaxPool {
            kernel: pool.kernel,
            stride: pool.stride.unwrap_or(pool.kernel),
            padding: pool.padding,
        }),
        (Layer::AvgPool(pool), []) => Box::new(AvgPool {
            kernel: pool.kernel,
            stride: pool.stride.unwrap_or(pool.kernel),
            padding: pool.padding,
            count_include_pad: pool.count_include_pad,
        }),
        (Layer::AdaptiveAvgPool(pool), []) => Box::new(AdaptivePool {
            pooling: Pooling::Average,
            height: pool.out.height,
            width: pool.out.width,
        }),
        (Layer::AdaptiveMaxPool(pool), []) => Box::new(AdaptivePool {
            pooling: Pooling::Maximum,
            height: pool.out.height,
            width: pool.out.width,
        }),
        (Layer::Dropout(dropout), []) => Box::new(Dropout {
            p: dropout.p,
            stream: dropout_stream(seed, planned),
        }),
        (Layer::Flatten, []) => Box::new(Flatten),
        (Layer::Linear(_), [weight, bias @ ..]) => Box::new(Linear {
            weight: weight.clone(),
            bias: bias.first().cloned(),
        }),
        (Layer::Sequence(sequence), []) => match sequence.of {
            SequenceOf::One => Box::new(One),
            SequenceOf::Columns => Box::new(Columns),
        },
        (layer @ (Layer::Lstm(settings) | Layer::Gru(settings)), tensors) => {
            let directions = if settings.bidirectional { 2 } else { 1 };
            let of_layer = |tensors: &[Var]| {
                let directions = tensors.chunks(4).enumerate();
                directions
                    .map(|(number, tensors)| direction(layer, number == 1, tensors))
                    .collect()
            };
            Box::new(RecurrentStack {
                layers: tensors
                    .chunks(4 * directions)
                    .map(of_layer)
                    .collect::<Result<_>>()?,
            })
        }
        (Layer::LastStep, []) => Box::new(LastStep),
        (layer, tensors) => bail!("a {} with {} tensors", layer.kind(), tensors.len()),
    })
}

/// One direction of a recurrent layer.
fn direction(layer: &Layer, reverse: bool, tensors: &[Var]) -> Result<Box<dyn Operation>> {
    let [weight_ih, weight_hh, bias_ih, bias_hh] = tensors else {
        bail!(
            "a direction of a {} with {} tensors",
            layer.kind(),
            tensors.len()
        )
    };
    let (weight_ih, weight_hh) = (weight_ih.clone(), weight_hh.clone());
    let (bias_ih, bias_hh) = (bias_ih.clone(), bias_hh.clone());
    Ok(if matches!(layer, Layer::Lstm(_)) {
        Box::new(Lstm {
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
            reverse,
        })
    } else {
        Box::new(Gru {
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
            reverse,
        })
    })
}
