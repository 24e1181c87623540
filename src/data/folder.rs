//! Copying the images of a user's folder.

use super::decode::read_image;
use super::index::Unreadable;
use super::listing::Listing;
use super::{DataError, Limits, OnProgress};
use std::fs::{self, File};
use std::path::Path;

/// Copies what is an image by its content into `images`, folder by folder, and returns what was left out.
pub(super) fn copy(
    source: &Path,
    images: &Path,
    limits: &Limits,
    progress: OnProgress,
) -> Result<Vec<Unreadable>, DataError> {
    let listing = Listing::of(source, limits)?;
    for folder in &listing.folders {
        // An empty folder of a split says something, so it is made too.
        let folder = images.join(folder);
        fs::create_dir_all(&folder).map_err(DataError::at(&folder))?;
    }
    let mut left_out = listing.unreadable;
    let mut room = limits.unpacked_bytes;
    for (done, path) in (1..).zip(&listing.files) {
        let content = File::open(source.join(path))
            .and_then(|file| read_image(file, path, limits))
            .unwrap_or_else(|error| Err(format!("cannot be read: {error}")));
        match content {
            Ok(content) => {
                room = room
                    .checked_sub(content.len() as u64)
                    .ok_or_else(|| too_large(limits))?;
                let target = images.join(path);
                fs::write(&target, content).map_err(DataError::at(&target))?;
            }
            Err(reason) => left_out.push(Unreadable {
                path: path.clone(),
                reason,
            }),
        }
        progress(done, listing.files.len() as u64);
    }
    Ok(left_out)
}

/// The refusal of a dataset whose files take too much room.
pub(super) fn too_large(limits: &Limits) -> DataError {
    DataError::Refused(format!(
        "its files take more than the {:.1} GiB that there is room for: use fewer or smaller ones, or free some of the disk",
        limits.unpacked_bytes as f64 / (1u64 << 30) as f64
    ))
}
