//! Which checkpoints stay of a run that is done.

use super::{BEST, LAST, STATE};
use crate::run::Keep;
use std::io;
use std::path::Path;

/// Removes from a run's folder what is not to be kept, with the state, which only a run that goes on needs. Where what is to be
/// kept was never written (without validation images there is no best), everything stays.
pub fn prune(folder: &Path, keep: Keep) -> io::Result<()> {
    let (kept, others) = match keep {
        Keep::Both => return Ok(()),
        Keep::Best => (BEST, [LAST, STATE]),
        Keep::Last => (LAST, [BEST, STATE]),
    };
    if !folder.join(kept).exists() {
        return Ok(());
    }
    for name in others {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_kept_stays_and_nothing_goes_for_what_is_not_there() {
        let left = |keep, written: &[&str]| -> Vec<&str> {
            let folder = tempfile::tempdir().unwrap();
            for name in written {
                fs::write(folder.path().join(name), "weights").unwrap();
            }
            prune(folder.path(), keep).unwrap();
            let is_there = |name: &&str| folder.path().join(name).exists();
            [BEST, LAST, STATE].into_iter().filter(is_there).collect()
        };
        let all = [BEST, LAST, STATE];
        assert_eq!(left(Keep::Both, &all), all);
        assert_eq!(left(Keep::Best, &all), [BEST]);
        assert_eq!(left(Keep::Last, &all), [LAST]);
        assert_eq!(left(Keep::Best, &[LAST, STATE]), [LAST, STATE]);
    }
}
