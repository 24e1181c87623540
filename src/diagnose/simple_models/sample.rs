//! Pictures as short rows of numbers.

use crate::data::{Dataset, OnProgress, Random};
use crate::diagnose::audit::{Portrait, portraits};
use crate::run::Split;
use std::sync::atomic::AtomicBool;

/// Images of a split that are used at most, drawn at random.
const MOST_IMAGES: usize = 1_000;
/// Gray pixels a side.
const SIDE: usize = 16;

/// Images of a split in random order.
pub(super) struct Sample {
    pub rows: Vec<Vec<f32>>,
    pub labels: Vec<u32>,
}

impl Sample {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// One more than the highest label.
    pub fn classes(&self) -> usize {
        let different: std::collections::BTreeSet<u32> = self.labels.iter().copied().collect();
        match different.len() {
            0 | 1 => different.len(),
            _ => self
                .labels
                .iter()
                .max()
                .map_or(0, |most| *most as usize + 1),
        }
    }

    pub fn rows(&self, which: &[usize]) -> Vec<&[f32]> {
        which.iter().map(|at| &self.rows[*at][..]).collect()
    }

    /// The first `n`: the order is random.
    pub fn first(&self, n: usize) -> Sample {
        let n = n.min(self.len());
        Sample {
            rows: self.rows[..n].to_vec(),
            labels: self.labels[..n].to_vec(),
        }
    }
}

/// A sample of each split, by [`Split::ALL`]'s order: 16 × 16 gray pixels and six properties a picture, each with mean 0 and
/// variance 1 over training, the properties together weighing as much as a quarter of the pixels.
pub(super) fn samples(
    dataset: &Dataset,
    seed: u64,
    progress: OnProgress,
    cancel: &AtomicBool,
) -> [Sample; 3] {
    let seen = portraits(dataset, progress, cancel);
    let entries = &dataset.index.entries;
    let mut random = Random::new(seed, 0);
    let mut samples = Split::ALL.map(|split| {
        let mut at: Vec<usize> = (0..entries.len())
            .filter(|at| entries[*at].split == split && seen[*at].is_some())
            .collect();
        random.shuffle(&mut at);
        at.truncate(MOST_IMAGES);
        Sample {
            labels: at.iter().map(|i| entries[*i].label).collect(),
            rows: at
                .iter()
                .filter_map(|i| seen[*i].as_ref().map(row))
                .collect(),
        }
    });
    let width = SIDE * SIDE + 6;
    let n = samples[0].len().max(1) as f64;
    let scales: Vec<(f64, f64)> = (0..width)
        .map(|c| {
            let of_train = || samples[0].rows.iter().map(|row| f64::from(row[c]));
            let mean = of_train().sum::<f64>() / n;
            let variance = of_train().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let weight = if c < SIDE * SIDE {
                1.0
            } else {
                (SIDE * SIDE) as f64 / 4.0 / 6.0
            };
            (
                mean,
                if variance > 1e-12 {
                    (weight / variance).sqrt()
                } else {
                    0.0
                },
            )
        })
        .collect();
    for row in samples.iter_mut().flat_map(|s| &mut s.rows) {
        for (x, (mean, factor)) in row.iter_mut().zip(&scales) {
            // What training never varies in may be far off elsewhere: it is left out there as well.
            *x = ((f64::from(*x) - mean) * factor) as f32;
        }
    }
    samples
}

fn row(portrait: &Portrait) -> Vec<f32> {
    let from = crate::diagnose::audit::SMALL_SIDE;
    let step = from / SIDE;
    let mut row = Vec::with_capacity(SIDE * SIDE + 6);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let sum: u32 = (0..step)
                .flat_map(|v| (0..step).map(move |u| (y * step + v) * from + x * step + u))
                .map(|at| u32::from(portrait.small[at]))
                .sum();
            row.push(sum as f32 / (step * step) as f32);
        }
    }
    row.extend(
        [
            portrait.brightness,
            portrait.contrast,
            portrait.skewness,
            portrait.sharpness,
            portrait.red_over_blue,
            portrait.green_over_rest,
        ]
        .map(|x| x as f32),
    );
    row
}
