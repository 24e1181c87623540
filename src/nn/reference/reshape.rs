//! Layers that arrange numbers anew, by the place of each number.

use super::{Reference, config, draw, tensor};
use crate::nn::{Columns, Flatten, LastStep, One, Operation, Unblock};
use proptest::prelude::*;

/// Checks an operation that takes `count` numbers of `shape` and gives those at `places`.
fn check(
    operation: &dyn Operation,
    shape: &[usize],
    places: Vec<usize>,
    seed: u64,
) -> Result<(), TestCaseError> {
    let inputs = vec![draw(seed, "input", shape.iter().product(), 0.0, 1.0)];
    let factors = draw(seed, "factors", places.len(), 0.0, 1.0);
    let reference = Reference::of(&inputs, &factors, |numbers| {
        places.iter().map(|&place| numbers[0][place]).collect()
    })?;
    reference.check_operation("processor", operation, &tensor(&inputs[0], shape), &factors)
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn flatten_sequence_and_last_step_move_numbers_and_gradients_where_they_belong(
        (n, c, h, w) in (1..=4usize, 1..=40usize, 1..=5usize, 1..=6usize),
        seed: u64,
    ) {
        let image = [n, c, h, w];
        let all = (0..n * c * h * w).collect();
        check(&Flatten, &image, all, seed)?;
        check(&One, &[n, c], (0..n * c).collect(), seed)?;
        let mut columns = Vec::new();
        for (image, x) in (0..n).flat_map(|image| (0..w).map(move |x| (image, x))) {
            columns.extend((0..c * h).map(|row| (image * c * h + row) * w + x));
        }
        check(&Columns, &image, columns, seed)?;
        let last = (0..n).flat_map(|image| (0..c).map(move |f| (image * h + h - 1) * c + f));
        check(&LastStep, &[n, h, c], last.collect(), seed)?;
        let blocks = c.div_ceil(16);
        let mut plain = Vec::new();
        for (image, channel) in (0..n).flat_map(|image| (0..c).map(move |channel| (image, channel))) {
            let block = (image * blocks + channel / 16) * h * w;
            plain.extend((0..h * w).map(|pixel| (block + pixel) * 16 + channel % 16));
        }
        check(&Unblock { channels: c }, &[n, blocks, h, w, 16], plain, seed)?;
    }
}
