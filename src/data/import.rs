//! Taking a dataset into a folder of its own, from whatever people bring; nothing is left behind where that fails.

use super::arrays::Arrays;
use super::index::Unreadable;
use super::listing::Listing;
use super::survey::Survey;
use super::{DataError, Dataset, Intake, Limits, OnProgress, archive, folder};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file that holds an imported dataset's index, and the folder beside it that holds its images.
pub(super) const INDEX: &str = "index.json";
pub(super) const IMAGES: &str = "images";
/// Where tables and arrays lie until they are read.
const RAW: &str = "raw";

/// A dataset being taken into a folder; whatever is there is removed again unless it is finished.
#[derive(Debug)]
pub(super) struct Import {
    into: PathBuf,
    images: PathBuf,
    raw: PathBuf,
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
            raw: into.join(RAW),
            limits: Limits::on_disk_of(into),
            created,
            finished: false,
        };
        for folder in [&import.images, &import.raw] {
            fs::create_dir(folder).map_err(DataError::at(folder))?;
        }
        Ok(import)
    }

    /// Where the images go.
    pub fn images(&self) -> &Path {
        &self.images
    }

    /// The folder that everything goes into.
    pub fn folder(&self) -> &Path {
        &self.into
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Copies a folder or unpacks an archive, makes pictures of arrays, and looks at every image.
    pub fn gather(&self, source: &Path, progress: OnProgress) -> Result<Survey, DataError> {
        let found = fs::metadata(source).map_err(DataError::at(source))?;
        let (images, raw, limits) = (&self.images, &self.raw, &self.limits);
        let mut left_out = if found.is_dir() {
            folder::copy(source, images, raw, limits, progress)?
        } else {
            archive::unpack(source, images, raw, limits, progress)?
        };
        let arrays = Arrays::among(raw, &Listing::of(raw, limits)?);
        let table = if arrays.are_the_data(images, &Listing::of(images, limits)?) {
            Some(arrays.expand(raw, images, limits, progress)?)
        } else {
            left_out.extend(arrays.paths().map(|path| Unreadable {
                path: path.to_owned(),
                reason: "numbers beside images: the images are taken".to_owned(),
            }));
            None
        };
        let survey = Survey::of(images, raw, table, left_out, limits, progress)?;
        // What was in there has been read, and may be larger than the images.
        fs::remove_dir_all(raw).map_err(DataError::at(raw))?;
        Ok(survey)
    }

    /// Looks at images that were written right into the folder.
    pub fn survey(&self) -> Result<Survey, DataError> {
        let (images, raw) = (&self.images, &self.raw);
        let survey = Survey::of(images, raw, None, Vec::new(), &self.limits, &|_, _| ())?;
        fs::remove_dir_all(raw).map_err(DataError::at(raw))?;
        Ok(survey)
    }

    /// Writes the index and removes what cannot be used: from then on it is a dataset.
    pub fn finish(mut self, survey: &Survey, intake: &Intake) -> Result<Dataset, DataError> {
        let index = survey.index(intake, &self.limits)?;
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
        let _ = fs::remove_dir_all(&self.raw);
        let _ = fs::remove_file(self.into.join(INDEX).with_extension("part"));
        if self.created {
            let _ = fs::remove_dir(&self.into);
        }
    }
}
