//! Classes of unequal size: what they count in the loss, and how images are drawn so that none is rare.

use crate::nn::{Stream, below};

/// What an image of each class counts where all classes are to weigh the same: images / (classes · images of the class)
/// (King and Zeng 2001). A class without images counts nothing and is not counted.
pub(super) fn weights(labels: &[u32], classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    for &label in labels {
        counts[label as usize] += 1.0;
    }
    let present = counts.iter().filter(|n| **n > 0.0).count() as f64;
    counts
        .into_iter()
        .map(|n| match n {
            0.0 => 0.0,
            n => labels.len() as f64 / (present * n),
        })
        .collect()
}

/// As many positions as there are labels, drawn with replacement: first a class, each as likely, then an image of it.
pub(super) fn draw(labels: &[u32], seed: u64, epoch: u32) -> Vec<usize> {
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for (position, &label) in labels.iter().enumerate() {
        let class = label as usize;
        if class >= classes.len() {
            classes.resize(class + 1, Vec::new());
        }
        classes[class].push(position);
    }
    classes.retain(|images| !images.is_empty());
    let stream = Stream::new(seed, "balanced order").at(u64::from(epoch));
    (0..labels.len() as u64)
        .map(|i| {
            let [a, b, c, d] = stream.block(i);
            let images = &classes[below([a, b], classes.len())];
            images[below([c, d], images.len())]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ninety images of class 0, nine of class 2, one of class 3, none of class 1.
    fn labels() -> Vec<u32> {
        [vec![0; 90], vec![2; 9], vec![3]].concat()
    }

    #[test]
    fn every_class_that_has_images_weighs_the_same() {
        let weights = weights(&labels(), 4);
        assert_eq!(weights[1], 0.0);
        for (class, images) in [(0, 90.0), (2, 9.0), (3, 1.0)] {
            assert!((weights[class] * images - 100.0 / 3.0).abs() < 1e-12);
        }
    }

    #[test]
    fn every_class_that_has_images_is_drawn_as_often_and_every_image_of_it() {
        let labels = labels();
        let mut drawn = vec![0; labels.len()];
        for epoch in 1..=300 {
            for position in draw(&labels, 1, epoch) {
                drawn[position] += 1;
            }
        }
        // 10,000 of each class within five standard deviations; the same for the images of one.
        for (from, to) in [(0, 90), (90, 99), (99, 100)] {
            let of_class: i32 = drawn[from..to].iter().sum();
            assert!((of_class - 10_000).abs() < 410, "{of_class}");
            let each = 10_000.0 / (to - from) as f64;
            for n in &drawn[from..to] {
                assert!(
                    (f64::from(*n) - each).abs() < 5.0 * each.sqrt() + 1.0,
                    "{n}"
                );
            }
        }
        assert_eq!(draw(&labels, 1, 7), draw(&labels, 1, 7));
        assert_ne!(draw(&labels, 1, 7), draw(&labels, 1, 8));
        assert_ne!(draw(&labels, 1, 7), draw(&labels, 2, 7));
    }
}
