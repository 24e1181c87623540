//! What a batch's images are to be taken for.

/// The class of each image; with mixup each is two classes at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// Each image's own class.
    pub labels: Vec<u32>,
    pub mixed: Option<Mixed>,
}

/// The other half of each mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixed {
    /// The class of the image that each is mixed with.
    pub labels: Vec<u32>,
    /// Each image's own share, 0 to 1.
    pub shares: Vec<f32>,
}

impl Targets {
    /// The two classes of image `i` with their shares, whose sum is 1.
    pub(super) fn of(&self, i: usize) -> [(u32, f64); 2] {
        let own = self.labels[i];
        match &self.mixed {
            None => [(own, 1.0), (own, 0.0)],
            Some(mixed) => {
                let share = f64::from(mixed.shares[i]);
                [(own, share), (mixed.labels[i], 1.0 - share)]
            }
        }
    }

    /// Each image's class with the greater share, its own where both are the same.
    pub fn greater(&self) -> Vec<u32> {
        let greater = |i| match self.of(i) {
            [(_, share), (other, rest)] if rest > share => other,
            [(own, _), _] => own,
        };
        (0..self.labels.len()).map(greater).collect()
    }
}

impl<Labels: AsRef<[u32]> + ?Sized> From<&Labels> for Targets {
    /// Each image is of its own class alone.
    fn from(labels: &Labels) -> Targets {
        Targets {
            labels: labels.as_ref().to_vec(),
            mixed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_taken_for_the_class_with_the_greater_share() {
        let targets = Targets {
            labels: vec![0, 1, 2],
            mixed: Some(Mixed {
                labels: vec![1, 2, 0],
                shares: vec![0.75, 0.25, 0.5],
            }),
        };
        assert_eq!(targets.greater(), [0, 2, 2]);
        assert_eq!(targets.of(1), [(1, 0.25), (2, 0.75)]);
        assert_eq!(Targets::from(&[4, 5]).greater(), [4, 5]);
    }
}
