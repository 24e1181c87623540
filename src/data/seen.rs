//! Images whose pixels have been seen: their digests and sums, and what follows from those of all.

use super::Limits;
use super::OnProgress;
use super::decode::{self, Decoded, Format};
use super::index::{ChannelStatistics, Entry, Unreadable};
use crate::run::Split;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is kept of an image once its pixels have been seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub path: String,
    format: Format,
    width: u32,
    height: u32,
    channels: u8,
    /// BLAKE3 over size and pixels.
    digest: [u8; 32],
    /// Sum and sum of squares of each plane, exact.
    sums: Vec<(u64, u64)>,
    transparent: bool,
}

impl Seen {
    fn new(path: String, image: &Decoded) -> Seen {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&image.width.to_le_bytes());
        hasher.update(&image.height.to_le_bytes());
        hasher.update(&[image.channels]);
        hasher.update(&image.planes);
        let area = image.width as usize * image.height as usize;
        let sums = image
            .planes
            .chunks_exact(area)
            .map(|plane| {
                plane.iter().fold((0, 0), |(sum, squares), &x| {
                    let x = u64::from(x);
                    (sum + x, squares + x * x)
                })
            })
            .collect();
        Seen {
            path,
            format: image.format,
            width: image.width,
            height: image.height,
            channels: image.channels,
            digest: *hasher.finalize().as_bytes(),
            sums,
            transparent: image.transparent,
        }
    }
}

/// An image with its place: sorted by split, label and path.
pub(super) struct Kept<'a> {
    pub seen: &'a Seen,
    pub split: Split,
    pub label: u32,
    pub group: Option<&'a str>,
}

/// Decodes every file, in parallel; results are in the order of the files.
pub(super) fn look(
    root: &Path,
    files: &[String],
    limits: &Limits,
    progress: OnProgress,
) -> (Vec<Seen>, Vec<Unreadable>) {
    let (done, of) = (AtomicU64::new(0), files.len() as u64);
    let results: Vec<Result<Seen, Unreadable>> = files
        .par_iter()
        .map(|path| {
            let result = decode::read(&root.join(path), limits)
                .map(|image| Seen::new(path.clone(), &image))
                .map_err(|reason| Unreadable {
                    path: path.clone(),
                    reason,
                });
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, of);
            result
        })
        .collect();
    let (mut seen, mut unreadable) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(image) => seen.push(image),
            Err(file) => unreadable.push(file),
        }
    }
    (seen, unreadable)
}

/// What is to be said of images and classes that are taken.
pub(super) fn notes_on(kept: &[Kept], classes: &[String]) -> Vec<String> {
    let mut notes = copies(kept);
    notes.extend(look_alikes(classes));
    notes.extend(transparent(kept));
    notes
}

/// Notes on validation and test images that are in training too, pixel for pixel.
fn copies(kept: &[Kept]) -> Vec<String> {
    let of = |split| kept.iter().filter(move |k| k.split == split);
    let learnt: HashSet<[u8; 32]> = of(Split::Train).map(|k| k.seen.digest).collect();
    [Split::Val, Split::Test]
        .into_iter()
        .filter_map(|split| {
            let count = of(split).filter(|k| learnt.contains(&k.seen.digest)).count();
            let word = split.word();
            (count > 0).then(|| {
                format!("{count} of the {word} images are in training too, pixel for pixel: the {word} accuracy is too good by them.")
            })
        })
        .collect()
}

/// A note on transparent pixels, whose stored colour a network sees and a person does not.
fn transparent(kept: &[Kept]) -> Option<String> {
    let count = kept.iter().filter(|k| k.seen.transparent).count();
    (count > 0).then(|| {
        format!(
            "{count} images have transparent pixels: alpha is dropped and the colour stored below it is taken, over no background."
        )
    })
}

/// Notes on classes whose names differ only in case: mostly one class, written in two ways.
fn look_alikes(classes: &[String]) -> Vec<String> {
    let mut by_lower: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for class in classes {
        by_lower
            .entry(class.to_lowercase())
            .or_default()
            .push(class);
    }
    by_lower
        .into_values()
        .filter(|names| names.len() > 1)
        .map(|names| {
            format!(
                "Classes {} differ only in case and are taken as different.",
                names.join(" and ")
            )
        })
        .collect()
}

/// Mean and deviation of each split's pixels.
pub(super) fn statistics(kept: &[Kept]) -> Vec<ChannelStatistics> {
    let gray = kept.iter().all(|k| k.seen.channels == 1);
    let channels = if gray { 1 } else { 3 };
    let mut all = Vec::new();
    for split in Split::ALL {
        let (mut pixels, mut sums) = (0u64, vec![(0u128, 0u128); channels]);
        for k in kept.iter().filter(|k| k.split == split) {
            pixels += u64::from(k.seen.width) * u64::from(k.seen.height);
            // A gray image counts in each of three channels: that is how a network sees it.
            for (total, plane) in sums.iter_mut().zip(k.seen.sums.iter().cycle()) {
                total.0 += u128::from(plane.0);
                total.1 += u128::from(plane.1);
            }
        }
        if pixels > 0 {
            let n = pixels as f64;
            let mean: Vec<f64> = sums.iter().map(|s| s.0 as f64 / n / 255.0).collect();
            let std = sums
                .iter()
                .zip(&mean)
                .map(|(s, mean)| (s.1 as f64 / n / 65025.0 - mean * mean).max(0.0).sqrt())
                .collect();
            all.push(ChannelStatistics { split, mean, std });
        }
    }
    all
}

/// BLAKE3 over the class names, then split, label and image of each entry in order.
pub(super) fn fingerprint(classes: &[String], kept: &[Kept]) -> String {
    let mut hasher = blake3::Hasher::new();
    for class in classes {
        hasher.update(&(class.len() as u64).to_le_bytes());
        hasher.update(class.as_bytes());
    }
    for k in kept {
        hasher.update(k.split.name().as_bytes());
        hasher.update(&k.label.to_le_bytes());
        hasher.update(&k.seen.digest);
    }
    hasher.finalize().to_hex().to_string()
}

/// An image as the index lists it.
pub(super) fn entry(kept: &Kept) -> Entry {
    Entry {
        group: kept.group.map(str::to_owned),
        path: kept.seen.path.clone(),
        split: kept.split,
        label: kept.label,
        format: kept.seen.format,
        width: kept.seen.width,
        height: kept.seen.height,
        channels: kept.seen.channels,
    }
}
