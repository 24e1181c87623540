//! A dataset on disk: opened where it lies, taken into the home folder, opened there again.

use super::index::Index;
use super::survey::survey;
use super::{DataError, Limits, OnProgress};
use std::fs;
use std::path::{Path, PathBuf};

/// The file that holds an imported dataset's index, and the folder beside it that holds its images.
const INDEX: &str = "index.json";
const IMAGES: &str = "images";

/// A dataset whose images are in a folder.
#[derive(Debug)]
pub struct Dataset {
    /// The folder that the entries' paths lie below.
    pub root: PathBuf,
    pub index: Index,
}

impl Dataset {
    /// Opens what a user names with `--data`: a folder.
    pub fn open(path: &Path, progress: OnProgress) -> Result<Dataset, DataError> {
        let index = survey(path, Vec::new(), &Limits::DEFAULT, progress)?;
        Ok(Dataset {
            root: path.to_owned(),
            index,
        })
    }

    /// Takes a folder into the empty folder `into` of the home: `images/` and `index.json`.
    pub fn import(source: &Path, into: &Path, progress: OnProgress) -> Result<Dataset, DataError> {
        let images = into.join(IMAGES);
        let index = survey(source, Vec::new(), &Limits::DEFAULT, progress)?;
        for entry in &index.entries {
            let target = images.join(&entry.path);
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder).map_err(DataError::at(folder))?;
            }
            fs::copy(source.join(&entry.path), &target).map_err(DataError::at(&target))?;
        }
        let file = into.join(INDEX);
        let json = serde_json::to_vec(&index).map_err(|e| DataError::Refused(e.to_string()))?;
        fs::write(&file, json).map_err(DataError::at(&file))?;
        Ok(Dataset {
            root: images,
            index,
        })
    }

    /// Opens what [`Dataset::import`] left in a folder.
    pub fn reopen(folder: &Path) -> Result<Dataset, DataError> {
        let file = folder.join(INDEX);
        let json = fs::read(&file).map_err(DataError::at(&file))?;
        let index = serde_json::from_slice(&json).map_err(|error| {
            DataError::Refused(format!(
                "{}: {error}; take the dataset in again",
                file.display()
            ))
        })?;
        Ok(Dataset {
            root: folder.join(IMAGES),
            index,
        })
    }
}
