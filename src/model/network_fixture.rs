//! Small networks for tests.

use super::{Network, Plan};
use crate::nn::{Core, Stream, from_vec};
use crate::run::{self, ModelSpec};
use candle_core::{Device, Tensor};

/// A small network with every kind of layer the question's has, and four images of two classes.
pub fn small(core: Core) -> (Network, Tensor, Vec<u32>) {
    with_images(
        core,
        serde_json::json!([
            { "conv2d": { "out": 4, "kernel": 3, "padding": 1 } }, { "batch_norm": {} }, { "relu": {} },
            { "max_pool": { "kernel": 2 } }, { "dropout": { "p": 0.25 } }, { "flatten": {} },
            { "sequence": { "of": "one" } }, { "linear": { "out": 8 } },
            { "lstm": { "hidden": 3, "layers": 2, "bidirectional": true } }, { "last_step": {} }, { "linear": {} },
        ]),
    )
}

/// One with the kinds that the question's has not.
pub fn residual(core: Core) -> (Network, Tensor, Vec<u32>) {
    let conv = |kernel: usize, stride: usize| serde_json::json!({ "conv2d": { "out": 6, "kernel": kernel, "stride": stride, "padding": kernel / 2 } });
    with_images(
        core,
        serde_json::json!([
            conv(3, 1), { "group_norm": { "groups": 2 } }, { "gelu": {} }, { "avg_pool": { "kernel": 2 } },
            { "residual": {
                "layers": [conv(3, 2), { "batch_norm": {} }, { "relu": {} }, conv(3, 1), { "batch_norm": {} }],
                "shortcut": [conv(1, 2), { "batch_norm": {} }],
            } }, { "relu": {} },
            { "residual": { "layers": [{ "dropout": { "p": 0.25 } }, conv(1, 1)] } },
            { "sequence": { "of": "columns" } },
            { "gru": { "hidden": 4, "layers": 2, "bidirectional": true } }, { "last_step": {} }, { "linear": {} },
        ]),
    )
}

fn with_images(core: Core, layers: serde_json::Value) -> (Network, Tensor, Vec<u32>) {
    let model = ModelSpec::Layers(serde_json::from_value(layers).unwrap());
    let plan = Plan::new(&model, [3, 8, 10], 2).unwrap();
    let network = Network::by(core, &plan, 7, &Device::Cpu).unwrap();
    let stream = Stream::new(1, "images");
    let pixels = (0..4 * 240).map(|i| stream.unit(i) - 0.5).collect();
    (
        network,
        from_vec(pixels, (4, 3, 8, 10)).unwrap(),
        vec![0, 1, 0, 1],
    )
}

/// The processor's, and the card's by emulation.
pub const CORES: [Core; 2] = [Core::Processor, Core::Card];

pub fn adam() -> run::Optimizer {
    run::Optimizer::Adam {
        lr: 0.01,
        weight_decay: 0.0,
        decay: run::Decay::All,
    }
}
