//! A dataset that has been looked at, and waits to be taken or thrown away.

use super::import::{IMAGES, Import};
use super::survey::Survey;
use super::{DataError, Dataset, Index, Intake, OnProgress};
use crate::run::Split;
use std::fs;
use std::path::Path;

/// Images unpacked and decoded; how labels and splits are found can still be chosen. Dropped, it is removed.
#[derive(Debug)]
pub struct Staged {
    import: Import,
    survey: Survey,
}

impl Staged {
    /// Unpacks an archive (or copies a folder) into the new folder `into`, and looks at every image.
    pub fn look(source: &Path, into: &Path, progress: OnProgress) -> Result<Staged, DataError> {
        let import = Import::begin(into)?;
        let survey = import.gather(source, progress)?;
        Ok(Staged { import, survey })
    }

    /// The index as it would be; the images stay as they are.
    pub fn preview(&self, intake: &Intake) -> Result<Index, DataError> {
        self.survey.index(intake, self.import.limits())
    }

    /// The top folders, each with its images and the split that its name means.
    pub fn top_folders(&self) -> Vec<(String, usize, Option<Split>)> {
        self.survey.top_folders()
    }

    /// The columns of the tables that name images; none where there is no table.
    pub fn columns(&self) -> Vec<String> {
        self.survey.columns()
    }

    /// Makes it the dataset in the folder `into`, which must not be there, on the same disk.
    pub fn take(self, into: &Path, intake: &Intake) -> Result<Dataset, DataError> {
        let from = self.import.folder().to_owned();
        let dataset = self.import.finish(&self.survey, intake)?;
        if let Err(error) = fs::rename(&from, into) {
            // It is no longer anybody's, and would stay until the next start.
            let _ = fs::remove_dir_all(&from);
            return Err(DataError::at(into)(error));
        }
        Ok(Dataset {
            root: into.join(IMAGES),
            ..dataset
        })
    }
}
