//! How long each operation takes at the question's sizes: `cargo bench --bench operations [-- NAME]`.
//!
//! A batch of 32 images of 3 × 128 × 256, forward and backward apart; the throughput is images (of the optimizer,
//! parameters) a second. `RAYON_NUM_THREADS=2` sets the number of threads.

use candle_core::{Device, Tensor, Var};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use gapwatch::nn::{
    AdaptivePool, AvgPool, BatchNorm, Columns, ConvBlock, Direction, Dropout, Flatten, Gelu,
    GroupNorm, Gru, LastStep, Linear, Lstm, MaxPool, Mode, One, Operation, Optimizer, Pooling,
    RecurrentStack, Relu, Residual, Stream, Unblock, cross_entropy, uniform,
};
use gapwatch::run::{self, Pair};

const BATCH: usize = 32;
const CLASSES: usize = 9;
const TRAINING: Mode = Mode::Train { step: 1 };

/// Convolution blocks are the question's three; `crnn` reads the columns of 32 channels of 16 × 32.
const OPERATIONS: &[&str] = &[
    "conv block 1",
    "conv block 2",
    "conv block 3",
    "convolution alone",
    "residual block",
    "unblock",
    "batch norm",
    "group norm",
    "relu",
    "gelu",
    "max pool",
    "average pool",
    "adaptive average pool",
    "adaptive max pool",
    "dropout",
    "flatten",
    "columns",
    "one",
    "linear 4096 to 1024",
    "linear 98304 to 128",
    "lstm of one step",
    "lstm of 32 columns",
    "gru of 32 columns",
    "last step",
];

fn main() {
    divan::main();
}

fn numbers(shape: &[usize], bound: f64, name: &str) -> Tensor {
    uniform(shape, bound, Stream::new(1, name)).expect("a shape of numbers")
}

fn var(shape: &[usize], bound: f64) -> Var {
    Var::from_tensor(&numbers(shape, bound, "weights")).expect("a tensor on the CPU")
}

fn batch_norm(channels: usize) -> BatchNorm {
    let filled = |number: f32| {
        let numbers = Tensor::full(number, channels, &Device::Cpu);
        numbers
            .and_then(|n| Var::from_tensor(&n))
            .expect("a tensor on the CPU")
    };
    BatchNorm {
        weight: filled(1.0),
        bias: filled(0.0),
        running_mean: filled(0.0),
        running_var: filled(1.0),
        eps: 1e-5,
        momentum: 0.1,
    }
}

fn dropout() -> Dropout {
    Dropout {
        p: 0.25,
        stream: Stream::new(1, "dropout"),
    }
}

fn convolution(inputs: usize, outputs: usize, kernel: usize) -> ConvBlock {
    let weight = var(&[outputs, inputs, kernel, kernel], 0.1);
    ConvBlock::new(
        weight,
        Some(var(&[outputs], 0.1)),
        Pair::both(1),
        Pair::both(1),
    )
}

fn conv_block(inputs: usize, outputs: usize, kernel: usize) -> ConvBlock {
    let mut block = convolution(inputs, outputs, kernel);
    block.norm = Some(batch_norm(outputs));
    block.relu = true;
    block.pool = Some(Pair::both(2));
    block.dropout = Some(dropout());
    block
}

/// As in the first stage of `resnet-small`.
fn residual_block(channels: usize) -> Residual {
    let half = |relu: bool| -> Box<dyn Operation> {
        let mut block = convolution(channels, channels, 3);
        block.norm = Some(batch_norm(channels));
        block.relu = relu;
        Box::new(block)
    };
    Residual {
        body: vec![half(true), half(false)],
        shortcut: Vec::new(),
        relu: true,
    }
}

fn linear(features: usize, out: usize) -> Linear {
    Linear {
        weight: var(&[out, features], 0.02),
        bias: Some(var(&[out], 0.02)),
    }
}

/// An LSTM of four gates a unit, or a GRU of three.
fn recurrent(
    gates: usize,
    features: usize,
    hidden: usize,
    layers: usize,
    directions: usize,
) -> RecurrentStack {
    let direction = |layer: usize, direction: usize| -> Box<dyn Operation> {
        let features = if layer == 0 {
            features
        } else {
            hidden * directions
        };
        let direction = Direction {
            weight_ih: var(&[gates * hidden, features], 0.1),
            weight_hh: var(&[gates * hidden, hidden], 0.1),
            bias_ih: var(&[gates * hidden], 0.1),
            bias_hh: var(&[gates * hidden], 0.1),
            reverse: direction == 1,
        };
        match gates {
            4 => Box::new(Lstm(direction)),
            _ => Box::new(Gru(direction)),
        }
    };
    let layer = |layer| (0..directions).map(|d| direction(layer, d)).collect();
    RecurrentStack {
        layers: (0..layers).map(layer).collect(),
    }
}

/// An operation by its name, and the shape of one image (or sequence) that it takes.
fn operation(name: &str) -> (Box<dyn Operation>, Vec<usize>) {
    let pool = |pooling| AdaptivePool {
        pooling,
        height: 1,
        width: 1,
    };
    let pooled = || vec![32, 16, 32];
    match name {
        "conv block 1" => (Box::new(conv_block(3, 16, 3)), vec![3, 128, 256]),
        "conv block 2" => (Box::new(conv_block(16, 32, 3)), vec![1, 64, 128, 16]),
        "conv block 3" => (Box::new(conv_block(32, 8, 2)), vec![2, 32, 64, 16]),
        "convolution alone" => (Box::new(convolution(3, 16, 3)), vec![3, 128, 256]),
        "residual block" => (Box::new(residual_block(16)), vec![1, 64, 128, 16]),
        "unblock" => (Box::new(Unblock { channels: 8 }), vec![1, 16, 32, 16]),
        "batch norm" => (Box::new(batch_norm(16)), vec![16, 128, 256]),
        "group norm" => {
            let norm = GroupNorm {
                weight: var(&[16], 1.0),
                bias: var(&[16], 1.0),
                groups: 4,
                eps: 1e-5,
            };
            (Box::new(norm), vec![16, 128, 256])
        }
        "relu" => (Box::new(Relu), vec![16, 128, 256]),
        "gelu" => (Box::new(Gelu), vec![16, 128, 256]),
        "max pool" => {
            let both = Pair::both;
            let pool = MaxPool {
                kernel: both(2),
                stride: both(2),
                padding: both(0),
            };
            (Box::new(pool), vec![16, 128, 256])
        }
        "average pool" => {
            let both = Pair::both;
            let pool = AvgPool {
                kernel: both(2),
                stride: both(2),
                padding: both(0),
                count_include_pad: true,
            };
            (Box::new(pool), vec![16, 128, 256])
        }
        "adaptive average pool" => (Box::new(pool(Pooling::Average)), pooled()),
        "adaptive max pool" => (Box::new(pool(Pooling::Maximum)), pooled()),
        "dropout" => (Box::new(dropout()), vec![16, 64, 128]),
        "flatten" => (Box::new(Flatten), vec![8, 16, 32]),
        "columns" => (Box::new(Columns), pooled()),
        "one" => (Box::new(One), vec![4096]),
        "linear 4096 to 1024" => (Box::new(linear(4096, 1024)), vec![4096]),
        "linear 98304 to 128" => (Box::new(linear(98_304, 128)), vec![98_304]),
        "lstm of one step" => (Box::new(recurrent(4, 1024, 9, 2, 2)), vec![1, 1024]),
        "lstm of 32 columns" => (Box::new(recurrent(4, 512, 64, 1, 1)), vec![32, 512]),
        "gru of 32 columns" => (Box::new(recurrent(3, 512, 64, 1, 1)), vec![32, 512]),
        "last step" => (Box::new(LastStep), vec![32, 64]),
        other => unreachable!("{other} is not in the list"),
    }
}

fn input(shape: &[usize]) -> Tensor {
    numbers(&[&[BATCH], shape].concat(), 1.0, "images")
}

#[divan::bench(args = OPERATIONS)]
fn scoring(bencher: Bencher, name: &str) {
    let (operation, shape) = operation(name);
    let input = input(&shape);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        operation
            .forward(black_box(&input), Mode::Eval)
            .expect("a forward pass")
    });
}

#[divan::bench(args = OPERATIONS)]
fn forward(bencher: Bencher, name: &str) {
    let (operation, shape) = operation(name);
    let input = input(&shape);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        operation
            .forward(black_box(&input), TRAINING)
            .expect("a forward pass")
    });
}

/// By input and parameters; of the first block, whose input is the images, by parameters alone, as in training.
#[divan::bench(args = OPERATIONS)]
fn backward(bencher: Bencher, name: &str) {
    let (operation, shape) = operation(name);
    let input = input(&shape);
    let by_input = name != "conv block 1";
    let forward = || operation.forward(&input, TRAINING).expect("a forward pass");
    let gradient = numbers(forward().0.dims(), 1.0, "gradient");
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| forward().1.expect("training leaves a way back"))
        .bench_local_values(|back| {
            back.backward(black_box(&gradient), by_input)
                .expect("a backward pass")
        });
}

/// Loss and gradient in one.
#[divan::bench]
fn cross_entropy_of_nine_classes(bencher: Bencher) {
    let logits = input(&[CLASSES]);
    let labels: Vec<u32> = (0..BATCH).map(|i| (i % CLASSES) as u32).collect();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        cross_entropy(black_box(&logits), &labels).expect("labels that are classes")
    });
}

/// One step over as many parameters as the question's network has.
#[divan::bench(args = ["sgd", "momentum", "adam", "adamw"])]
fn optimizer(bencher: Bencher, name: &str) {
    let sgd = |momentum| run::Optimizer::Sgd {
        lr: 1e-3,
        momentum,
        nesterov: false,
        weight_decay: 0.0,
        decay: run::Decay::All,
    };
    let (lr, weight_decay, decay) = (1e-3, 0.01, run::Decay::All);
    let kind = match name {
        "sgd" => sgd(0.0),
        "momentum" => sgd(0.9),
        "adam" => run::Optimizer::Adam {
            lr,
            weight_decay,
            decay,
        },
        _ => run::Optimizer::AdamW {
            lr,
            weight_decay,
            decay,
        },
    };
    let count = 4_278_339;
    let weights = var(&[count], 0.1);
    let gradients = [numbers(&[count], 0.1, "gradient")];
    let mut optimizer = Optimizer::new(&kind, [("weights", &weights)]);
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        optimizer
            .step([&weights], &gradients, lr)
            .expect("a gradient for each parameter")
    });
}
