//! The linear layer by its definition.

use super::tape::Number;
use super::{Reference, config, draw, tensor, var};
use crate::nn::Linear;
use candle_core::Device;
use proptest::prelude::*;

/// bᵢ + Σⱼ Wᵢⱼ xⱼ for each row of `features` numbers.
fn linear<'t>(
    x: &[Number<'t>],
    w: &[Number<'t>],
    bias: Option<&Vec<Number<'t>>>,
    features: usize,
) -> Vec<Number<'t>> {
    let mut y = Vec::new();
    for row in x.chunks(features) {
        for (i, weights) in w.chunks(features).enumerate() {
            let product = Number::sum(row.iter().zip(weights).map(|(&x, &w)| x * w));
            y.push(bias.map_or(product, |bias| product + bias[i]));
        }
    }
    y
}

/// A few, or more than a tile of a matrix product.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 1..=9usize, 1 => 125..=135usize]
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn linear_layers_over_rows_and_sequences_agree_with_the_reference(
        (n, steps, features, out) in (1..=3usize, proptest::option::of(1..=3usize), size(), size()),
        bias: bool,
        seed: u64,
    ) {
        let rows = n * steps.unwrap_or(1);
        let bound = 1.0 / (features as f64).sqrt();
        let mut inputs = vec![
            draw(seed, "input", rows * features, 0.3, 1.0),
            draw(seed, "weight", out * features, 0.0, bound),
        ];
        inputs.extend(bias.then(|| draw(seed, "bias", out, 0.0, bound)));
        let factors = draw(seed, "factors", rows * out, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| {
            linear(&numbers[0], &numbers[1], numbers.get(2), features)
        })?;
        let layer = |device: &Device| Linear {
            weight: var(&inputs[1], &[out, features], device),
            bias: bias.then(|| var(&inputs[2], &[out], device)),
        };
        let shape: Vec<usize> = [Some(n), steps, Some(features)].into_iter().flatten().collect();
        reference.check_layer(layer, &tensor(&inputs[0], &shape), &factors)?;
    }
}
