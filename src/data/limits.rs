//! Bounds on what a folder, an archive or an image may hold: everything here comes from outside.

use super::memory;
use std::path::Path;

/// The limits of one import.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Files and folders, the ignored ones too.
    pub files: usize,
    /// Folders within folders.
    pub depth: usize,
    /// Bytes of a path below the dataset's folder.
    pub path_bytes: usize,
    /// Bytes of one image file.
    pub file_bytes: u64,
    /// Bytes of all files that an archive unpacks to.
    pub unpacked_bytes: u64,
    /// Unpacked bytes for each packed byte, counted above [`Limits::ratio_free_bytes`].
    pub ratio: u64,
    /// Below this many unpacked bytes no ratio is suspicious: flat images pack well.
    pub ratio_free_bytes: u64,
    /// Width times height of one image.
    pub pixels: u64,
    /// The longer side of one image.
    pub side: u32,
    pub classes: usize,
    /// Bytes of a table that names images.
    pub table_bytes: u64,
    pub columns: usize,
    /// Bytes of one file of numbers.
    pub array_bytes: u64,
}

impl Limits {
    pub const DEFAULT: Limits = Limits {
        files: 500_000,
        depth: 16,
        path_bytes: 1024,
        file_bytes: 256 << 20,
        unpacked_bytes: 16 << 30,
        ratio: 100,
        ratio_free_bytes: 64 << 20,
        pixels: 50_000_000,
        side: 30_000,
        classes: 10_000,
        table_bytes: 64 << 20,
        columns: 256,
        array_bytes: 4 << 30,
    };
    /// Images take at most this part of the memory, as several runs and the network itself need room too.
    const MEMORY_PART: u64 = 4;
    /// What is taken for the memory where the system does not say.
    const UNKNOWN_MEMORY_BYTES: u64 = 4 << 30;
    /// What an import never takes from a disk.
    const DISK_RESERVE_BYTES: u64 = 1 << 30;

    /// Bytes that a run's images may take in memory: a fourth of what this machine, or its container, has.
    pub fn image_memory_bytes() -> u64 {
        memory::machine_bytes().unwrap_or(Limits::UNKNOWN_MEMORY_BYTES) / Limits::MEMORY_PART
    }

    /// The default limits, and no more unpacked bytes than the disk that `folder` is on has room for.
    #[expect(
        clippy::unnecessary_cast,
        reason = "the counts have 32 bits on some systems"
    )]
    pub(super) fn on_disk_of(folder: &Path) -> Limits {
        let mut limits = Limits::DEFAULT;
        // Where the room cannot be told, writing fails when it is used up.
        if let Ok(disk) = nix::sys::statvfs::statvfs(folder) {
            let free = (disk.blocks_available() as u64).saturating_mul(disk.fragment_size() as u64);
            let room = free.saturating_sub(Limits::DISK_RESERVE_BYTES);
            limits.unpacked_bytes = limits.unpacked_bytes.min(room);
        }
        limits
    }
}
