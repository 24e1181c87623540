//! From a plan's layers to the operations that do them.

use super::{Plan, PlannedLayer};
use crate::nn::cuda::On;
use crate::nn::{
    AdaptivePool, AvgPool, BatchNorm, Columns, ConvBlock, Core, Direction, Dropout, Flatten, Gelu,
    GroupNorm, Gru, LastStep, Linear, Lstm, MaxPool, One, Operation, Pooling, RecurrentStack, Relu,
    Residual, Stream, Unblock,
};
use crate::run::{self, Layer, Pair, SequenceOf};
use candle_core::{Result, Var, bail};
use std::collections::HashMap;

/// An operation of a network and the tensors it works with.
pub(super) struct Chained {
    /// Its layer's name in the plan, or the first and the last one's: `layer1.0 to layer1.4`.
    pub name: String,
    pub operation: Box<dyn Operation>,
    /// Parameters and running statistics by name.
    pub tensors: Vec<(String, Var)>,
}

/// Each layer's tensors by its name, in PyTorch's order.
pub(super) type Tensors = HashMap<String, Vec<(String, Var)>>;

/// The plan's operations in order.
///
/// A convolution takes the batch norm, ReLU, max-pooling and dropout that follow it along, a residual block its ReLU.
pub(super) fn chain(core: Core, plan: &Plan, tensors: &Tensors, seed: u64) -> Result<Vec<Chained>> {
    let builder = Builder {
        core,
        tensors,
        seed,
    };
    Ok(builder.list(&plan.layers, false)?.0)
}

/// The linear layer over all of an image that a network on the processor begins with, where it takes images as rows. It
/// stands for the plan's first [`FIRST_LINEAR`] operations, and its tensors are theirs.
pub(super) fn first_linear(core: Core, plan: &Plan, tensors: &Tensors) -> Result<Option<Linear>> {
    let [flatten, layer, ..] = plan.layers.as_slice() else {
        return Ok(None);
    };
    let is_first = matches!(
        (&flatten.layer, &layer.layer),
        (Layer::Flatten, Layer::Linear(_))
    );
    if !is_first || core != Core::Processor {
        return Ok(None);
    }
    let linear = linear(&vars(tensors, layer))?;
    Ok(linear.takes_rows()?.then_some(linear))
}

/// See [`first_linear`].
pub(super) const FIRST_LINEAR: usize = 2;

struct Builder<'a> {
    core: Core,
    tensors: &'a Tensors,
    seed: u64,
}

/// A layer's own tensors.
fn vars(tensors: &Tensors, layer: &PlannedLayer) -> Vec<Var> {
    let own = tensors.get(&layer.name).into_iter().flatten();
    own.map(|(_, var)| var.clone()).collect()
}

fn linear(tensors: &[Var]) -> Result<Linear> {
    let [weight, bias @ ..] = tensors else {
        bail!("a linear layer without a weight")
    };
    Ok(Linear {
        weight: weight.clone(),
        bias: bias.first().cloned(),
    })
}

/// An operation as the core does it.
fn done_by<T: Operation + 'static>(core: Core, operation: T) -> Box<dyn Operation>
where
    On<T>: Operation,
{
    match core {
        Core::Processor => Box::new(operation),
        Core::Card => Box::new(On(operation)),
    }
}

impl Builder<'_> {
    /// A list's operations for an input that lies in blocks of sixteen channels or not, and whether the result does.
    fn list(&self, mut layers: &[PlannedLayer], mut blocked: bool) -> Result<(Vec<Chained>, bool)> {
        let mut chain: Vec<Chained> = Vec::new();
        while let [layer, rest @ ..] = layers {
            let takes_blocks = matches!(
                layer.layer,
                Layer::Conv2d(_) | Layer::Residual(_) | Layer::Relu | Layer::Gelu
            );
            if blocked && !takes_blocks {
                chain.push(unblock(layer.input[0], &layer.name));
                blocked = false;
            }
            let (operation, taken): (Box<dyn Operation>, usize) = match &layer.layer {
                Layer::Conv2d(conv) => {
                    let (block, taken) = self.conv_block(conv, layers)?;
                    // On a card all numbers lie in the plain order.
                    blocked = self.core == Core::Processor;
                    (done_by(self.core, block), taken)
                }
                Layer::Residual(_) => {
                    let mut block = self.residual(layer, &mut blocked)?;
                    block.relu = matches!(rest.first().map(|l| &l.layer), Some(Layer::Relu));
                    let taken = if block.relu { 2 } else { 1 };
                    (done_by(self.core, block), taken)
                }
                _ => (self.operation(layer)?, 1),
            };
            let (done, rest) = layers.split_at(taken);
            chain.push(Chained {
                name: match done {
                    [.., last] if taken > 1 => format!("{} to {}", layer.name, last.name),
                    _ => layer.name.clone(),
                },
                operation,
                tensors: done.iter().flat_map(|l| self.all_tensors(l)).collect(),
            });
            layers = rest;
        }
        Ok((chain, blocked))
    }

    /// The tensors of a layer and of all that is inside it.
    fn all_tensors(&self, layer: &PlannedLayer) -> Vec<(String, Var)> {
        let of = |l: &PlannedLayer| self.tensors.get(&l.name).into_iter().flatten();
        let all = layer.with_inside();
        all.into_iter().flat_map(of).cloned().collect()
    }

    fn vars(&self, layer: &PlannedLayer) -> Vec<Var> {
        vars(self.tensors, layer)
    }

    /// A block whose body and shortcut give numbers that lie alike.
    fn residual(&self, layer: &PlannedLayer, blocked: &mut bool) -> Result<Residual> {
        let (mut body, body_blocked) = self.list(&layer.body, *blocked)?;
        let (mut shortcut, shortcut_blocked) = self.list(&layer.shortcut, *blocked)?;
        *blocked = body_blocked && shortcut_blocked;
        for (chain, is_blocked) in [(&mut body, body_blocked), (&mut shortcut, shortcut_blocked)] {
            if is_blocked && !*blocked {
                chain.push(unblock(layer.output[0], &layer.name));
            }
        }
        let operations = |chain: Vec<Chained>| chain.into_iter().map(|c| c.operation).collect();
        Ok(Residual {
            body: operations(body),
            shortcut: operations(shortcut),
            relu: false,
        })
    }

    /// The block that starts with a convolution, and how many layers are in it.
    fn conv_block(
        &self,
        conv: &run::Conv2d,
        layers: &[PlannedLayer],
    ) -> Result<(ConvBlock, usize)> {
        let vars = self.vars(&layers[0]);
        let [weight, bias @ ..] = vars.as_slice() else {
            bail!("a convolution without a weight")
        };
        let bias = bias.first().cloned();
        let mut block = ConvBlock::new(weight.clone(), bias, conv.stride, conv.padding);
        let mut taken = 1;
        // Each in its place in the usual order, and each at most once.
        let next = |taken: usize| layers.get(taken).map(|l| &l.layer);
        if let Some(Layer::BatchNorm(norm)) = next(taken) {
            block.norm = Some(batch_norm(norm, &self.vars(&layers[taken]))?);
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
                stream: dropout_stream(self.seed, &layers[taken]),
            });
            taken += 1;
        }
        Ok((block, taken))
    }

    /// A layer that is an operation of its own.
    fn operation(&self, planned: &PlannedLayer) -> Result<Box<dyn Operation>> {
        let core = self.core;
        let tensors = self.vars(planned);
        Ok(match (&planned.layer, tensors.as_slice()) {
            (Layer::BatchNorm(norm), tensors) => done_by(core, batch_norm(norm, tensors)?),
            (Layer::GroupNorm(norm), [weight, bias]) => done_by(
                core,
                GroupNorm {
                    weight: weight.clone(),
                    bias: bias.clone(),
                    groups: norm.groups,
                    eps: norm.eps,
                },
            ),
            (Layer::Relu, []) => done_by(core, Relu),
            (Layer::Gelu, []) => done_by(core, Gelu),
            (Layer::MaxPool(pool), []) => done_by(
                core,
                MaxPool {
                    kernel: pool.kernel,
                    stride: pool.stride.unwrap_or(pool.kernel),
                    padding: pool.padding,
                },
            ),
            (Layer::AvgPool(pool), []) => done_by(
                core,
                AvgPool {
                    kernel: pool.kernel,
                    stride: pool.stride.unwrap_or(pool.kernel),
                    padding: pool.padding,
                    count_include_pad: pool.count_include_pad,
                },
            ),
            (Layer::AdaptiveAvgPool(pool), []) => done_by(
                core,
                AdaptivePool {
                    pooling: Pooling::Average,
                    height: pool.out.height,
                    width: pool.out.width,
                },
            ),
            (Layer::AdaptiveMaxPool(pool), []) => done_by(
                core,
                AdaptivePool {
                    pooling: Pooling::Maximum,
                    height: pool.out.height,
                    width: pool.out.width,
                },
            ),
            (Layer::Dropout(dropout), []) => done_by(
                core,
                Dropout {
                    p: dropout.p,
                    stream: dropout_stream(self.seed, planned),
                },
            ),
            (Layer::Flatten, []) => Box::new(Flatten),
            (Layer::Linear(_), tensors) => done_by(core, linear(tensors)?),
            (Layer::Sequence(sequence), []) => match sequence.of {
                SequenceOf::One => Box::new(One),
                SequenceOf::Columns => Box::new(Columns),
            },
            (layer @ (Layer::Lstm(settings) | Layer::Gru(settings)), tensors) => {
                let directions = if settings.bidirectional { 2 } else { 1 };
                let of_layer = |tensors: &[Var]| {
                    let directions = tensors.chunks(4).enumerate();
                    directions
                        .map(|(number, tensors)| direction(core, layer, number == 1, tensors))
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
}

/// From blocks of sixteen channels to planes; `name` is whose input they are.
fn unblock(channels: usize, name: &str) -> Chained {
    Chained {
        name: name.to_owned(),
        operation: Box::new(Unblock { channels }),
        tensors: Vec::new(),
    }
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

/// One direction of a recurrent layer.
fn direction(
    core: Core,
    layer: &Layer,
    reverse: bool,
    tensors: &[Var],
) -> Result<Box<dyn Operation>> {
    let [weight_ih, weight_hh, bias_ih, bias_hh] = tensors else {
        bail!(
            "a direction of a {} with {} tensors",
            layer.kind(),
            tensors.len()
        )
    };
    let direction = Direction {
        weight_ih: weight_ih.clone(),
        weight_hh: weight_hh.clone(),
        bias_ih: bias_ih.clone(),
        bias_hh: bias_hh.clone(),
        reverse,
    };
    Ok(match layer {
        Layer::Lstm(_) => done_by(core, Lstm(direction)),
        _ => done_by(core, Gru(direction)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn convolutions_in_residual_blocks_take_their_norms_along_and_stay_in_blocks_of_channels() {
        let model = run::ModelSpec::Preset("resnet-small".to_owned());
        let plan = Plan::new(&model, [3, 32, 64], 9).unwrap();
        let zeros = |shape: &[usize]| Var::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let places = plan.places();
        let tensors = places.iter().map(|place| {
            let all = place.layer.tensors().into_iter();
            let all = all.map(|t| (t.name.clone(), zeros(&t.shape))).collect();
            (place.layer.name.clone(), all)
        });
        let tensors: Tensors = tensors.collect();

        let chain = chain(Core::Processor, &plan, &tensors, 1).unwrap();
        let names: Vec<&str> = chain.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "stem.conv to 3",
                "stage1 to 5",
                "stage2 to 7",
                "stage3 to 9",
                "10",
                "10",
                "11",
                "classifier"
            ],
            "only before layer 10 the blocks are undone"
        );
        let builder = Builder {
            core: Core::Processor,
            tensors: &tensors,
            seed: 1,
        };
        for (stage, shortcut) in [(4, 0), (6, 1), (8, 1)] {
            let mut blocked = true;
            let block = builder.residual(&plan.layers[stage], &mut blocked).unwrap();
            assert_eq!((block.body.len(), block.shortcut.len()), (2, shortcut));
            assert!(blocked);
        }
    }
}
