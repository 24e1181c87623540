//! The home folder: where the database, datasets and runs are.

use crate::run::{DatasetId, RunId};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The paths of a home folder.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    /// Held while a server has the home; the lock goes with the last copy.
    _lock: Option<Arc<File>>,
}

/// A home folder that cannot be used, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error(
        "cannot write to the home folder {path}: {source}. Name another with --home DIR or GAPWATCH_HOME"
    )]
    Unwritable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "another gapwatch serves the home folder {path}: stop it, or name another folder with --home DIR"
    )]
    Taken { path: PathBuf },
    #[error("there is no home folder: name one with --home DIR or GAPWATCH_HOME")]
    Unknown,
}

impl Home {
    /// Paths only, for a worker.
    pub fn at(root: impl Into<PathBuf>) -> Home {
        Home {
            root: root.into(),
            _lock: None,
        }
    }

    /// `$XDG_DATA_HOME/gapwatch`, or `~/.local/share/gapwatch`.
    pub fn usual() -> Result<PathBuf, HomeError> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        set("XDG_DATA_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/share")))
            .map(|data| data.join("gapwatch"))
            .ok_or(HomeError::Unknown)
    }

    /// Makes the folders and takes the home for this process.
    pub fn take(root: &Path) -> Result<Home, HomeError> {
        let unwritable = |source| HomeError::Unwritable {
            path: root.to_owned(),
            source,
        };
        for folder in ["datasets", "runs", "uploads"] {
            std::fs::create_dir_all(root.join(folder)).map_err(unwritable)?;
        }
        // Workers are given the home's path, and have another working folder.
        let root = root.canonicalize().map_err(unwritable)?;
        let lock = File::create(root.join("lock")).map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Home {
                root,
                _lock: Some(Arc::new(lock)),
            }),
            Err(TryLockError::WouldBlock) => Err(HomeError::Taken { path: root }),
            Err(TryLockError::Error(source)) => Err(HomeError::Unwritable { path: root, source }),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn database(&self) -> PathBuf {
        self.root.join("gapwatch.db")
    }

    /// Where archives and imports lie until they are complete.
    pub fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// Images and `index.json` of a dataset.
    pub fn dataset(&self, id: &DatasetId) -> PathBuf {
        self.root.join("datasets").join(id.as_str())
    }

    /// Checkpoints and output of a run.
    pub fn run(&self, id: RunId) -> PathBuf {
        self.root.join("runs").join(id.to_string())
    }

    /// Where a running server says how it is reached.
    pub fn server_file(&self) -> PathBuf {
        self.root.join("server.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let first = Home::take(folder.path()).unwrap();
        assert!(matches!(
            Home::take(folder.path()),
            Err(HomeError::Taken { .. })
        ));
        drop(first);
        Home::take(folder.path()).unwrap();
    }
}
