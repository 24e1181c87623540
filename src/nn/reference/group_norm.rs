//! Group normalization by its definition.

use super::tape::Number;
use super::{MODE, Reference, config, draw, tensor, var};
use crate::nn::{GroupNorm, Mode, Operation, values};
use candle_core::Device;
use proptest::prelude::*;

/// Large enough for the variance of a few numbers, whose root bends sharply near zero.
const EPS: f64 = 1e-3;

/// (x − mean) / √(var + ε) · scale + shift over (N, C, `size`), each image's groups by their own statistics.
fn group_norm<'t>(
    x: &[Number<'t>],
    scale: &[Number<'t>],
    shift: &[Number<'t>],
    groups: usize,
    size: usize,
) -> Vec<Number<'t>> {
    let channels = scale.len();
    let mut result = Vec::new();
    for (i, group) in x.chunks(channels / groups * size).enumerate() {
        let count = Number::from(group.len() as f64);
        let mean = Number::sum(group.iter().copied()) / count;
        let var = Number::sum(group.iter().map(|&x| (x - mean) * (x - mean))) / count;
        let deviation = (var + Number::from(EPS)).sqrt();
        for (j, &x) in group.iter().enumerate() {
            let channel = i % groups * (channels / groups) + j / size;
            result.push((x - mean) / deviation * scale[channel] + shift[channel]);
        }
    }
    result
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn group_norms_of_any_groups_agree_with_the_reference(
        (n, groups, of_group) in (1..=4usize, 1..=4usize, 1..=4usize),
        image in proptest::option::of((1..=6usize, 1..=7usize)),
        seed: u64,
    ) {
        let (c, size) = (groups * of_group, image.map_or(1, |(h, w)| h * w));
        prop_assume!(of_group * size >= 4);
        let inputs = vec![
            draw(seed, "input", n * c * size, 0.5, 2.0),
            draw(seed, "scale", c, 1.0, 0.5),
            draw(seed, "shift", c, 0.0, 0.5),
        ];
        let factors = draw(seed, "factors", n * c * size, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| {
            group_norm(&numbers[0], &numbers[1], &numbers[2], groups, size)
        })?;
        let layer = |device: &Device| GroupNorm {
            weight: var(&inputs[1], &[c], device),
            bias: var(&inputs[2], &[c], device),
            groups,
            eps: EPS,
        };
        let shape: Vec<usize> = match image {
            Some((h, w)) => vec![n, c, h, w],
            None => vec![n, c],
        };
        let input = tensor(&inputs[0], &shape);
        reference.check_layer(layer, &input, &factors)?;

        let layer = layer(&Device::Cpu);
        let of = |mode| values(&layer.forward(&input, mode).unwrap().0).unwrap();
        prop_assert_eq!(of(Mode::Eval), of(MODE));
    }
}
