//! The folder that an archive is unpacked into, and which of the archive's paths may be written there.

use super::super::index::Unreadable;
use super::super::listing::is_ignored;
use super::super::{DataError, Limits};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Where images are written, and the list of what was not.
pub(super) struct Target<'a> {
    images: &'a Path,
    pub limits: &'a Limits,
    pub left_out: Vec<Unreadable>,
    entries: usize,
}

impl<'a> Target<'a> {
    pub fn new(images: &'a Path, limits: &'a Limits) -> Self {
        Target {
            images,
            limits,
            left_out: Vec::new(),
            entries: 0,
        }
    }

    /// Counts an entry, whatever it is.
    pub fn count(&mut self) -> Result<u64, DataError> {
        self.entries += 1;
        if self.entries > self.limits.files {
            return Err(self.too_many());
        }
        Ok(self.entries as u64)
    }

    /// The refusal of an archive with too many entries.
    pub fn too_many(&self) -> DataError {
        DataError::Refused(format!(
            "the archive holds more than {} files and folders: pack fewer",
            self.limits.files
        ))
    }

    /// An entry's path below the folder, parts joined by `/`; None where it is ignored or left out. A path that leaves
    /// the folder refuses the archive: whoever made it meant harm, or packed it wrongly.
    pub fn place(&mut self, name: &str) -> Result<Option<String>, DataError> {
        let shown = || name.chars().take(200).collect::<String>();
        let mut parts = name.split('/');
        let drive =
            name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
        if name.starts_with('/') || drive || parts.any(|part| part == "..") {
            return DataError::refused(format!(
                "the archive holds the path {:?}, which leaves its folder: pack it with paths inside one folder",
                shown()
            ));
        }
        let parts: Vec<&str> = name
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        if parts.is_empty() || parts.iter().any(|part| is_ignored(part)) {
            return Ok(None);
        }
        let wrong = if name.contains(char::is_control) {
            Some("its name holds a control character: rename it".to_owned())
        } else if name.len() > self.limits.path_bytes || parts.iter().any(|part| part.len() > 255) {
            Some("its name is too long: shorten it".to_owned())
        } else if parts.len() > self.limits.depth {
            Some(format!("lies more than {} folders deep", self.limits.depth))
        } else {
            None
        };
        if let Some(reason) = wrong {
            self.leave_out(shown(), reason);
            return Ok(None);
        }
        Ok(Some(parts.join("/")))
    }

    pub fn leave_out(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        self.left_out.push(Unreadable {
            path: path.into(),
            reason: reason.into(),
        });
    }

    /// Makes a folder: an empty one may be a split without images, which is worth telling.
    pub fn folder(&mut self, path: &str) -> Result<(), DataError> {
        let folder = self.images.join(path);
        match fs::create_dir_all(&folder) {
            Err(error) if is_conflict(&error) => {
                self.leave_out(path, "a file stands where this folder should be");
                Ok(())
            }
            made => made.map_err(DataError::at(&folder)),
        }
    }

    /// Writes an image.
    pub fn write(&mut self, path: &str, content: &[u8]) -> Result<(), DataError> {
        let file = self.images.join(path);
        let written = File::create_new(&file).and_then(|mut open| open.write_all(content));
        match written {
            Err(error) if is_conflict(&error) => {
                self.leave_out(path, "another file of the archive has the same name");
                Ok(())
            }
            written => written.map_err(DataError::at(&file)),
        }
    }
}

/// True where the archive itself is in the way: a name twice, or a file that is also a folder.
fn is_conflict(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    proptest! {
        #[test]
        fn every_path_that_is_placed_lies_below_the_folder(
            name in r"([a-zA-Zé.:\\ \x00\n]|\./|\.\./|/){0,40}",
        ) {
            let folder = Path::new("images");
            let mut target = Target::new(folder, &Limits::DEFAULT);
            if let Ok(Some(path)) = target.place(&name) {
                let all_plain = Path::new(&path).components().all(|c| matches!(c, Component::Normal(_)));
                prop_assert!(all_plain, "{name:?} became {path:?}");
                prop_assert!(!path.is_empty() && !path.contains(char::is_control));
            }
        }
    }

    #[test]
    fn names_that_a_file_system_or_a_terminal_cannot_hold_are_left_out() {
        let mut target = Target::new(Path::new("images"), &Limits::DEFAULT);
        let (long, deep) = ("n".repeat(300), "d/".repeat(20));
        for name in [&long, &deep, "a\nb.png", "a\0b.png", &"abc/".repeat(300)] {
            assert_eq!(target.place(name).unwrap(), None);
        }
        assert_eq!(target.left_out.len(), 5);
        assert_eq!(target.place("./a//b.png").unwrap().unwrap(), "a/b.png");
        assert_eq!(target.place("./").unwrap(), None);
    }
}
