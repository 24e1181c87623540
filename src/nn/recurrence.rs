//! What recurrent layers share: the order of their steps, and the sums over them.

use super::slice;
use candle_core::{Result, Tensor};

/// Images that go through the steps together: fixed, so that the threads change no bit.
pub(super) const CHUNK: usize = 8;

/// The steps in the order of time, with the step before each.
pub(super) fn order(
    steps: usize,
    reverse: bool,
) -> impl DoubleEndedIterator<Item = (usize, Option<usize>)> {
    (0..steps).map(move |i| {
        if reverse {
            (steps - 1 - i, (i > 0).then(|| steps - i))
        } else {
            (i, i.checked_sub(1))
        }
    })
}

pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The state before each step, (N, T, H), from the states after each.
pub(super) fn states_before(output: &Tensor, reverse: bool) -> Result<Vec<f32>> {
    let (_, steps, hidden) = output.dims3()?;
    slice(output, |output| {
        let mut states = vec![0f32; output.len()];
        for image in 0..output.len() / (steps * hidden) {
            for (t, before) in order(steps, reverse) {
                if let Some(before) = before {
                    let (to, from) = (image * steps + t, image * steps + before);
                    states[to * hidden..(to + 1) * hidden]
                        .copy_from_slice(&output[from * hidden..(from + 1) * hidden]);
                }
            }
        }
        Ok(states)
    })
}

/// The sum of each of `columns` columns, in float64.
pub(super) fn column_sums(rows: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0f64; columns];
    for row in rows.chunks_exact(columns) {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, &x)| *sum += f64::from(x));
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}
