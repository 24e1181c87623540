//! How much the disk of a home folder may still take: enough, little, or nothing more.

use super::{Home, StoreError, StoreResult};
use nix::sys::statvfs::statvfs;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;

/// What is left free where nothing else is said: the database and the workers' checkpoints need room to the end.
pub const FREE_BYTES_KEPT: u64 = 512 << 20;
/// Pages warn below that many times of what is kept free.
const WARNED_BELOW: u64 = 4;
/// Once the disk counts as full, it does until that many times of what is kept are free: runs are not to start and stop in turn.
const OPEN_ABOVE: u64 = 2;

/// How a disk stands to what is kept free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Room {
    Ample,
    /// It will be full before long.
    Low,
    /// Nothing more is begun, and runs pause.
    Full,
}

/// The disk of a home folder, as it was when somebody last looked. Copies share it.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
    /// Bytes that are to stay free.
    kept: u64,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    free: AtomicU64,
    total: AtomicU64,
    full: AtomicBool,
    /// What pages say of it.
    says: watch::Sender<Option<String>>,
}

impl Disk {
    /// Looks at the disk of a home, of which `kept` bytes are to stay free.
    pub fn of(home: &Home, kept: u64) -> StoreResult<Disk> {
        let disk = Disk {
            folder: home.root().to_owned(),
            kept,
            seen: Arc::default(),
        };
        disk.look()?;
        Ok(disk)
    }

    /// Looks again.
    pub fn look(&self) -> StoreResult<Room> {
        let facts = statvfs(&self.folder).map_err(|error| StoreError::Io {
            what: format!("looking at the disk of {}", self.folder.display()),
            source: error.into(),
        })?;
        let unit = facts.fragment_size();
        self.note(
            facts.blocks_available().saturating_mul(unit),
            facts.blocks().saturating_mul(unit),
        );
        Ok(self.room())
    }

    fn note(&self, free: u64, total: u64) {
        let was_full = self.seen.full.load(Ordering::Relaxed);
        let wanted = match was_full {
            true => self.kept.saturating_mul(OPEN_ABOVE),
            false => self.kept,
        };
        self.seen.free.store(free, Ordering::Relaxed);
        self.seen.total.store(total, Ordering::Relaxed);
        self.seen.full.store(free < wanted, Ordering::Relaxed);
        let says = self.said();
        self.seen.says.send_if_modified(|told| {
            let changed = *told != says;
            *told = says;
            changed
        });
    }

    /// As of the last look.
    pub fn room(&self) -> Room {
        if self.seen.full.load(Ordering::Relaxed) {
            Room::Full
        } else if self.free_bytes() < self.warned_bytes() {
            Room::Low
        } else {
            Room::Ample
        }
    }

    pub fn free_bytes(&self) -> u64 {
        self.seen.free.load(Ordering::Relaxed)
    }

    pub fn total_bytes(&self) -> u64 {
        self.seen.total.load(Ordering::Relaxed)
    }

    /// What is to stay free.
    pub fn kept_bytes(&self) -> u64 {
        self.kept
    }

    /// Pages warn where less is free.
    pub fn warned_bytes(&self) -> u64 {
        self.kept.saturating_mul(WARNED_BELOW)
    }

    /// What there is to say of a disk that is full or will be, for the user.
    pub fn says(&self) -> Option<String> {
        self.seen.says.borrow().clone()
    }

    /// Changes with what [`Disk::says`] gives.
    pub fn watch(&self) -> watch::Receiver<Option<String>> {
        self.seen.says.subscribe()
    }

    fn said(&self) -> Option<String> {
        let (free, kept) = (size(self.free_bytes()), size(self.kept));
        match self.room() {
            Room::Ample => None,
            Room::Low => Some(format!(
                "The disk has {free} left. Below {kept} runs pause and nothing more is taken."
            )),
            Room::Full => Some(format!(
                "The disk has {free} left, and {kept} are kept free: runs wait, and go on by themselves once {} are free.",
                size(self.kept.saturating_mul(OPEN_ABOVE))
            )),
        }
    }

    /// An error where `bytes` more would leave less than what is kept free.
    pub fn room_for(&self, bytes: u64) -> StoreResult<()> {
        self.look()?;
        let free = self.free_bytes();
        if free >= bytes.saturating_add(self.kept) {
            return Ok(());
        }
        Err(StoreError::Full(format!(
            "the server's disk has {} free, which is too little: delete checkpoints, runs or datasets, or give it another --home",
            size(free)
        )))
    }
}

/// "312 MB", "46.9 GB"
fn size(bytes: u64) -> String {
    match bytes / 1_000_000 {
        megabytes @ 0..1000 => format!("{megabytes} MB"),
        megabytes => format!("{:.1} GB", megabytes as f64 / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(kept: u64) -> Disk {
        Disk {
            folder: std::env::temp_dir(),
            kept,
            seen: Arc::default(),
        }
    }

    #[test]
    fn no_disk_has_room_for_everything() {
        assert!(matches!(
            disk(0).room_for(u64::MAX),
            Err(StoreError::Full(_))
        ));
        assert_eq!(disk(0).look().unwrap(), Room::Ample);
    }

    #[test]
    fn a_disk_that_was_full_opens_only_when_there_is_room_again() {
        let disk = disk(100);
        let mut seen = Vec::new();
        for free in [1000, 399, 100, 99, 150, 199, 200, 400] {
            disk.note(free, 5000);
            seen.push(disk.room());
        }
        use Room::{Ample, Full, Low};
        assert_eq!(seen, [Ample, Low, Low, Full, Full, Full, Low, Ample]);
    }
}
