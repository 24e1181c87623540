//! A dataset on disk: opened where it lies, taken into the home folder, opened there again.

use super::index::{Index, Unreadable};
use super::survey::survey;
use super::{DataError, Limits, OnProgress, archive, folder};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The file that holds an imported dataset's index, and the folder beside it that holds its images.
const INDEX: &str = "index.json";
const IMAGES: &str = "images";

/// A dataset whose images are in a folder.
#[derive(Debug)]
pub struct Dataset {
    /// The folder that the entries' paths lie below.
    pub root: PathBuf,
    pub index: Index,
    /// What a run may keep of the images in memory; the others are read from disk ahead of each step.
    pub image_memory_bytes: u64,
    /// Where an opened archive was unpacked to: gone when the dataset is dropped.
    unpacked: Option<TempDir>,
}

impl Dataset {
    fn new(root: PathBuf, index: Index) -> Dataset {
        Dataset {
            root,
            index,
            image_memory_bytes: Limits::image_memory_bytes(),
            unpacked: None,
        }
    }

    /// Opens what a user names with `--data`: a folder, an imported dataset's folder, or an archive, which is unpacked
    /// into a temporary folder that lives as long as the dataset.
    pub fn open(path: &Path, progress: OnProgress) -> Result<Dataset, DataError> {
        let found = fs::metadata(path).map_err(DataError::at(path))?;
        let opened = if !found.is_dir() {
            Self::open_archive(path, progress)
        } else if path.join(INDEX).is_file() && path.join(IMAGES).is_dir() {
            return Self::reopen(path);
        } else {
            survey(path, Vec::new(), &Limits::DEFAULT, progress)
                .map(|index| Dataset::new(path.to_owned(), index))
        };
        opened.map_err(|error| match error {
            DataError::Refused(reason) => {
                DataError::Refused(format!("{}: {reason}", path.display()))
            }
            other => other,
        })
    }

    fn open_archive(path: &Path, progress: OnProgress) -> Result<Dataset, DataError> {
        let temporary = tempfile::tempdir().map_err(DataError::at(&std::env::temp_dir()))?;
        let import = Import::begin(temporary.path())?;
        let left_out = archive::unpack(path, import.images(), &import.limits, progress)?;
        let mut dataset = import.finish(left_out, progress)?;
        dataset.unpacked = Some(temporary);
        Ok(dataset)
    }

    /// Takes a folder or an archive into the empty folder `into` of the home: `images/` with the readable images and
    /// `index.json`, written last. Where it fails, `into` is left as it was.
    pub fn import(source: &Path, into: &Path, progress: OnProgress) -> Result<Dataset, DataError> {
        let import = Import::begin(into)?;
        let found = fs::metadata(source).map_err(DataError::at(source))?;
        let left_out = if found.is_dir() {
            folder::copy(source, import.images(), &import.limits, progress)?
        } else {
            archive::unpack(source, import.images(), &import.limits, progress)?
        };
        import.finish(left_out, progress)
    }

    /// Opens what [`Dataset::import`] left in a folder.
    pub fn reopen(folder: &Path) -> Result<Dataset, DataError> {
        let file = folder.join(INDEX);
        let wrong = |what: String| {
            DataError::Refused(format!(
                "{}: {what}; take the dataset in again",
                file.display()
            ))
        };
        let json = fs::read(&file).map_err(DataError::at(&file))?;
        let index: Index = serde_json::from_slice(&json).map_err(|e| wrong(e.to_string()))?;
        let classes = index.classes.len() as u32;
        match index.entries.iter().find(|entry| entry.label >= classes) {
            Some(entry) => Err(wrong(format!("{} has no class", entry.path))),
            None => Ok(Dataset::new(folder.join(IMAGES), index)),
        }
    }
}

/// A dataset being taken into a folder; whatever is there is removed again unless it is finished.
pub(super) struct Import {
    into: PathBuf,
    images: PathBuf,
    limits: Limits,
    /// The folder was not there before.
    created: bool,
    finished: bool,
}

impl Import {
    /// Makes `into` with an empty `images/`; refuses a folder that holds anything.
    pub fn begin(into: &Path) -> Result<Import, DataError> {
        let created = !into.exists();
        fs::create_dir_all(into).map_err(DataError::at(into))?;
        let mut there = fs::read_dir(into).map_err(DataError::at(into))?;
        if there.next().is_some() {
            return DataError::refused(format!(
                "{} is not empty: a dataset wants a folder of its own",
                into.display()
            ));
        }
        let import = Import {
            into: into.to_owned(),
            images: into.join(IMAGES),
            limits: Limits::on_disk_of(into),
            created,
            finished: false,
        };
        fs::create_dir(&import.images).map_err(DataError::at(&import.images))?;
        Ok(import)
    }

    /// Where the images go.
    pub fn images(&self) -> &Path {
        &self.images
    }

    /// Indexes the images, removes files that cannot be read, and writes the index: from then on it is a dataset.
    pub fn finish(
        mut self,
        left_out: Vec<Unreadable>,
        progress: OnProgress,
    ) -> Result<Dataset, DataError> {
        let index = survey(&self.images, left_out, &self.limits, progress)?;
        for file in &index.unreadable {
            // Most of them were never copied; what stays costs room and nothing else.
            let _ = fs::remove_file(self.images.join(&file.path));
        }
        let file = self.into.join(INDEX);
        let part = file.with_extension("part");
        let json = serde_json::to_vec(&index).map_err(|e| DataError::Refused(e.to_string()))?;
        File::create(&part)
            .and_then(|mut open| {
                open.write_all(&json)?;
                open.sync_all()
            })
            .and_then(|()| fs::rename(&part, &file))
            .map_err(DataError::at(&file))?;
        self.finished = true;
        Ok(Dataset::new(self.images.clone(), index))
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // Nobody can be told of a failure here; a folder without an index is no dataset.
        let _ = fs::remove_dir_all(&self.images);
        let _ = fs::remove_file(self.into.join(INDEX).with_extension("part"));
        if self.created {
            let _ = fs::remove_dir(&self.into);
        }
    }
}
