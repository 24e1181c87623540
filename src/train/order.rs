//! The order in which an epoch shows the training images.

use super::balance;
use crate::nn::Stream;
use crate::run::{Sampling, TrainSpec};

/// The batches that an epoch trains on, of the positions of `labels`.
pub(super) fn of_epoch(labels: &[u32], train: &TrainSpec, epoch: u32) -> Vec<Vec<usize>> {
    match train.sampling {
        Sampling::Shuffle => batches(labels.len(), train.batch_size, train.seed, epoch),
        Sampling::Balanced => {
            let drawn = balance::draw(labels, train.seed, epoch);
            chunks(&drawn, train.batch_size)
        }
    }
}

/// Batches of positions below `n`, shuffled by a stream that `seed` and `epoch` alone decide.
pub(super) fn batches(n: usize, batch_size: usize, seed: u64, epoch: u32) -> Vec<Vec<usize>> {
    let order = Stream::new(seed, "order")
        .at(u64::from(epoch))
        .permutation(n);
    chunks(&order, batch_size)
}

/// A last batch of one image is merged into the one before: batch norm has no variance over a single image.
fn chunks(order: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = order.chunks(batch_size).map(<[usize]>::to_vec).collect();
    if batch_size > 1 && batches.len() > 1 && batches.last().is_some_and(|b| b.len() == 1) {
        let single = batches.pop().unwrap_or_default();
        if let Some(before) = batches.last_mut() {
            before.extend(single);
        }
    }
    batches
}

/// How many steps an epoch has, without drawing its order.
pub(super) fn steps(n: usize, batch_size: usize) -> u64 {
    let merged = usize::from(n > batch_size && n % batch_size == 1 && batch_size > 1);
    (n.div_ceil(batch_size) - merged) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_shown_once_an_epoch_in_an_order_of_its_own() {
        let epoch = |seed, epoch| batches(97, 32, seed, epoch).concat();
        let mut sorted = epoch(1, 1);
        assert_eq!(epoch(1, 1), sorted);
        assert_ne!(epoch(1, 2), sorted);
        assert_ne!(epoch(2, 1), sorted);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..97).collect::<Vec<_>>());
    }

    #[test]
    fn a_last_single_image_joins_the_batch_before() {
        for (n, size, sizes) in [
            (97, 32, vec![32, 32, 33]),
            (98, 32, vec![32, 32, 32, 2]),
            (1, 32, vec![1]),
            (64, 32, vec![32, 32]),
        ] {
            let batches = batches(n, size, 1, 1);
            assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
            assert_eq!(steps(n, size), sizes.len() as u64);
        }
        assert_eq!(batches(5, 1, 1, 1).len() as u64, steps(5, 1));
    }
}
