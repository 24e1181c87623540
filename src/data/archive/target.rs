//! The folders that a dataset's files are taken into, and which of an archive's paths may be written there.

use super::super::decode::{Format, read_rest};
use super::super::index::Unreadable;
use super::super::listing::is_ignored;
use super::super::part_kind::PartKind;
use super::super::{DataError, Limits};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Where images are written, and tables and arrays until they are read; and the list of what was not.
pub(in crate::data) struct Target<'a> {
    images: &'a Path,
    raw: &'a Path,
    pub limits: &'a Limits,
    pub left_out: Vec<Unreadable>,
    entries: usize,
}

/// Why a file was not taken.
pub(in crate::data) enum Refusal {
    /// Its source could not be read.
    Read(io::Error),
    /// Nothing more can be taken.
    Fatal(DataError),
}

impl<'a> Target<'a> {
    pub fn new(images: &'a Path, raw: &'a Path, limits: &'a Limits) -> Self {
        Target {
            images,
            raw,
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

    /// Takes a file: an image beside the others, a table or an array apart; others are left out with the reason.
    pub fn take(&mut self, path: &str, mut file: impl Read) -> Result<(), Refusal> {
        let mut start = Vec::with_capacity(Format::START);
        file.by_ref()
            .take(Format::START as u64)
            .read_to_end(&mut start)
            .map_err(Refusal::Read)?;
        match PartKind::of(path, &start) {
            PartKind::Image => match read_rest(start, file, self.limits).map_err(Refusal::Read)? {
                Ok(content) => {
                    self.write(self.images.join(path), path, content.as_slice(), u64::MAX)?
                }
                Err(reason) => self.leave_out(path, reason),
            },
            PartKind::Table => self.set_apart(path, start, file, self.limits.table_bytes)?,
            PartKind::Array(_) => self.set_apart(path, start, file, self.limits.array_bytes)?,
            PartKind::Other(reason) => self.leave_out(path, reason),
        }
        Ok(())
    }

    fn set_apart(
        &mut self,
        path: &str,
        start: Vec<u8>,
        file: impl Read,
        most: u64,
    ) -> Result<(), Refusal> {
        let to = self.raw.join(path);
        if let Some(folder) = to.parent() {
            match fs::create_dir_all(folder) {
                Err(error) if is_conflict(&error) => {
                    self.leave_out(path, "a file stands where its folder should be");
                    return Ok(());
                }
                made => made.map_err(|e| Refusal::Fatal(DataError::at(folder)(e)))?,
            }
        }
        self.write(to, path, start.chain(file), most)
    }

    /// Writes a new file; one of more than `most` bytes is left out.
    fn write(
        &mut self,
        to: PathBuf,
        path: &str,
        mut content: impl Read,
        most: u64,
    ) -> Result<(), Refusal> {
        let fatal = |error| Refusal::Fatal(DataError::at(&to)(error));
        let mut open = match File::create_new(&to) {
            Err(error) if is_conflict(&error) => {
                self.leave_out(path, "another file of the archive has the same name");
                return Ok(());
            }
            open => open.map_err(fatal)?,
        };
        let (mut buffer, mut written) = ([0; 16 << 10], 0);
        loop {
            let bytes = match content.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    // Half a file is none.
                    let _ = fs::remove_file(&to);
                    return Err(Refusal::Read(error));
                }
            };
            written += bytes as u64;
            if written > most {
                fs::remove_file(&to).map_err(fatal)?;
                self.leave_out(path, format!("larger than {} MiB", most >> 20));
                return Ok(());
            }
            open.write_all(&buffer[..bytes]).map_err(fatal)?;
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
            let mut target = Target::new(folder, folder, &Limits::DEFAULT);
            if let Ok(Some(path)) = target.place(&name) {
                let all_plain = Path::new(&path).components().all(|c| matches!(c, Component::Normal(_)));
                prop_assert!(all_plain, "{name:?} became {path:?}");
                prop_assert!(!path.is_empty() && !path.contains(char::is_control));
            }
        }
    }

    #[test]
    fn names_that_a_file_system_or_a_terminal_cannot_hold_are_left_out() {
        let folder = Path::new("images");
        let mut target = Target::new(folder, folder, &Limits::DEFAULT);
        let (long, deep) = ("n".repeat(300), "d/".repeat(20));
        for name in [&long, &deep, "a\nb.png", "a\0b.png", &"abc/".repeat(300)] {
            assert_eq!(target.place(name).unwrap(), None);
        }
        assert_eq!(target.left_out.len(), 5);
        assert_eq!(target.place("./a//b.png").unwrap().unwrap(), "a/b.png");
        assert_eq!(target.place("./").unwrap(), None);
    }
}
