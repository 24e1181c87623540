//! Files of numbers that hold images: IDX, CIFAR's binaries, NPZ. Their pictures become PNG files, their labels a table.

mod cifar;
mod idx;
mod label;
mod npy;
mod npz;
mod picture;

use super::decode::Format;
use super::listing::Listing;
use super::manifest::Table;
use super::part_kind::{ArrayKind, PartKind};
use super::{DataError, Limits, OnProgress};
use picture::Pictures;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The files of numbers below a folder, by kind; paths below the folder, in order.
#[derive(Debug, Default)]
pub(super) struct Arrays {
    files: BTreeMap<ArrayKind, Vec<String>>,
}

impl Arrays {
    /// Looks at the first bytes of the listed files.
    pub fn among(root: &Path, listing: &Listing) -> Arrays {
        let mut arrays = Arrays::default();
        for path in &listing.files {
            if is_called_image(path) {
                continue;
            }
            let kind = start_of(&root.join(path)).map(|start| PartKind::of(path, &start));
            if let Some(PartKind::Array(kind)) = kind {
                arrays.files.entry(kind).or_default().push(path.clone());
            }
        }
        arrays
    }

    /// True where these files hold the dataset: there are some, and images lie only beside or above them (a logo).
    pub fn are_the_data(&self, root: &Path, images: &Listing) -> bool {
        let folders: Vec<&str> = self.paths().map(folder_of).collect();
        let is_data = |path: &&String| {
            let folder = folder_of(path);
            let beside = folders.iter().any(|f| {
                folder.is_empty()
                    || *f == folder
                    || f.strip_prefix(folder)
                        .is_some_and(|rest| rest.starts_with('/'))
            });
            !beside && start_of(&root.join(path)).is_some_and(|start| Format::of(&start).is_some())
        };
        self.files.keys().any(|kind| *kind != ArrayKind::CifarNames)
            && !images.files.iter().any(|path| is_data(&path))
    }

    /// All of their paths.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.values().flatten().map(String::as_str)
    }

    /// Writes the pictures as PNG files into `images`, and gives the table of their labels.
    pub fn expand(
        &self,
        root: &Path,
        images: &Path,
        limits: &Limits,
        progress: OnProgress,
    ) -> Result<Table, DataError> {
        let of = |kind| self.files.get(&kind).map_or(&[][..], Vec::as_slice);
        let kinds: Vec<&str> = [
            (ArrayKind::Idx, "IDX"),
            (ArrayKind::Cifar, "CIFAR"),
            (ArrayKind::Npz, "NPZ"),
        ]
        .into_iter()
        .filter(|(kind, _)| !of(*kind).is_empty())
        .map(|(_, name)| name)
        .collect();
        let mut pictures = Pictures::new(images, limits, progress);
        match kinds[..] {
            ["IDX"] => idx::expand(root, of(ArrayKind::Idx), limits, &mut pictures),
            ["CIFAR"] => cifar::expand(
                root,
                of(ArrayKind::Cifar),
                of(ArrayKind::CifarNames),
                &mut pictures,
            ),
            ["NPZ"] => npz::expand(root, of(ArrayKind::Npz), limits, &mut pictures),
            _ => DataError::refused(format!(
                "the folder holds {} files: keep those of one dataset",
                kinds.join(" and ")
            )),
        }?;
        pictures.finish()
    }
}

/// True for what an ending calls an image: of many images not each is opened.
fn is_called_image(path: &str) -> bool {
    let ending = path
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    ["png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff"].contains(&ending.as_str())
}

/// A file's first bytes; None where it cannot be read.
fn start_of(file: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::with_capacity(Format::START);
    let open = File::open(file).ok()?;
    open.take(Format::START as u64)
        .read_to_end(&mut start)
        .ok()?;
    Some(start)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Class names of numbers, all of one width, so that their order is the numbers'.
fn number_name(number: u64, most: u64) -> String {
    let width = most
        .checked_ilog10()
        .map_or(1, |digits| digits as usize + 1);
    format!("{number:0width$}")
}

/// Reads until `buffer` is full or the file ends; gives how much there was.
fn read_full(mut file: impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
