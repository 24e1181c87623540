//! A hash that hardly changes when a picture is compressed, resized or brightened a little.

/// Side of the small gray picture that is hashed.
pub(in crate::diagnose) const SIDE: usize = 32;
/// Side of the block of low frequencies that is kept.
const LOW: usize = 8;

/// 64 bits: the lowest 8 × 8 frequencies of the cosine transform of a 32 × 32 gray picture, each above or below their median
/// (the constant one left out of the median), as Zauner 2010 describes.
pub(super) fn perceptual_hash(small: &[f32]) -> u64 {
    let cosine = |frequency: usize, place: usize| {
        let angle =
            std::f32::consts::PI * frequency as f32 * (2 * place + 1) as f32 / (2 * SIDE) as f32;
        angle.cos()
    };
    let basis: Vec<f32> = (0..LOW)
        .flat_map(|f| (0..SIDE).map(move |x| cosine(f, x)))
        .collect();
    // (8 × 32) · (32 × 32) · (32 × 8)
    let mut rows = vec![0.0f32; LOW * SIDE];
    for f in 0..LOW {
        for y in 0..SIDE {
            for x in 0..SIDE {
                rows[f * SIDE + x] += basis[f * SIDE + y] * small[y * SIDE + x];
            }
        }
    }
    let mut low = [0.0f32; LOW * LOW];
    for f in 0..LOW {
        for g in 0..LOW {
            low[f * LOW + g] = (0..SIDE)
                .map(|x| rows[f * SIDE + x] * basis[g * SIDE + x])
                .sum();
        }
    }
    let mut sorted = low[1..].to_vec();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    low.iter().enumerate().fold(0, |hash, (bit, value)| {
        hash | (u64::from(*value > median) << bit)
    })
}

/// Pearson's correlation of two small pictures; 0 where one is flat.
pub(super) fn correlation<T: Copy + Into<f64>>(one: &[T], other: &[T]) -> f64 {
    let mean =
        |values: &[T]| values.iter().map(|x| (*x).into()).sum::<f64>() / values.len().max(1) as f64;
    let (a, b) = (mean(one), mean(other));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        let (x, y) = ((*x).into() - a, (*y).into() - b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa > 0.0 && bb > 0.0 {
        ab / (aa * bb).sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Random;

    fn noise(seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed, 0);
        let coarse: Vec<f64> = (0..64).map(|_| random.uniform()).collect();
        (0..SIDE * SIDE)
            .map(|i| {
                let (y, x) = (i / SIDE, i % SIDE);
                (200.0 * coarse[y / 4 * 8 + x / 4]) as f32
            })
            .collect()
    }

    #[test]
    fn a_brighter_noisier_copy_has_nearly_the_same_hash_and_another_picture_has_not() {
        let picture = noise(1);
        let copy: Vec<f32> = picture
            .iter()
            .enumerate()
            .map(|(i, x)| x * 1.1 + 5.0 + (i % 3) as f32)
            .collect();
        let distance =
            |a: &[f32], b: &[f32]| (perceptual_hash(a) ^ perceptual_hash(b)).count_ones();
        assert!(distance(&picture, &copy) <= 4);
        assert!(distance(&picture, &noise(2)) > 12);
        let bytes = |p: &[f32]| p.iter().map(|x| *x as u8).collect::<Vec<_>>();
        assert!(correlation(&bytes(&picture), &bytes(&copy)) > 0.99);
        assert!(correlation(&bytes(&picture), &bytes(&noise(2))).abs() < 0.5);
        assert_eq!(correlation(&[7u8; 4], &[1, 2, 3, 4]), 0.0);
    }
}
