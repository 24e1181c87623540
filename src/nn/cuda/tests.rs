//! The card's core against the processor's: loss, optimizers, averages, whole networks.
//!
//! The operations one by one are held against formulas in `nn::reference`. Everything runs by emulation, and once more on
//! the first card where there is one.

use super::{follow, open};
use crate::model::{Mode, Network, Plan, presets};
use crate::nn::{Core, Mixed, Objective, Optimizer, Stream, Targets, from_vec, values};
use crate::run::{Decay, ModelSpec, Optimizer as Kind};
use candle_core::{Device, Tensor, Var};

/// Where the card's core is tried.
fn devices() -> Vec<Device> {
    [Device::Cpu].into_iter().chain(open(0).ok()).collect()
}

/// `n` numbers in ± `scale`.
fn numbers(name: &str, n: usize, scale: f32) -> Vec<f32> {
    let stream = Stream::new(5, name);
    (0..n as u64)
        .map(|i| scale * (2.0 * stream.unit(i) - 1.0))
        .collect()
}

/// How far off `own` is, as a share of the norm of `expected`.
fn off(own: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(own.len(), expected.len());
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(
        &mut own
            .iter()
            .zip(expected)
            .map(|(a, b)| f64::from(*a) - f64::from(*b)),
    );
    difference / norm(&mut expected.iter().map(|&x| f64::from(x))).max(1e-30)
}

#[test]
fn losses_predictions_and_gradients_are_the_processors() {
    for (n, classes) in [(1, 2), (5, 3), (7, 300), (3, 1000)] {
        let logits = from_vec(numbers("logits", n * classes, 5.0), (n, classes)).unwrap();
        let label = |i: usize| (i * 37 % classes) as u32;
        let plain = Targets::from(&(0..n).map(label).collect::<Vec<_>>());
        let mixed = Targets {
            mixed: Some(Mixed {
                labels: (0..n).map(|i| label(i + 1)).collect(),
                shares: (0..n).map(|i| [1.0, 0.3, 0.0, 0.75][i % 4]).collect(),
            }),
            ..plain.clone()
        };
        let weights: Vec<f64> = (0..classes).map(|i| (i % 3) as f64 + 0.5).collect();
        for targets in [&plain, &mixed] {
            for (smoothing, weights) in [(0.0, None), (0.2, None), (0.1, Some(&weights))] {
                let weights = weights.cloned();
                let objective = Objective { smoothing, weights };
                let expected = objective.of(&logits, targets.clone()).unwrap();
                for device in devices() {
                    let logits = logits.to_device(&device).unwrap();
                    let own = objective.by(Core::Card, &logits, targets.clone()).unwrap();
                    assert_eq!(own.prediction, expected.prediction);
                    assert!((own.objective - expected.objective).abs() < 1e-12);
                    for (a, b) in [
                        (&own.loss, &expected.loss),
                        (&own.confidence, &expected.confidence),
                    ] {
                        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12));
                    }
                    let gradients = [&own.gradient, &expected.gradient].map(|g| values(g).unwrap());
                    assert!(off(&gradients[0], &gradients[1]) < 1e-6);
                }
            }
        }
    }
}

/// The kinds of optimizer, each with all it can do.
fn kinds() -> Vec<Kind> {
    let sgd = |momentum, nesterov| Kind::Sgd {
        lr: 0.1,
        momentum,
        nesterov,
        weight_decay: 0.01,
        decay: Decay::All,
    };
    vec![
        sgd(0.0, false),
        sgd(0.9, false),
        sgd(0.9, true),
        Kind::Adam {
            lr: 0.01,
            weight_decay: 0.01,
            decay: Decay::All,
        },
        Kind::AdamW {
            lr: 0.01,
            weight_decay: 0.1,
            decay: Decay::Weights,
        },
    ]
}

#[test]
fn optimizers_fed_the_same_gradients_move_as_the_processors_with_and_without_clipping() {
    const SHAPES: [&[usize]; 3] = [&[40, 500], &[7], &[3, 2, 3, 3]];
    for (kind, clip) in kinds().iter().flat_map(|kind| [(kind, 0.0), (kind, 0.5)]) {
        let walk = |core: Core, device: &Device| -> Vec<f32> {
            let tensor = |name: &str, shape: &[usize]| {
                let n = shape.iter().product();
                let numbers = from_vec(numbers(name, n, 1.0), shape).unwrap();
                numbers.to_device(device).unwrap()
            };
            let vars = SHAPES.map(|shape| Var::from_tensor(&tensor("weights", shape)).unwrap());
            let named = vars.iter().map(|var| ("w", var));
            let mut optimizer = Optimizer::new(kind, named).by(core).clipping(clip);
            for step in 0..4 {
                let gradients = SHAPES.map(|shape| tensor(&format!("gradient {step}"), shape));
                optimizer.step(&vars, &gradients, kind.lr()).unwrap();
            }
            vars.iter().flat_map(|var| values(var).unwrap()).collect()
        };
        let expected = walk(Core::Processor, &Device::Cpu);
        for device in devices() {
            let own = walk(Core::Card, &device);
            assert!(off(&own, &expected) < 1e-6, "{kind:?}, {clip}");
        }
    }
}

#[test]
fn an_average_follows_as_on_the_processor() {
    for (device, share) in devices()
        .iter()
        .flat_map(|d| [(d, 1.0), (d, 0.75), (d, 0.001)])
    {
        let [average, target] = ["average", "target"].map(|name| numbers(name, 700, 1.0));
        let moved =
            |a: &f32, t: &f32| f64::from(*a) + f64::from(share) * (f64::from(*t) - f64::from(*a));
        let expected: Vec<f32> = average
            .iter()
            .zip(&target)
            .map(|(a, t)| moved(a, t) as f32)
            .collect();
        let tensor = |x: Vec<f32>| from_vec(x, 700).unwrap().to_device(device).unwrap();
        let (average, target) = (Var::from_tensor(&tensor(average)).unwrap(), tensor(target));
        follow(&average, &target, share).unwrap();
        assert!(off(&values(&average).unwrap(), &expected) < 1e-6);
    }
}

/// A preset for small images, and a batch of them.
fn small(name: &str, n: usize) -> (Plan, Tensor, Vec<u32>) {
    let (h, w) = (32, 40);
    let plan = Plan::new(&ModelSpec::Preset(name.to_owned()), [3, h, w], 5).unwrap();
    let images = from_vec(numbers("images", n * 3 * h * w, 1.0), (n, 3, h, w)).unwrap();
    (plan, images, (0..n as u32).map(|i| i % 5).collect())
}

#[test]
fn every_presets_logits_and_first_gradients_are_the_processors() {
    for preset in presets() {
        let (plan, images, labels) = small(preset.name, 3);
        let processors = Network::new(&plan, 1, &Device::Cpu).unwrap();
        let logits = |network: &Network| {
            let logits = network.forward(&images, Mode::Eval).unwrap();
            values(&logits).unwrap()
        };
        let expected_logits = logits(&processors);
        let (loss, expected) = processors.gradients(&images, &labels, 0).unwrap();
        for device in devices() {
            let cards = Network::by(Core::Card, &plan, 1, &device).unwrap();
            let share = off(&logits(&cards), &expected_logits);
            assert!(share < 1e-5, "{}: {share}", preset.name);
            let (own_loss, own) = cards.gradients(&images, &labels, 0).unwrap();
            assert!((own_loss - loss).abs() < 1e-5 * loss, "{}", preset.name);
            for ((parameter, own), expected) in cards.parameters().iter().zip(own).zip(&expected) {
                // A gradient that the model makes zero is nothing but rounding.
                if parameter.zero_gradient.is_none() {
                    let share = off(&values(&own).unwrap(), &values(expected).unwrap());
                    assert!(share < 1e-4, "{} {}: {share}", preset.name, parameter.name);
                }
            }
        }
    }
}

#[test]
fn a_short_loss_curve_of_the_questions_network_is_the_processors_and_repeats_to_the_bit() {
    let (plan, images, labels) = small("cnn-bilstm", 4);
    let kind = &kinds()[1];
    let curve = |core: Core, device: &Device| -> Vec<f64> {
        let network = Network::by(core, &plan, 1, device).unwrap();
        let mut optimizer = network.optimizer(kind);
        let mut step = |step| {
            network
                .step(&images, &labels, step, &mut optimizer, 0.01)
                .unwrap()
                .loss_sum
        };
        (0..4).map(&mut step).collect()
    };
    let expected = curve(Core::Processor, &Device::Cpu);
    for device in devices() {
        let own = curve(Core::Card, &device);
        for (own, expected) in own.iter().zip(&expected) {
            assert!((own - expected).abs() < 1e-4 * expected, "{own} {expected}");
        }
        assert_eq!(own, curve(Core::Card, &device));
    }
}
