//! Gaussian blur: along the rows, then along the columns, the edge repeated.

/// A kernel reaches this many standard deviations to both sides: 99.7 % of its weight.
const REACH: f64 = 3.0;
/// Below this standard deviation, in pixels, the neighbours' weights are less than 10⁻⁵.
const LEAST: f64 = 0.2;
/// Pixels that are summed side by side.
const LANES: usize = 16;

/// Room for one plane and one row with its edges.
#[derive(Default)]
pub(super) struct Room {
    along: Vec<f32>,
    row: Vec<f32>,
}

/// Blurs planes (each height × width) by a Gaussian of standard deviation `sigma` in pixels.
pub(super) fn blur(
    planes: &mut [f32],
    (height, width): (usize, usize),
    sigma: f64,
    room: &mut Room,
) {
    if sigma < LEAST {
        return;
    }
    let weights = weights(sigma);
    let reach = weights.len() / 2;
    room.along.resize(height * width, 0.0);
    room.row.resize(width + 2 * reach, 0.0);
    for plane in planes.chunks_exact_mut(height * width) {
        for (row, along) in plane
            .chunks_exact(width)
            .zip(room.along.chunks_exact_mut(width))
        {
            room.row[..reach].fill(row[0]);
            room.row[reach..reach + width].copy_from_slice(row);
            room.row[reach + width..].fill(row[width - 1]);
            weighted(&weights, |k| &room.row[k..k + width], along);
        }
        for (y, out) in plane.chunks_exact_mut(width).enumerate() {
            let row = |k: usize| {
                let y = (y + k).saturating_sub(reach).min(height - 1);
                &room.along[y * width..(y + 1) * width]
            };
            weighted(&weights, row, out);
        }
    }
}

/// The kernel, its sum 1.
fn weights(sigma: f64) -> Vec<f32> {
    let reach = (REACH * sigma).ceil() as i32;
    let at = |k: i32| libm::exp(-0.5 * (f64::from(k) / sigma) * (f64::from(k) / sigma));
    let sum: f64 = (-reach..=reach).map(at).sum();
    (-reach..=reach).map(|k| (at(k) / sum) as f32).collect()
}

/// Writes the weighted sum of rows, which are as long as `out`.
fn weighted<'a>(weights: &[f32], row: impl Fn(usize) -> &'a [f32], out: &mut [f32]) {
    let mut start = 0;
    for out in out.chunks_mut(LANES) {
        let mut sums = [0.0; LANES];
        for (k, weight) in weights.iter().enumerate() {
            let part = &row(k)[start..start + out.len()];
            match <&[f32; LANES]>::try_from(part) {
                // Its length is known here, so it is summed in wide registers.
                Ok(part) => {
                    for (sum, x) in sums.iter_mut().zip(part) {
                        *sum += weight * x;
                    }
                }
                Err(_) => {
                    for (sum, x) in sums.iter_mut().zip(part) {
                        *sum += weight * x;
                    }
                }
            }
        }
        out.copy_from_slice(&sums[..out.len()]);
        start += out.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Stream;
    use proptest::prelude::*;

    fn reference(plane: &[f32], (height, width): (usize, usize), sigma: f64) -> Vec<f64> {
        let reach = (REACH * sigma).ceil() as i64;
        let bell = |k: i64| (-0.5 * (k as f64 / sigma).powi(2)).exp();
        let total: f64 = (-reach..=reach).map(bell).sum();
        let mut out = Vec::new();
        for y in 0..height as i64 {
            for x in 0..width as i64 {
                let mut sum = 0.0;
                for j in -reach..=reach {
                    for i in -reach..=reach {
                        let row = (y + j).clamp(0, height as i64 - 1) as usize;
                        let column = (x + i).clamp(0, width as i64 - 1) as usize;
                        sum += bell(i) * bell(j) * f64::from(plane[row * width + column]);
                    }
                }
                out.push(sum / total / total);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_blur_follows_its_formula_at_every_size(
            size in (1usize..20, 1usize..40), sigma in 0.2f64..4.0,
        ) {
            let stream = Stream::new(1, "picture");
            let area = size.0 * size.1;
            let planes: Vec<f32> = (0..2 * area as u64).map(|i| stream.unit(i) * 255.0).collect();
            let mut blurred = planes.clone();
            blur(&mut blurred, size, sigma, &mut Room::default());
            for (plane, out) in planes.chunks(area).zip(blurred.chunks(area)) {
                for (ours, exact) in out.iter().zip(reference(plane, size, sigma)) {
                    prop_assert!((f64::from(*ours) - exact).abs() < 1e-3, "{ours} {exact}");
                }
            }
        }
    }

    #[test]
    fn a_blur_keeps_an_even_ground_and_the_mean_of_a_spot() {
        let size = (31, 33);
        let mut even = vec![100.0; 31 * 33];
        blur(&mut even, size, 3.0, &mut Room::default());
        assert!(even.iter().all(|x| (x - 100.0).abs() < 1e-3));
        let mut spot = vec![0.0; 31 * 33];
        spot[15 * 33 + 16] = 255.0;
        blur(&mut spot, size, 2.0, &mut Room::default());
        assert!((spot.iter().sum::<f32>() - 255.0).abs() < 1e-2);
        // Of a two-dimensional bell: 1 / (2 π σ²).
        assert!((spot[15 * 33 + 16] / 255.0 - 0.0399).abs() < 5e-4);
    }
}
