//! Brightness, contrast and noise in one pass over the pixels.

use super::normal::Normal;
use crate::nn::Stream;

/// What happens to every pixel of an image.
pub(super) struct Tone {
    /// About the image's mean.
    pub contrast: f64,
    /// Added.
    pub brightness: f64,
    /// Standard deviation of the noise.
    pub noise: f64,
}

/// Random words that are drawn at once, two numbers each.
const WORDS: usize = 64;

impl Tone {
    /// Changes pixels of 0 to 255 and keeps them within; the noise comes from `stream`, a number a pixel.
    pub fn apply(&self, pixels: &mut [f32], stream: &Stream) {
        if self.contrast == 1.0 && self.brightness == 0.0 && self.noise == 0.0 {
            return;
        }
        let (factor, summand) = self.affine(pixels);
        let changed = |x: f32, noise: f32| (x * factor + (summand + noise)).clamp(0.0, 255.0);
        if self.noise == 0.0 {
            for x in pixels {
                *x = changed(*x, 0.0);
            }
            return;
        }
        let (normal, deviation) = (Normal::new(), self.noise as f32);
        let mut words = [0; WORDS];
        let mut noise = [0.0; 2 * WORDS];
        for (group, pixels) in pixels.chunks_mut(noise.len()).enumerate() {
            stream.fill(group as u64, &mut words);
            for (pair, word) in noise.as_chunks_mut().0.iter_mut().zip(words) {
                *pair = normal.pair(word);
            }
            for (x, noise) in pixels.iter_mut().zip(noise) {
                *x = changed(*x, noise * deviation);
            }
        }
    }

    /// Contrast and brightness as a factor and a summand.
    fn affine(&self, pixels: &[f32]) -> (f32, f32) {
        let mean = if self.contrast == 1.0 {
            0.0
        } else {
            mean(pixels)
        };
        let summand = mean * (1.0 - self.contrast) + self.brightness;
        (self.contrast as f32, summand as f32)
    }
}

/// Sums of a few thousand pixels are exact enough in float32, and sixteen are summed side by side.
fn mean(pixels: &[f32]) -> f64 {
    let sums = pixels.chunks(4096).map(|part| {
        let (lanes, rest) = part.as_chunks::<16>();
        let mut sums = [0.0; 16];
        for sixteen in lanes {
            for (sum, x) in sums.iter_mut().zip(sixteen) {
                *sum += x;
            }
        }
        f64::from(sums.iter().chain(rest).sum::<f32>())
    });
    sums.sum::<f64>() / pixels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toned(pixels: &[f32], contrast: f64, brightness: f64, noise: f64) -> Vec<f32> {
        let mut out = pixels.to_vec();
        let tone = Tone {
            contrast,
            brightness,
            noise,
        };
        tone.apply(&mut out, &Stream::new(1, "noise"));
        out
    }

    fn moments(pixels: &[f32]) -> (f64, f64) {
        let n = pixels.len() as f64;
        let mean = pixels.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
        let squares = pixels
            .iter()
            .map(|x| (f64::from(*x) - mean).powi(2))
            .sum::<f64>();
        (mean, (squares / n).sqrt())
    }

    /// Pixels of 60 to 160, an odd number of them.
    fn ramp() -> Vec<f32> {
        (0..10_001).map(|i| 60.0 + (i % 101) as f32).collect()
    }

    #[test]
    fn brightness_adds_to_the_mean_and_contrast_multiplies_the_deviation() {
        let pixels = ramp();
        let (mean, deviation) = moments(&pixels);
        let (brighter, same) = moments(&toned(&pixels, 1.0, 20.0, 0.0));
        assert!((brighter - mean - 20.0).abs() < 1e-3 && (same - deviation).abs() < 1e-3);
        let (kept, stretched) = moments(&toned(&pixels, 1.3, 0.0, 0.0));
        assert!((kept - mean).abs() < 1e-3 && (stretched - 1.3 * deviation).abs() < 1e-3);
        let (moved, squeezed) = moments(&toned(&pixels, 0.5, -30.0, 0.0));
        assert!((moved - mean + 30.0).abs() < 1e-3 && (squeezed - 0.5 * deviation).abs() < 1e-3);
    }

    #[test]
    fn noise_has_its_deviation_and_no_mean_and_no_neighbour_knows_of_another() {
        let even = vec![128.0; 40_003];
        let noisy = toned(&even, 1.0, 0.0, 10.0);
        let (mean, deviation) = moments(&noisy);
        assert!((mean - 128.0).abs() < 0.3, "{mean}");
        assert!((deviation - 10.0).abs() < 0.2, "{deviation}");
        for apart in [1, 2, 64, 128] {
            let products = noisy.iter().zip(&noisy[apart..]);
            let sum: f64 = products
                .map(|(a, b)| f64::from(a - 128.0) * f64::from(b - 128.0))
                .sum();
            assert!((sum / 40_000.0 / 100.0).abs() < 0.03, "{apart} apart");
        }
    }

    #[test]
    fn pixels_stay_within_their_range_and_one_that_nothing_changes_is_kept() {
        let pixels = ramp();
        for (contrast, brightness, noise) in
            [(2.0, 255.0, 127.0), (0.0, -255.0, 0.0), (1.0, 0.0, 127.0)]
        {
            let out = toned(&pixels, contrast, brightness, noise);
            assert!(out.iter().all(|x| (0.0..=255.0).contains(x)));
        }
        assert_eq!(toned(&pixels, 1.0, 0.0, 0.0), pixels);
        assert_eq!(toned(&[7.0], 0.5, 0.0, 0.0), [7.0]);
    }
}
