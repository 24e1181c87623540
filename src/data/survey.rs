//! Looks at every file of a folder and makes its index: decodes, places, splits, counts, fingerprints.

use super::decode::{self, Decoded, Format};
use super::index::{ChannelStatistics, Entry, Index, Unreadable};
use super::layout::layout;
use super::listing::Listing;
use super::placement::{classes, place};
use super::{DataError, Limits, OnProgress};
use crate::run::Split;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is kept of an image once its pixels have been seen.
struct Seen {
    path: String,
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
struct Kept {
    seen: Seen,
    split: Split,
    label: u32,
}

/// Indexes the images of a folder; `left_out` are files that an archive held and that were not unpacked.
pub(super) fn survey(
    root: &Path,
    left_out: Vec<Unreadable>,
    limits: &Limits,
    progress: OnProgress,
) -> Result<Index, DataError> {
    let mut listing = Listing::of(root, limits)?;
    let (seen, mut unreadable) = look(root, &listing.files, limits, progress);
    unreadable.append(&mut listing.unreadable);
    unreadable.extend(left_out);
    if seen.is_empty() {
        return DataError::refused(nothing_readable(&unreadable));
    }

    let paths: Vec<&str> = seen.iter().map(|image| image.path.as_str()).collect();
    let mut layout = layout(&paths, &listing)?;
    let mut notes = std::mem::take(&mut layout.notes);
    unreadable.extend(
        std::mem::take(&mut layout.homeless)
            .into_iter()
            .map(|(path, reason)| Unreadable { path, reason }),
    );
    let classes = classes(&layout, limits)?;
    let placed = place(&layout, &classes, &paths, &mut unreadable, &mut notes)?;
    let mut seen: Vec<Option<Seen>> = seen.into_iter().map(Some).collect();
    let mut kept: Vec<Kept> = placed
        .into_iter()
        .filter_map(|(image, split, label)| {
            let seen = seen[image].take()?;
            Some(Kept { seen, split, label })
        })
        .collect();
    kept.sort_by(|a, b| (a.split, a.label, &a.seen.path).cmp(&(b.split, b.label, &b.seen.path)));
    unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    notes.extend(copies(&kept));
    notes.extend(look_alikes(&classes));
    notes.extend(transparent(&kept));
    Ok(Index {
        channels: statistics(&kept),
        fingerprint: fingerprint(&classes, &kept),
        entries: kept.into_iter().map(entry).collect(),
        classes,
        unreadable,
        notes,
    })
}

/// Decodes every file, in parallel; results are in the order of the files.
fn look(
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

fn nothing_readable(unreadable: &[Unreadable]) -> String {
    let wanted = "put images into a folder a class";
    match unreadable {
        [] => format!("it is empty: {wanted}"),
        [first, ..] => format!(
            "none of its {} files is a readable image ({}: {}): {wanted}",
            unreadable.len(),
            first.path,
            first.reason
        ),
    }
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

fn statistics(kept: &[Kept]) -> Vec<ChannelStatistics> {
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
fn fingerprint(classes: &[String], kept: &[Kept]) -> String {
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

fn entry(kept: Kept) -> Entry {
    Entry {
        path: kept.seen.path,
        split: kept.split,
        label: kept.label,
        format: kept.seen.format,
        width: kept.seen.width,
        height: kept.seen.height,
        channels: kept.seen.channels,
    }
}
