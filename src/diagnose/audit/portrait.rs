//! What an audit keeps of an image once its pixels have been seen.

use super::perceptual_hash::{SIDE, perceptual_hash};
use crate::data::{Dataset, Decoded, Limits, OnProgress, read_image};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(in crate::diagnose) struct Portrait {
    /// BLAKE3 over size, channels and pixels, its first 16 bytes.
    pub digest: [u8; 16],
    pub hash: u64,
    /// Gray at [`SIDE`] × [`SIDE`], 0 to 255.
    pub small: Vec<u8>,
    /// Of gray, 0 to 1: mean and standard deviation.
    pub brightness: f64,
    pub contrast: f64,
    /// Skewness of gray: changes its sign in a negative.
    pub skewness: f64,
    /// ln of 1e-6 plus the share of the gray variance that the Laplacian has: low where the image is blurred.
    pub sharpness: f64,
    /// Means of red minus blue and of green minus the other two, 0 to 1: change when colours are ordered otherwise.
    pub red_over_blue: f64,
    pub green_over_rest: f64,
}

/// Portraits in the index's order; None where a file cannot be read any more, or when cancelled.
pub(in crate::diagnose) fn portraits(
    dataset: &Dataset,
    progress: OnProgress,
    cancel: &AtomicBool,
) -> Vec<Option<Portrait>> {
    let entries = &dataset.index.entries;
    let (done, of) = (AtomicU64::new(0), entries.len() as u64);
    entries
        .par_iter()
        .map(|entry| {
            if cancel.load(Ordering::Relaxed) {
                return None;
            }
            let image = read_image(&dataset.root.join(&entry.path), &Limits::DEFAULT).ok();
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, of);
            image.map(|image| Portrait::of(&image))
        })
        .collect()
}

impl Portrait {
    pub fn of(image: &Decoded) -> Portrait {
        let (width, height) = (image.width as usize, image.height as usize);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&image.width.to_le_bytes());
        hasher.update(&image.height.to_le_bytes());
        hasher.update(&[image.channels]);
        hasher.update(&image.planes);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);

        let gray = gray(image);
        let n = gray.len().max(1) as f64;
        let mean = gray.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
        let (mut second, mut third) = (0.0, 0.0);
        for x in &gray {
            let d = f64::from(*x) - mean;
            second += d * d;
            third += d * d * d;
        }
        let variance = second / n;
        let skewness = if variance > 0.25 {
            third / n / variance.powf(1.5)
        } else {
            0.0
        };
        let small = shrunk(&gray, (width, height), SIDE);
        let (red_over_blue, green_over_rest) = tint(image);
        Portrait {
            digest,
            hash: perceptual_hash(&small),
            small: small.iter().map(|x| x.round() as u8).collect(),
            brightness: mean / 255.0,
            contrast: variance.sqrt() / 255.0,
            skewness,
            sharpness: (1e-6 + laplacian(&gray, width, height) / variance.max(0.25)).ln(),
            red_over_blue,
            green_over_rest,
        }
    }

    /// True where the image is one flat colour, or nearly.
    pub fn is_blank(&self) -> bool {
        self.contrast < 2.0 / 255.0
    }
}

/// 0.299 R + 0.587 G + 0.114 B, 0 to 255.
fn gray(image: &Decoded) -> Vec<f32> {
    let area = image.width as usize * image.height as usize;
    match image.planes.chunks_exact(area.max(1)).collect::<Vec<_>>()[..] {
        [red, green, blue] => red
            .iter()
            .zip(green)
            .zip(blue)
            .map(|((r, g), b)| {
                0.299 * f32::from(*r) + 0.587 * f32::from(*g) + 0.114 * f32::from(*b)
            })
            .collect(),
        [gray, ..] => gray.iter().map(|x| f32::from(*x)).collect(),
        [] => Vec::new(),
    }
}

/// Gray at `side` × `side`, fine enough to see what two pictures of one kind differ in; half of it where the picture is smaller.
pub(super) fn detailed(image: &Decoded, side: usize) -> Vec<f32> {
    let (width, height) = (image.width as usize, image.height as usize);
    let side = if width.min(height) >= side {
        side
    } else {
        side / 2
    };
    shrunk(&gray(image), (width, height), side)
}

/// Means over the cells of a `side` × `side` grid.
fn shrunk(gray: &[f32], (width, height): (usize, usize), side: usize) -> Vec<f32> {
    let cell = |i: usize, of: usize| {
        let from = i * of / side;
        from..((i + 1) * of).div_ceil(side).max(from + 1).min(of)
    };
    let mut small = Vec::with_capacity(side * side);
    for y in 0..side {
        for x in 0..side {
            let (rows, columns) = (cell(y, height), cell(x, width));
            let count = (rows.len() * columns.len()).max(1);
            let sum: f32 = rows
                .map(|row| gray[row * width..][columns.clone()].iter().sum::<f32>())
                .sum();
            small.push(sum / count as f32);
        }
    }
    small
}

/// Mean square of the Laplacian over the inner pixels.
fn laplacian(gray: &[f32], width: usize, height: usize) -> f64 {
    if width < 3 || height < 3 {
        return 0.0;
    }
    let mut sum = 0.0;
    for y in 1..height - 1 {
        let row = &gray[y * width..][..width];
        let (above, below) = (
            &gray[(y - 1) * width..][..width],
            &gray[(y + 1) * width..][..width],
        );
        let mut of_row = 0.0;
        for x in 1..width - 1 {
            let l = row[x - 1] + row[x + 1] + above[x] + below[x] - 4.0 * row[x];
            of_row += l * l;
        }
        sum += f64::from(of_row);
    }
    sum / ((width - 2) * (height - 2)) as f64
}

/// Means of red − blue and of green − (red + blue) / 2, 0 to 1; 0 for gray.
fn tint(image: &Decoded) -> (f64, f64) {
    if image.channels != 3 {
        return (0.0, 0.0);
    }
    let area = (image.planes.len() / 3).max(1);
    let mean = |plane: &[u8]| {
        plane.iter().map(|x| u64::from(*x)).sum::<u64>() as f64 / area as f64 / 255.0
    };
    let mut planes = image.planes.chunks_exact(area).map(mean);
    let (r, g, b) = (
        planes.next().unwrap_or(0.0),
        planes.next().unwrap_or(0.0),
        planes.next().unwrap_or(0.0),
    );
    (r - b, g - (r + b) / 2.0)
}
