//! Splitting class by class, by seed, so that every part has each class's share.

use super::random::Random;
use crate::run::Split;

/// The share of a class's images that validation gets, and test where test is split off as well.
pub(super) const HELD_OUT: f64 = 0.15;

/// The split of each of a class's `n` images, in the order of their paths.
///
/// Each held-out part gets [`HELD_OUT`] of them, rounded, but at least one; training always keeps one, and validation
/// goes before test where there are too few.
pub(super) fn stratify(seed: u64, class: usize, n: usize, with_test: bool) -> Vec<Split> {
    let share = ((n as f64 * HELD_OUT).round() as usize).max(1);
    let val = share.min(n.saturating_sub(1));
    let test = if with_test {
        share.min(n.saturating_sub(1 + val))
    } else {
        0
    };
    let mut order: Vec<usize> = (0..n).collect();
    Random::new(seed, class as u64).shuffle(&mut order);
    let mut splits = vec![Split::Train; n];
    for (place, &image) in order.iter().enumerate() {
        if place < val {
            splits[image] = Split::Val;
        } else if place < val + test {
            splits[image] = Split::Test;
        }
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(n: usize, with_test: bool) -> [usize; 3] {
        let splits = stratify(1, 3, n, with_test);
        Split::ALL.map(|split| splits.iter().filter(|s| **s == split).count())
    }

    #[test]
    fn every_part_gets_its_share_and_training_is_never_empty() {
        assert_eq!(counts(100, true), [70, 15, 15]);
        assert_eq!(counts(100, false), [85, 15, 0]);
        assert_eq!(counts(4, true), [2, 1, 1]);
        assert_eq!(counts(3, true), [1, 1, 1]);
        assert_eq!(counts(2, true), [1, 1, 0]);
        assert_eq!(counts(1, true), [1, 0, 0]);
        assert_eq!(counts(0, true), [0, 0, 0]);
    }

    #[test]
    fn the_same_class_is_split_in_the_same_way_again() {
        assert_eq!(stratify(1, 0, 50, true), stratify(1, 0, 50, true));
        assert_ne!(stratify(1, 0, 50, true), stratify(1, 1, 50, true));
    }
}
