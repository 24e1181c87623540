//! A worker's claim on its run's folder: a lock that the system gives back when the process is gone, however it went.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::unistd::Pid;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Held by the one process that trains a run.
pub struct Claim {
    _file: File,
}

impl Claim {
    /// Takes the folder for this process; `WouldBlock` where another has it.
    pub fn take(folder: &Path) -> io::Result<Claim> {
        let file = open(folder)?;
        let lock = whole_file();
        match fcntl(&file, FcntlArg::F_SETLK(&lock)) {
            Ok(_) => Ok(Claim { _file: file }),
            Err(Errno::EACCES | Errno::EAGAIN) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The process that holds a run's folder. A POSIX lock names its holder, so no process id in a file can be out of date.
pub fn holder(folder: &Path) -> io::Result<Option<Pid>> {
    let file = match open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut lock = whole_file();
    fcntl(&file, FcntlArg::F_GETLK(&mut lock))?;
    let held = lock.l_type != libc::F_UNLCK as libc::c_short && lock.l_pid > 0;
    Ok(held.then(|| Pid::from_raw(lock.l_pid)))
}

fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join("worker.lock"))
}

fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_worker_has_no_holder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder(folder.path()).unwrap(), None);
        assert_eq!(holder(&folder.path().join("absent")).unwrap(), None);
        // A process does not see its own lock; `tests/scheduler.rs` looks at another's.
        Claim::take(folder.path()).unwrap();
    }
}
