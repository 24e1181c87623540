//! Batch normalization by its definition.

use super::tape::Number;
use super::{MODE, Reference, cards, config, draw, tensor, var};
use crate::nn::cuda::On;
use crate::nn::{BatchNorm, Mode, Operation, values};
use candle_core::Device;
use proptest::prelude::*;

/// Large enough for the variance of a few numbers, whose root bends sharply near zero.
pub const EPS: f64 = 1e-3;
const MOMENTUM: f64 = 0.1;

/// Mean and biased variance of each channel of (N, C, `size`).
fn statistics<'t>(x: &[Number<'t>], c: usize, size: usize) -> Vec<(Number<'t>, Number<'t>)> {
    (0..c)
        .map(|channel| {
            let own: Vec<Number> = x
                .chunks(size)
                .skip(channel)
                .step_by(c)
                .flatten()
                .copied()
                .collect();
            let count = Number::from(own.len() as f64);
            let mean = Number::sum(own.iter().copied()) / count;
            let squares = own.iter().map(|&x| (x - mean) * (x - mean));
            (mean, Number::sum(squares) / count)
        })
        .collect()
}

/// (x − mean) / √(var + ε) · scale + shift, each channel's numbers by the batch's own statistics.
pub fn batch_norm<'t>(
    x: &[Number<'t>],
    scale: &[Number<'t>],
    shift: &[Number<'t>],
    size: usize,
) -> Vec<Number<'t>> {
    let c = scale.len();
    let statistics = statistics(x, c, size);
    let mut result = Vec::new();
    for (plane, numbers) in x.chunks(size).enumerate() {
        let channel = plane % c;
        let (mean, var) = statistics[channel];
        let deviation = (var + Number::from(EPS)).sqrt();
        let normal = |&x| (x - mean) / deviation * scale[channel] + shift[channel];
        result.extend(numbers.iter().map(normal));
    }
    result
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn batch_norms_of_images_and_features_agree_with_the_reference(
        (n, c, image) in (1..=6usize, 1..=5usize, proptest::option::of((1..=6usize, 1..=7usize))),
        seed: u64,
    ) {
        let size = image.map_or(1, |(h, w)| h * w);
        prop_assume!(n * size >= 6);
        let inputs = vec![
            draw(seed, "input", n * c * size, 0.5, 2.0),
            draw(seed, "scale", c, 1.0, 0.5),
            draw(seed, "shift", c, 0.0, 0.5),
        ];
        let factors = draw(seed, "factors", n * c * size, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| {
            batch_norm(&numbers[0], &numbers[1], &numbers[2], size)
        })?;
        let layer = |device: &Device| BatchNorm {
            weight: var(&inputs[1], &[c], device),
            bias: var(&inputs[2], &[c], device),
            running_mean: var(&vec![0.25; c], &[c], device),
            running_var: var(&vec![2.0; c], &[c], device),
            eps: EPS,
            momentum: MOMENTUM,
        };
        let shape: Vec<usize> = match image {
            Some((h, w)) => vec![n, c, h, w],
            None => vec![n, c],
        };
        let input = tensor(&inputs[0], &shape);
        reference.check_layer(layer, &input, &factors)?;

        // In a training step the running statistics move once, the variance without bias; scoring uses them.
        let count = (n * size) as f64;
        let numbers: Vec<Number> = inputs[0].iter().map(|&x| Number::from(x)).collect();
        let processors = layer(&Device::Cpu);
        let running = [processors.running_mean.clone(), processors.running_var.clone()];
        let mut all = vec![(Box::new(processors) as Box<dyn Operation>, running, input.clone())];
        for (_, card) in cards() {
            let layer = layer(card);
            let running = [layer.running_mean.clone(), layer.running_var.clone()];
            all.push((Box::new(On(layer)), running, input.to_device(card).unwrap()));
        }
        for (layer, running, input) in all {
        layer.forward(&input, MODE).unwrap();
        let scored = values(&layer.forward(&input, Mode::Eval).unwrap().0).unwrap();
        let [mean, var] = running.map(|tensor| values(&tensor).unwrap());
        for (channel, (batch_mean, batch_var)) in statistics(&numbers, c, size).into_iter().enumerate() {
            let moved = |old: f64, new: f64| old + MOMENTUM * (new - old);
            let mean_now = moved(0.25, batch_mean.value);
            let var_now = moved(2.0, batch_var.value * count / (count - 1.0));
            prop_assert!((f64::from(mean[channel]) - mean_now).abs() < 1e-6);
            prop_assert!((f64::from(var[channel]) - var_now).abs() < 1e-6);
            for plane in (channel..n * c).step_by(c) {
                for i in plane * size..(plane + 1) * size {
                    let normal = (inputs[0][i] - mean_now) / (var_now + EPS).sqrt();
                    let expected = normal * inputs[1][channel] + inputs[2][channel];
                    prop_assert!((f64::from(scored[i]) - expected).abs() < 1e-5);
                }
            }
        }
        }
    }
}
