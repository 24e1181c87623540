//! The entries of a .zip archive.

use super::super::{DataError, OnProgress};
use super::budget::Budget;
use super::damaged;
use super::target::{Refusal, Target};
use ::zip::ZipReadOptions;
use ::zip::read::Config;
use ::zip::result::ZipError;
use ::zip::unstable::read::ZipIterable;
use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Unpacks the images; the directory is walked entry by entry, so that memory does not grow with their number.
pub(super) fn unpack(
    archive: &Path,
    budget: &Budget,
    target: &mut Target,
    progress: OnProgress,
) -> Result<(), DataError> {
    let open = || {
        File::open(archive)
            .map(BufReader::new)
            .map_err(DataError::at(archive))
    };
    let mut directory = ZipIterable::try_new(open()?, Config::default()).map_err(damaged)?;
    let of = directory.len();
    if of > target.limits.files {
        return Err(target.too_many());
    }
    let mut contents = open()?;
    for entry in directory.files().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        progress(target.count()?, of as u64);
        // Many packers write UTF-8 without the flag that says so; other bytes are code page 437, as the format has it.
        let name = match std::str::from_utf8(entry.name_raw()) {
            Ok(name) => Cow::Borrowed(name),
            Err(_) => match entry.name() {
                Ok(name) => name,
                Err(_) => {
                    let name = String::from_utf8_lossy(entry.name_raw());
                    target.leave_out(name, "its name cannot be read: rename it");
                    continue;
                }
            },
        };
        // Some packers on Windows write backslashes, against the format.
        let name = name.replace('\\', "/");
        let Some(path) = target.place(&name)? else {
            continue;
        };
        if entry.is_dir() || name.ends_with('/') {
            target.folder(&path)?;
            continue;
        }
        if let Some((folder, _)) = path.rsplit_once('/') {
            target.folder(folder)?;
        }
        if entry.is_symlink() {
            target.leave_out(path, "a link: pack the file itself");
            continue;
        }
        let file = match entry.with_reader(&mut contents, ZipReadOptions::new()) {
            Ok(file) => file,
            Err(error) => {
                target.leave_out(path, unreadable(&error));
                continue;
            }
        };
        match target.take(&path, budget.metered(file)) {
            Ok(()) => {}
            Err(Refusal::Fatal(error)) => return Err(error),
            Err(Refusal::Read(error)) => match budget.refusal(&error) {
                Some(refusal) => return Err(refusal),
                None => target.leave_out(path, format!("damaged in the archive: {error}")),
            },
        }
    }
    Ok(())
}

/// True for an .npz whatever its name: numpy puts nothing but arrays into it.
pub(super) fn is_npz(archive: &Path) -> bool {
    let first = || {
        let file = BufReader::new(File::open(archive).ok()?);
        let mut directory = ZipIterable::try_new(file, Config::default()).ok()?;
        let entry = directory.files().ok()?.next()?.ok()?;
        Some(entry.name_raw().ends_with(b".npy"))
    };
    first().unwrap_or(false)
}

fn unreadable(error: &ZipError) -> String {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            "encrypted: pack it without a password".to_owned()
        }
        ZipError::UnsupportedArchive(what) => format!("{what}: pack it with deflate"),
        other => format!("damaged in the archive: {other}"),
    }
}
