//! Do two pictures agree in their details? What tells a copy from another picture of the same kind.

use super::perceptual_hash::correlation;

/// Side of the gray picture that is compared, in cells; half of it for small pictures.
pub(super) const SIDE: usize = 64;
/// Details that correlate at least so are the same picture's. Copies that were compressed, resized, brightened or made noisier
/// reached .92 and more, different recordings of one speaker and word .76 at most (ours, on 14 pairs of spectrograms).
pub(super) const LEAST_AGREEMENT: f64 = 0.9;

/// Correlation of what is left of two square gray pictures when the mean over each 3 × 3 cells is taken away. The one with
/// more cells is compared at the other's size.
pub(super) fn agreement(one: &[f32], other: &[f32]) -> f64 {
    let cells = one.len().min(other.len());
    correlation(&fine(&at(one, cells)), &fine(&at(other, cells)))
}

/// The picture, or its halves' means where it has more cells than wanted.
fn at(picture: &[f32], cells: usize) -> Vec<f32> {
    if picture.len() == cells {
        return picture.to_vec();
    }
    let side = picture.len().isqrt();
    (0..side / 2)
        .flat_map(|y| (0..side / 2).map(move |x| 2 * y * side + 2 * x))
        .map(|i| (picture[i] + picture[i + 1] + picture[i + side] + picture[i + side + 1]) / 4.0)
        .collect()
}

fn fine(picture: &[f32]) -> Vec<f32> {
    let side = picture.len().isqrt();
    let near = |i: usize| i.saturating_sub(1)..(i + 2).min(side);
    (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .map(|(x, y)| {
            let cells = near(y).flat_map(|v| near(x).map(move |u| v * side + u));
            let (sum, n) = cells.fold((0.0, 0.0), |(sum, n), at| (sum + picture[at], n + 1.0));
            picture[y * side + x] - sum / n
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Random;
    use std::f64::consts::TAU;

    /// A ground without edges, a wave along each axis, with fine noise upon it.
    fn picture(ground: u64, noise: u64, side: usize) -> Vec<f32> {
        let (mut ground, mut noise) = (Random::new(ground, 0), Random::new(noise, 1));
        let phases = [ground.uniform(), ground.uniform()];
        let wave = |at: usize, phase: f64| libm::sin(TAU * (at as f64 / side as f64 + phase));
        (0..side * side)
            .map(|i| {
                let ground = wave(i % side, phases[0]) + wave(i / side, phases[1]);
                (60.0 * ground + 20.0 * noise.uniform()) as f32
            })
            .collect()
    }

    #[test]
    fn a_brighter_copy_agrees_and_another_picture_over_the_same_ground_does_not() {
        let one = picture(1, 1, SIDE);
        let brighter: Vec<f32> = one.iter().map(|x| 1.2 * x + 9.0).collect();
        assert!(agreement(&one, &brighter) > 0.999);
        assert!(agreement(&one, &picture(1, 2, SIDE)) < LEAST_AGREEMENT);
        let half = at(&one, SIDE * SIDE / 4);
        assert_eq!(half.len(), SIDE * SIDE / 4);
        assert!(agreement(&half, &one) > 0.999);
        assert_eq!(agreement(&[3.0; 16], &[3.0; 16]), 0.0);
    }
}
