//! How much the disk may still take.

use super::{StoreError, StoreResult};
use nix::sys::statvfs::statvfs;
use std::path::Path;

/// What uploads leave free: the database and the workers' checkpoints need room too.
pub const FREE_BYTES_KEPT: u64 = 512 << 20;

/// An error where `bytes` more would leave less than [`FREE_BYTES_KEPT`] on the folder's disk.
pub fn room_for(folder: &Path, bytes: u64) -> StoreResult<()> {
    let facts = statvfs(folder).map_err(|error| StoreError::Io {
        what: format!("looking at the disk of {}", folder.display()),
        source: error.into(),
    })?;
    let free = facts
        .blocks_available()
        .saturating_mul(facts.fragment_size());
    if free >= bytes.saturating_add(FREE_BYTES_KEPT) {
        Ok(())
    } else {
        Err(StoreError::Full(format!(
            "the server's disk has {} MB free, which is too little: delete runs or datasets, or give it another --home",
            free >> 20
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_disk_has_room_for_everything() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            room_for(folder.path(), u64::MAX),
            Err(StoreError::Full(_))
        ));
    }
}
