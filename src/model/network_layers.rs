//! From a plan's layers to the operations that do them.

use super::{Plan, PlannedLayer};
use crate::nn::{
    AdaptivePool, BatchNorm, Columns, Conv2d, Dropout, Flatten, LastStep, Linear, Lstm, LstmStack,
    MaxPool, One, Operation, Pooling, Relu, Stream,
};
use crate::run::{Layer, SequenceOf};
use candle_core::{Result, Var, bail};

/// An operation of a network and the tensors it works with.
pub(super) struct Chained {
    /// Its layer's name in the plan.
    pub name: String,
    pub operation: Box<dyn Operation>,
    /// Parameters and running statistics.
    pub tensors: Vec<Var>,
}

/// The plan's operations in order; `tensors` are each layer's in PyTorch's order.
pub(super) fn chain(plan: &Plan, tensors: &[Vec<Var>], seed: u64) -> Result<Vec<Chained>> {
    plan.layers
        .iter()
        .zip(tensors)
        .map(|(layer, tensors)| {
            Ok(Chained {
                name: layer.name.clone(),
                operation: operation(layer, tensors, seed)?,
                tensors: tensors.clone(),
            })
        })
        .collect()
}

fn operation(planned: &PlannedLayer, tensors: &[Var], seed: u64) -> Result<Box<dyn Operation>> {
    Ok(match (&planned.layer, tensors) {
        (Layer::Conv2d(conv), [weight, bias @ ..]) => Box::new(Conv2d {
            weight: weight.clone(),
            bias: bias.first().cloned(),
            stride: conv.stride,
            padding: conv.padding,
        }),
        (Layer::BatchNorm(norm), [weight, bias, running_mean, running_var]) => {
            Box::new(BatchNorm {
                weight: weight.clone(),
                bias: bias.clone(),
                running_mean: running_mean.clone(),
                running_var: running_var.clone(),
                eps: norm.eps,
                momentum: norm.momentum,
            })
        }
        (Layer::Relu, []) => Box::new(Relu),
        (Layer::MaxPool(pool), []) => Box::new(MaxPool {
            kernel: pool.kernel,
            stride: pool.stride.unwrap_or(pool.kernel),
            padding: pool.padding,
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
            stream: Stream::new(seed, &format!("dropout {}", planned.name)),
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
        (Layer::Lstm(lstm), tensors) => {
            let directions = if lstm.bidirectional { 2 } else { 1 };
            Box::new(LstmStack {
                layers: tensors
                    .chunks(4 * directions)
                    .map(|layer| layer.chunks(4).enumerate().map(direction).collect())
                    .collect::<Result<_>>()?,
            })
        }
        (Layer::LastStep, []) => Box::new(LastStep),
        (layer, tensors) => bail!("a {} with {} tensors", layer.kind(), tensors.len()),
    })
}

fn direction((number, tensors): (usize, &[Var])) -> Result<Lstm> {
    let [weight_ih, weight_hh, bias_ih, bias_hh] = tensors else {
        bail!("a direction of an LSTM with {} tensors", tensors.len())
    };
    Ok(Lstm {
        weight_ih: weight_ih.clone(),
        weight_hh: weight_hh.clone(),
        bias_ih: bias_ih.clone(),
        bias_hh: bias_hh.clone(),
        reverse: number == 1,
    })
}
