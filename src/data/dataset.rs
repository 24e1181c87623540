//! A dataset on disk: opened where it lies, taken into the home folder, opened there again.

use super::arrays::Arrays;
use super::import::{IMAGES, INDEX, Import};
use super::index::Index;
use super::listing::Listing;
use super::survey::Survey;
use super::{DataError, Intake, Limits, OnProgress};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A dataset whose images are in a folder.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folder that the entries' paths lie below.
    pub root: PathBuf,
    pub index: Index,
    /// What a run may keep of the images in memory; the others are read from disk ahead of each step.
    pub image_memory_bytes: u64,
    /// Where an opened archive was unpacked to: gone when the last copy of the dataset is dropped.
    pub(super) unpacked: Option<Arc<TempDir>>,
}

impl Dataset {
    pub(super) fn new(root: PathBuf, index: Index) -> Dataset {
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
        Dataset::open_with(path, &Intake::default(), progress)
    }

    /// As [`Dataset::open`], with labels and splits as `intake` wants them. An imported dataset has its own already, so
    /// there only the default is taken.
    pub fn open_with(
        path: &Path,
        intake: &Intake,
        progress: OnProgress,
    ) -> Result<Dataset, DataError> {
        let found = fs::metadata(path).map_err(DataError::at(path))?;
        let opened = if found.is_dir() && path.join(INDEX).is_file() && path.join(IMAGES).is_dir() {
            if *intake == Intake::default() {
                return Self::reopen(path);
            }
            DataError::refused(
                "is a dataset that was taken in, with its labels and splits: open the original to choose others",
            )
        } else if found.is_dir() && !holds_arrays(path)? {
            let limits = Limits::DEFAULT;
            Survey::of(path, path, None, Vec::new(), &limits, progress)
                .and_then(|survey| survey.index(intake, &limits))
                .map(|index| Dataset::new(path.to_owned(), index))
        } else {
            Self::open_elsewhere(path, intake, progress)
        };
        opened.map_err(|error| match error {
            DataError::Refused(reason) => {
                DataError::Refused(format!("{}: {reason}", path.display()))
            }
            other => other,
        })
    }

    fn open_elsewhere(
        path: &Path,
        intake: &Intake,
        progress: OnProgress,
    ) -> Result<Dataset, DataError> {
        let temporary = tempfile::tempdir().map_err(DataError::at(&std::env::temp_dir()))?;
        let mut dataset = Self::import_with(path, temporary.path(), intake, progress)?;
        dataset.unpacked = Some(Arc::new(temporary));
        Ok(dataset)
    }

    /// Takes a folder or an archive into the empty folder `into` of the home: `images/` with the readable images and
    /// `index.json`, written last. Where it fails, `into` is left as it was.
    pub fn import(source: &Path, into: &Path, progress: OnProgress) -> Result<Dataset, DataError> {
        Dataset::import_with(source, into, &Intake::default(), progress)
    }

    /// As [`Dataset::import`], with labels and splits as `intake` wants them.
    pub fn import_with(
        source: &Path,
        into: &Path,
        intake: &Intake,
        progress: OnProgress,
    ) -> Result<Dataset, DataError> {
        let import = Import::begin(into)?;
        let survey = import.gather(source, progress)?;
        import.finish(&survey, intake)
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

/// True for a folder whose images are numbers in files, which must be made pictures first.
fn holds_arrays(folder: &Path) -> Result<bool, DataError> {
    let listing = Listing::of(folder, &Limits::DEFAULT)?;
    Ok(Arrays::among(folder, &listing).are_the_data(folder, &listing))
}
