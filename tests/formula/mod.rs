//! The numbers that both sides of a comparison with PyTorch make by one formula, and what is kept of a tensor.

use candle_core::Tensor;
use gapwatch::nn;
use serde::Deserialize;

/// The formula of `fixtures/pytorch.py`.
pub fn numbers(count: usize, seed: u32) -> Vec<f32> {
    (0..count as u32)
        .map(|i| {
            let mut x = i
                .wrapping_mul(0x9E37_79B1)
                .wrapping_add(seed.wrapping_mul(0x7F4A_7C15));
            x ^= x >> 16;
            x = x.wrapping_mul(0x85EB_CA6B);
            x ^= x >> 13;
            x = x.wrapping_mul(0xC2B2_AE35);
            x ^= x >> 16;
            (f64::from(x) / 2f64.powi(31) - 1.0) as f32
        })
        .collect()
}

/// Of a tensor its norm and evenly spaced entries.
#[derive(Default, Deserialize)]
pub struct Entry {
    pub norm: f64,
    pub samples: Vec<f64>,
}

impl Entry {
    /// The norm-wise relative error of `tensor`, by its samples and by its norm, whichever is greater; `scale` is the least norm counted.
    pub fn error(&self, tensor: &Tensor, scale: f64) -> f64 {
        let ours = nn::values(tensor).unwrap();
        let count = self.samples.len();
        let (mut difference, mut size) = (0f64, 0f64);
        for (i, expected) in self.samples.iter().enumerate() {
            let own = f64::from(ours[i * ours.len() / count]);
            difference += (own - expected).powi(2);
            size += expected.powi(2);
        }
        let norm = ours
            .iter()
            .map(|&x| f64::from(x).powi(2))
            .sum::<f64>()
            .sqrt();
        // The samples stand for the whole tensor.
        let share = (count as f64 / ours.len() as f64).sqrt();
        let by_samples = difference.sqrt() / size.sqrt().max(scale * share);
        by_samples.max((norm - self.norm).abs() / self.norm.max(scale))
    }
}
