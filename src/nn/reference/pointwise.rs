//! ReLU, GELU, and dropout with its mask given, by definition.

use super::tape::Number;
use super::{Reference, STEP, config, draw, tensor};
use crate::nn::{Dropout, Gelu, Mode, Operation, Relu, Stream, values};
use proptest::prelude::*;

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn relu_agrees_with_the_reference(
        shape in proptest::collection::vec(1..=5usize, 2..=4),
        seed: u64,
    ) {
        let count = shape.iter().product();
        let inputs = vec![draw(seed, "input", count, 0.0, 1.0)];
        let factors = draw(seed, "factors", count, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| {
            numbers[0].iter().map(|x| x.relu()).collect()
        })?;
        reference.check_layer(|_| Relu, &tensor(&inputs[0], &shape), &factors)?;
    }

    #[test]
    fn gelu_agrees_with_the_reference(
        // Enough numbers that not all are where the result or its slope is next to nothing.
        shape in proptest::collection::vec(3..=5usize, 2..=4),
        scale in prop_oneof![Just(1.0), Just(4.0)],
        seed: u64,
    ) {
        let count = shape.iter().product();
        let inputs = vec![draw(seed, "input", count, 0.0, scale)];
        let factors = draw(seed, "factors", count, 0.0, 1.0);
        let (half, one, root) = (Number::from(0.5), Number::from(1.0), Number::from(0.5f64.sqrt()));
        let reference = Reference::of(&inputs, &factors, |numbers| {
            numbers[0].iter().map(|&x| half * x * (one + (x * root).erf())).collect()
        })?;
        reference.check_layer(|_| Gelu, &tensor(&inputs[0], &shape), &factors)?;
    }

    #[test]
    fn dropout_by_its_steps_mask_agrees_with_the_reference(
        shape in proptest::collection::vec(1..=5usize, 2..=4),
        p in prop_oneof![Just(0.0), Just(1.0), 0.05..0.95f64],
        seed: u64,
    ) {
        let count = shape.iter().product();
        let stream = Stream::new(seed, "dropout");
        // Number i of the stream at the step keeps element i, a fraction 1 − p of them.
        let mask: Vec<f64> = (0..count as u64)
            .map(|i| f64::from(stream.at(STEP).number(i)) / 2f64.powi(32))
            .map(|unit| if unit < p { 0.0 } else { 1.0 / (1.0 - p) })
            .collect();
        let inputs = vec![draw(seed, "input", count, 0.0, 1.0)];
        let factors = draw(seed, "factors", count, 0.0, 1.0);
        let reference = Reference::of(&inputs, &factors, |numbers| {
            numbers[0].iter().zip(&mask).map(|(&x, &kept)| x * Number::from(kept)).collect()
        })?;
        let dropout = Dropout { p, stream };
        let input = tensor(&inputs[0], &shape);
        reference.check_layer(|_| Dropout { p, stream }, &input, &factors)?;
        let (scored, _) = dropout.forward(&input, Mode::Eval).unwrap();
        prop_assert_eq!(values(&scored).unwrap(), values(&input).unwrap());
    }
}
