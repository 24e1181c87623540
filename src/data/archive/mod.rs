//! Unpacking archives from outside: .zip, .tar and .tar.gz, told by their content.

mod budget;
mod tar;
mod target;
mod zip;

use super::index::Unreadable;
use super::{DataError, Limits, OnProgress};
pub(super) use budget::Budget;
pub(super) use target::{Refusal, Target};

use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

/// Unpacks images, by their content, into the empty folder `images`, and tables and arrays into `raw`; returns what was left
/// out, with reasons. An .npz is set apart whole.
///
/// Refused as a whole: what is no such archive or damaged, what unpacks to more than the limits, and a path that would
/// leave the folder. Links and devices are left out.
pub(super) fn unpack(
    archive: &Path,
    images: &Path,
    raw: &Path,
    limits: &Limits,
    progress: OnProgress,
) -> Result<Vec<Unreadable>, DataError> {
    let at = || DataError::at(archive);
    let mut file = File::open(archive).map_err(at())?;
    let packed = file.metadata().map_err(at())?.len();
    let mut start = Vec::with_capacity(512);
    file.by_ref()
        .take(512)
        .read_to_end(&mut start)
        .map_err(at())?;
    file.rewind().map_err(at())?;
    let mut target = Target::new(images, raw, limits);
    let budget = Budget::new(packed, limits);
    match kind(&start)? {
        Kind::Zip if zip::is_npz(archive) => {
            let to = raw.join("arrays.npz");
            std::fs::copy(archive, &to).map_err(DataError::at(&to))?;
        }
        Kind::Zip => zip::unpack(archive, &budget, &mut target, progress)?,
        Kind::Tar => tar::unpack(BufReader::new(file), &budget, &mut target, progress)?,
        Kind::TarGz => {
            let unzipped = MultiGzDecoder::new(BufReader::new(file));
            tar::unpack(unzipped, &budget, &mut target, progress)?;
        }
    }
    Ok(target.left_out)
}

enum Kind {
    Zip,
    Tar,
    TarGz,
}

/// What an archive is by its first bytes.
fn kind(start: &[u8]) -> Result<Kind, DataError> {
    let repack = "pack the folder as .zip or .tar.gz";
    let packed_by = match start {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => return Ok(Kind::Zip),
        [0x1f, 0x8b, ..] => return Ok(Kind::TarGz),
        _ if is_tar_header(start) => return Ok(Kind::Tar),
        [] => return DataError::refused(format!("the file is empty: {repack}")),
        [b'7', b'z', 0xbc, 0xaf, ..] => "7-Zip",
        [b'R', b'a', b'r', b'!', ..] => "RAR",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "xz",
        [b'B', b'Z', b'h', ..] => "bzip2",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "Zstandard",
        _ => {
            return DataError::refused(format!(
                "by its content it is neither .zip nor .tar nor .tar.gz: {repack}"
            ));
        }
    };
    DataError::refused(format!("{packed_by} archives are not read: {repack}"))
}

/// True for a tar header: its checksum is the sum of its bytes, blanks standing for the checksum itself.
fn is_tar_header(block: &[u8]) -> bool {
    let Ok(block) = <&[u8; 512]>::try_from(block) else {
        return false;
    };
    if block.iter().all(|&byte| byte == 0) {
        // The end mark at once: an empty archive.
        return true;
    }
    let sum: u32 = block[..148]
        .iter()
        .chain(&block[156..])
        .map(|&byte| u32::from(byte))
        .sum::<u32>()
        + 8 * u32::from(b' ');
    ::tar::Header::from_byte_slice(block)
        .cksum()
        .is_ok_and(|written| written == sum)
}

/// The refusal of an archive that cannot be read to its end.
fn damaged(error: impl std::fmt::Display) -> DataError {
    DataError::Refused(format!(
        "the archive is damaged or cut short ({error}): pack it, or send it, again"
    ))
}
