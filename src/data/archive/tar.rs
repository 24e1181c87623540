//! The entries of a .tar archive.

use super::super::{DataError, OnProgress};
use super::budget::Budget;
use super::damaged;
use super::target::{Refusal, Target};
use ::tar::{Archive, Entry, EntryType, PaxExtensions};
use std::io::{self, Read};

/// A longer name than any that is taken; what describes a longer one is not read into memory.
const NAME_BYTES: u64 = 64 << 10;

/// Unpacks the images of an archive read from its beginning.
///
/// The entries are read raw: the library reads long names and extended headers into memory whatever their size.
pub(super) fn unpack(
    content: impl Read,
    budget: &Budget,
    target: &mut Target,
    progress: OnProgress,
) -> Result<(), DataError> {
    let ended = |error: io::Error| ended_by(budget, &error);
    let mut archive = Archive::new(budget.metered(content));
    let mut long_name = None;
    for entry in archive.entries().map_err(ended)?.raw(true) {
        let mut entry = entry.map_err(ended)?;
        progress(target.count()?, 0);
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let mut name = description(&mut entry, budget)?;
                name.truncate(name.iter().position(|&b| b == 0).unwrap_or(name.len()));
                long_name = Some(name);
            }
            EntryType::XHeader => {
                let described = description(&mut entry, budget)?;
                let path = PaxExtensions::new(&described)
                    .filter_map(Result::ok)
                    .find(|extension| extension.key_bytes() == b"path");
                if let Some(path) = path {
                    long_name = Some(path.value_bytes().to_vec());
                }
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => {}
            kind => {
                let name = long_name
                    .take()
                    .unwrap_or_else(|| entry.path_bytes().into_owned());
                take(entry, kind, &name, budget, target)?;
            }
        }
    }
    // What follows the end mark is read too: a .gz has its checksum at the very end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(ended)?;
    Ok(())
}

/// The refusal for an error that ended reading, whatever it came from.
fn ended_by(budget: &Budget, error: &io::Error) -> DataError {
    budget.refusal(error).unwrap_or_else(|| damaged(error))
}

/// The content of an entry that describes the next one.
fn description<R: Read>(entry: &mut Entry<R>, budget: &Budget) -> Result<Vec<u8>, DataError> {
    if entry.size() > NAME_BYTES {
        return DataError::refused("the archive holds a name longer than 64 KiB: pack it anew");
    }
    let mut content = Vec::new();
    entry
        .read_to_end(&mut content)
        .map_err(|error| ended_by(budget, &error))?;
    Ok(content)
}

/// Takes one file or folder.
fn take<R: Read>(
    entry: Entry<R>,
    kind: EntryType,
    name: &[u8],
    budget: &Budget,
    target: &mut Target,
) -> Result<(), DataError> {
    let shown = String::from_utf8_lossy(name);
    let Some(path) = target.place(&shown)? else {
        return Ok(());
    };
    if std::str::from_utf8(name).is_err() {
        target.leave_out(path, "its name is not UTF-8: rename it");
        return Ok(());
    }
    if kind.is_dir() || name.ends_with(b"/") {
        return target.folder(&path);
    }
    if let Some((folder, _)) = path.rsplit_once('/') {
        target.folder(folder)?;
    }
    match kind {
        EntryType::Regular | EntryType::Continuous => {}
        EntryType::Symlink | EntryType::Link => {
            target.leave_out(path, "a link: pack the file itself");
            return Ok(());
        }
        _ => {
            target.leave_out(path, "not a plain file");
            return Ok(());
        }
    }
    target.take(&path, entry).map_err(|refusal| match refusal {
        Refusal::Read(error) => ended_by(budget, &error),
        Refusal::Fatal(error) => error,
    })
}
