//! The files and folders below a dataset's folder.

use super::{DataError, Limits, Unreadable};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// What a folder holds, in the order of the paths' bytes; ignored names left out.
#[derive(Debug, Default)]
pub struct Listing {
    /// Paths below the folder, parts joined by `/`.
    pub files: Vec<String>,
    pub folders: Vec<String>,
    /// Entries that cannot be a dataset's: names that are not UTF-8, sockets and the like.
    pub unreadable: Vec<Unreadable>,
}

/// True for what systems leave behind in folders and archives: hidden files, `__MACOSX`, thumbnails' caches.
pub(super) fn is_ignored(name: &str) -> bool {
    name.starts_with('.')
        || ["__macosx", "thumbs.db", "desktop.ini"].contains(&name.to_ascii_lowercase().as_str())
}

impl Listing {
    /// Lists a folder. Links are followed, as people use them to compose datasets; a circle of links ends at the depth limit.
    pub fn of(root: &Path, limits: &Limits) -> Result<Listing, DataError> {
        let mut listing = Listing::default();
        let mut seen = 0;
        listing.visit(root, "", 1, &mut seen, limits)?;
        listing.files.sort_unstable();
        listing.folders.sort_unstable();
        Ok(listing)
    }

    fn visit(
        &mut self,
        folder: &Path,
        below: &str,
        depth: usize,
        seen: &mut usize,
        limits: &Limits,
    ) -> Result<(), DataError> {
        if depth > limits.depth {
            return DataError::refused(format!(
                "{below}: folders within folders more than {} deep (a link that leads back?); move the classes further up",
                limits.depth
            ));
        }
        for entry in fs::read_dir(folder).map_err(DataError::at(folder))? {
            let entry = entry.map_err(DataError::at(folder))?;
            *seen += 1;
            if *seen > limits.files {
                return DataError::refused(format!(
                    "more than {} files and folders: name the dataset's own folder, or use a part of it",
                    limits.files
                ));
            }
            let (name, path) = (entry.file_name(), entry.path());
            let Some(name) = name.to_str() else {
                self.leave_out(below, &name, "its name is not UTF-8: rename it");
                continue;
            };
            if is_ignored(name) {
                continue;
            }
            let joined = join(below, name);
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => {
                    self.visit(&path, &joined, depth + 1, seen, limits)?;
                    self.folders.push(joined);
                }
                Ok(found) if found.is_file() => self.files.push(joined),
                Ok(_) => self.leave_out(below, OsStr::new(name), "not a plain file"),
                Err(error) => {
                    self.leave_out(below, OsStr::new(name), &format!("cannot be read: {error}"))
                }
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, below: &str, name: &OsStr, reason: &str) {
        self.unreadable.push(Unreadable {
            path: join(below, &name.to_string_lossy()),
            reason: reason.to_owned(),
        });
    }
}

fn join(below: &str, name: &str) -> String {
    if below.is_empty() {
        name.to_owned()
    } else {
        format!("{below}/{name}")
    }
}
