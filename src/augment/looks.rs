//! Which look at which image a change belongs to.

/// Counts the looks at each image in one epoch: a run that balances its classes shows some images more than once.
pub struct Looks {
    epoch: u32,
    /// By image number.
    seen: Vec<u16>,
}

/// A look's bits in the step of a stream, below the epoch's 17 (an epoch is at most 100,000) and above the image's.
const LOOK_BITS: u32 = 15;

impl Looks {
    /// At the beginning of an epoch, which counts from 1, over `n` images.
    pub fn new(epoch: u32, n: usize) -> Looks {
        Looks {
            epoch,
            seen: vec![0; n],
        }
    }

    /// The step of a stream for each of these images, which are looked at once more.
    pub fn next(&mut self, numbers: &[usize]) -> Vec<u64> {
        let step = |&number: &usize| {
            let seen = &mut self.seen[number];
            let look = u64::from(*seen);
            // After so many looks the last one's changes come again.
            *seen = (*seen + 1).min((1 << LOOK_BITS) - 1);
            u64::from(self.epoch) << (32 + LOOK_BITS) | look << 32 | number as u64
        };
        numbers.iter().map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_look_at_an_image_has_a_step_of_its_own_whatever_was_shown_before() {
        let mut looks = Looks::new(100_000, 5);
        let first = looks.next(&[4, 0, 4]);
        assert_eq!(first[1], looks_of(100_000, 0));
        assert_ne!(first[0], first[2]);
        assert_eq!(looks.next(&[1])[0], looks_of(100_000, 1));
        assert_ne!(looks_of(100_000, 1), looks_of(99_999, 1));
        let all: std::collections::BTreeSet<u64> =
            (0..40_000).flat_map(|_| looks.next(&[3])).collect();
        assert_eq!(all.len(), 1 << LOOK_BITS);
    }

    fn looks_of(epoch: u32, number: usize) -> u64 {
        Looks::new(epoch, 5).next(&[number])[0]
    }
}
