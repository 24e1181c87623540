//! Cross-entropy by its definition.

use super::tape::Number;
use super::{Reference, config, draw, tensor};
use crate::nn::{cross_entropy, values};
use proptest::prelude::*;

/// −ln of the label's share of Σ exp(logit), an image each.
fn losses<'t>(logits: &[Number<'t>], labels: &[u32]) -> Vec<Number<'t>> {
    logits
        .chunks(logits.len() / labels.len())
        .zip(labels)
        .map(|(row, &label)| Number::sum(row.iter().map(|x| x.exp())).ln() - row[label as usize])
        .collect()
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn cross_entropy_agrees_with_the_reference(
        (n, classes) in (1..=9usize, 2..=12usize),
        spread in 0.1..6.0f64,
        seed: u64,
    ) {
        let labels: Vec<u32> = draw(seed, "labels", n, 0.5, 0.5)
            .iter()
            .map(|unit| (unit * classes as f64) as u32)
            .collect();
        let inputs = vec![draw(seed, "logits", n * classes, 1.0, spread)];
        // The gradient is that of the mean.
        let factors = vec![1.0 / n as f64; n];
        let reference = Reference::of(&inputs, &factors, |numbers| losses(&numbers[0], &labels))?;
        let own = cross_entropy(&tensor(&inputs[0], &[n, classes]), &labels).unwrap();
        let loss: Vec<f32> = own.loss.iter().map(|&loss| loss as f32).collect();
        reference.check("fast", &loss, &[values(&own.gradient).unwrap()])?;
        for (loss, expected) in own.loss.iter().zip(&reference.result) {
            prop_assert!((loss - expected).abs() < 1e-12 * expected.max(1.0));
        }
    }
}
