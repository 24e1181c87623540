//! Images whose label a network that was not trained on them contradicts with confidence.

use super::training::Validated;

/// Confident learning (Northcutt, Jiang and Chuang 2021): an image is counted as one of class j where its probability of j is
/// at least the mean probability of j over the images labelled j. Suspects are those counted for another class than their
/// label, the surest first; their positions are given.
///
/// Only the predicted class's probability is known beside the label's, so an image whose predicted class stays below that
/// class's mean is no suspect, also where a third class would pass its own: never more suspects than by the whole matrix.
pub(super) fn suspects(images: &[Validated], classes: usize) -> Vec<usize> {
    let mut sums = vec![(0.0, 0_u32); classes];
    for image in images {
        if let Some((sum, n)) = sums.get_mut(image.label as usize) {
            *sum += f64::from(-image.loss).exp();
            *n += 1;
        }
    }
    let threshold = |class: u32| match sums.get(class as usize) {
        Some((sum, n)) if *n > 0 => sum / f64::from(*n),
        _ => f64::INFINITY,
    };
    let mut found: Vec<usize> = (0..images.len())
        .filter(|at| {
            let image = &images[*at];
            !image.is_right() && f64::from(image.confidence) >= threshold(image.prediction)
        })
        .collect();
    found.sort_by(|a, b| images[*b].loss.total_cmp(&images[*a].loss));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the probabilities of two classes.
    fn image(label: u32, p: [f32; 2]) -> Validated {
        let prediction = u32::from(p[1] > p[0]);
        Validated {
            path: String::new(),
            label,
            prediction,
            confidence: p[prediction as usize],
            loss: -p[label as usize].ln(),
        }
    }

    #[test]
    fn a_confident_contradiction_is_suspect_and_a_hesitant_one_is_not() {
        // Means of the label's probability: (.9 + .8 + .1) / 3 = .6 of class 0, (.9 + .7 + .45) / 3 = .683 of class 1.
        let images = [
            image(0, [0.9, 0.1]),
            image(0, [0.8, 0.2]),
            image(0, [0.1, 0.9]),
            image(1, [0.1, 0.9]),
            image(1, [0.3, 0.7]),
            image(1, [0.55, 0.45]),
        ];
        assert_eq!(suspects(&images, 2), [2]);
        assert_eq!(suspects(&[], 2), Vec::<usize>::new());
    }
}
