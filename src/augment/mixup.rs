//! Mixup (Zhang, Cissé, Dauphin and Lopez-Paz 2018): an image and its class are mixed with another of the same batch.
//!
//! The other is the next of the batch, the first for the last: batches are in random order. The share is drawn for each
//! image, where the paper's own program draws one for a batch.

use crate::nn::Stream;
use rayon::prelude::*;

/// Johnk's method takes a pair of numbers in at least one of six cases (at a = 2): more tries than this never happen.
const MOST_TRIES: u64 = 1000;

/// An image's own share in its mixture: from Beta(a, a), for a above 0 and at most 2 (Jöhnk 1964), in 0 to 1.
pub(super) fn share(a: f64, stream: &Stream) -> f32 {
    for block in 0..MOST_TRIES {
        let [first, second, ..] = stream.block(block);
        // Above 0, so that the logarithms are finite.
        let [u, v] =
            [first, second].map(|word| libm::log((f64::from(word) + 0.5) / 4_294_967_296.0) / a);
        // In logarithms: for small a both powers can be too small for a number.
        let greater = u.max(v);
        let sum = greater + libm::log(libm::exp(u - greater) + libm::exp(v - greater));
        if sum <= 0.0 {
            return libm::exp(u - sum) as f32;
        }
    }
    0.5
}

/// The image that the one at position `i` of a batch of `n` is mixed with.
pub(super) fn partner(i: usize, n: usize) -> usize {
    (i + 1) % n
}

/// Writes each image's share of itself and the rest of its partner; all images (N, C, H, W) alike.
pub(super) fn mix(images: &[f32], shares: &[f32], out: &mut [f32]) {
    let n = shares.len();
    let size = images.len() / n.max(1);
    let places = out
        .par_chunks_exact_mut(size.max(1))
        .zip(shares)
        .enumerate();
    places.for_each(|(i, (out, &share))| {
        let own = &images[i * size..(i + 1) * size];
        let other = &images[partner(i, n) * size..][..size];
        for ((out, own), other) in out.iter_mut().zip(own).zip(other) {
            *out = share * own + (1.0 - share) * other;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_the_mean_and_variance_of_a_beta_distribution() {
        for a in [0.01, 0.2, 1.0, 2.0] {
            let stream = Stream::new(5, "mixup");
            let n = 20_000;
            let shares: Vec<f64> = (0..n).map(|i| f64::from(share(a, &stream.at(i)))).collect();
            assert!(shares.iter().all(|s| (0.0..=1.0).contains(s)));
            let mean = shares.iter().sum::<f64>() / n as f64;
            let variance = shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n as f64;
            // ½, and 1 / (4 (2 a + 1)).
            assert!((mean - 0.5).abs() < 0.02, "{a}: {mean}");
            let wanted = 0.25 / (2.0 * a + 1.0);
            assert!(
                (variance / wanted - 1.0).abs() < 0.05,
                "{a}: {variance}, not {wanted}"
            );
        }
    }

    #[test]
    fn images_are_mixed_with_their_partners_before_those_are_mixed() {
        let images = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0];
        let mut out = [0.0; 6];
        mix(&images, &[1.0, 0.75, 0.5], &mut out);
        assert_eq!(out, [1.0, 2.0, 32.5, 65.0, 50.5, 101.0]);
        let mut single = [0.0; 2];
        mix(&images[..2], &[0.25], &mut single);
        assert_eq!(single, [1.0, 2.0]);
    }
}
