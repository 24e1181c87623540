//! Copying the files of a user's folder that a dataset is made of.

use super::archive::{Budget, Refusal, Target};
use super::index::Unreadable;
use super::listing::Listing;
use super::{DataError, Limits, OnProgress};
use std::fs::{self, File};
use std::path::Path;

/// Copies images, by their content, into `images`, folder by folder, and tables and arrays into `raw`; returns what was
/// left out.
pub(super) fn copy(
    source: &Path,
    images: &Path,
    raw: &Path,
    limits: &Limits,
    progress: OnProgress,
) -> Result<Vec<Unreadable>, DataError> {
    let listing = Listing::of(source, limits)?;
    for folder in &listing.folders {
        // An empty folder of a split says something, so it is made too.
        let folder = images.join(folder);
        fs::create_dir_all(&folder).map_err(DataError::at(&folder))?;
    }
    // No ratio: what is copied is as large as it was.
    let budget = Budget::new(u64::MAX, limits);
    let mut target = Target::new(images, raw, limits);
    target.left_out = listing.unreadable;
    for (done, path) in (1..).zip(&listing.files) {
        let taken = match File::open(source.join(path)) {
            Ok(file) => target.take(path, budget.metered(file)),
            Err(error) => Err(Refusal::Read(error)),
        };
        match taken {
            Ok(()) => {}
            Err(Refusal::Fatal(error)) => return Err(error),
            Err(Refusal::Read(error)) => match budget.refusal(&error) {
                Some(refusal) => return Err(refusal),
                None => target.leave_out(path, format!("cannot be read: {error}")),
            },
        }
        progress(done, listing.files.len() as u64);
    }
    Ok(target.left_out)
}

/// The refusal of a dataset whose files take too much room.
pub(super) fn too_large(limits: &Limits) -> DataError {
    DataError::Refused(format!(
        "its files take more than the {:.1} GiB that there is room for: use fewer or smaller ones, or free some of the disk",
        limits.unpacked_bytes as f64 / (1u64 << 30) as f64
    ))
}
