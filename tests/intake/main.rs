//! Taking data in: folders, tables and arrays as people have them, hostile ones too, and what is said about them.
//!
//! Property tests of the parsers run 40 damaged archives or files each here, and 128 to 256 in the unit tests of `data`
//! (CSV, .npy headers, groups, folds). `make fuzz` runs more, by GAPWATCH_FUZZ_CASES: for a minute, or for an hour.

mod archives;
mod arrays;
mod folders;
mod formats;
mod hostile;
mod images;
mod layouts;
mod npz;
mod splits;
mod tables;

use gapwatch::data::{DataError, Dataset};
use gapwatch::run::Split;
use image::{GrayImage, Luma};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A gray PNG of (height, width) whose pixels depend on `seed`.
fn png((height, width): (u32, u32), seed: u32) -> Vec<u8> {
    let image = GrayImage::from_fn(width, height, |x, y| {
        Luma([((x * 7 + y * 13 + seed * 31) % 256) as u8])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Writes a file and the folders it lies in.
fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A folder with `count` images of 4 × 6 in each of the folders.
fn folder(parts: &[&str], count: u32) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for (i, part) in (0..).zip(parts) {
        for n in 0..count {
            let path = home.path().join(part).join(format!("{n}.png"));
            write(&path, &png((4, 6), i * count + n));
        }
    }
    home
}

fn open(path: &(impl AsRef<Path> + ?Sized)) -> Result<Dataset, DataError> {
    Dataset::open(path.as_ref(), &|_, _| ())
}

/// What is said of a folder or an archive that must be refused.
fn refusal(path: &(impl AsRef<Path> + ?Sized)) -> String {
    match open(path) {
        Ok(dataset) => panic!("taken, though it is wrong: {:?}", dataset.index),
        Err(DataError::Refused(reason)) => reason,
        Err(other) => panic!("{other}"),
    }
}

fn counts(dataset: &Dataset) -> [usize; 3] {
    Split::ALL.map(|split| dataset.index.of(split).count())
}

/// `path: reason` of each file that was left out.
fn left_out(dataset: &Dataset) -> Vec<String> {
    dataset
        .index
        .unreadable
        .iter()
        .map(|file| format!("{}: {}", file.path, file.reason))
        .collect()
}
