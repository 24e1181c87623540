//! Why data cannot be used.

use std::io;
use std::path::{Path, PathBuf};

/// A dataset, an archive or an image that cannot be used; the message says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The data are wrong: the user can mend them.
    #[error("{0}")]
    Refused(String),
    /// The file system failed.
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl DataError {
    pub(super) fn refused<T>(message: impl Into<String>) -> Result<T, DataError> {
        Err(DataError::Refused(message.into()))
    }

    /// For `map_err`: an I/O error at a path.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> DataError + '_ {
        move |source| DataError::Io {
            path: path.to_owned(),
            source,
        }
    }
}
