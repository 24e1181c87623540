//! Asking a process of its own for the devices, so that this one opens no card.

use super::{Devices, IN_THIS_BUILD};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A driver that is just being loaded takes seconds; one that hangs, for ever.
const PATIENCE: Duration = Duration::from_secs(20);

impl Devices {
    /// What `gapwatch devices` finds, asked of this executable. A build without CUDA has no need to ask.
    pub fn ask() -> Devices {
        if !IN_THIS_BUILD {
            return Devices::look();
        }
        std::env::current_exe()
            .and_then(|program| answer(&program, PATIENCE))
            .unwrap_or_else(|error| {
                Devices::without_cards(format!("looking for cards failed: {error}"))
            })
    }
}

/// Runs a program's `devices --json` and reads its answer.
fn answer(program: &Path, patience: Duration) -> io::Result<Devices> {
    let mut child = Command::new(program)
        .args(["devices", "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let ended = wait(&mut child, patience)?;
    let mut text = String::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_string(&mut text)?;
    }
    serde_json::from_str(&text).map_err(|_| {
        let mut said = String::new();
        if let Some(mut errors) = child.stderr.take() {
            // What cannot be read is not worth another error.
            let _ = errors.read_to_string(&mut said);
        }
        match said.trim() {
            "" => io::Error::other(format!("'gapwatch devices' ended with {ended}")),
            said => io::Error::other(said.to_owned()),
        }
    })
}

/// Waits for a child, and ends it where it takes too long. Its few lines fit into a pipe that nobody reads meanwhile.
fn wait(child: &mut Child, patience: Duration) -> io::Result<std::process::ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!(
                "the driver did not answer within {} s",
                patience.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A program that does what a line of shell says.
    fn program(folder: &Path, line: &str) -> std::path::PathBuf {
        let path = folder.join("program");
        std::fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn an_answer_comes_back_as_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let devices = Devices::without_cards("nothing to choose");
        let json = serde_json::to_string(&devices).unwrap();
        let program = program(folder.path(), &format!("echo '{json}'"));
        assert_eq!(answer(&program, PATIENCE).unwrap(), devices);
    }

    #[test]
    fn a_driver_that_crashes_or_hangs_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let crashing = program(folder.path(), "echo 'no such driver' >&2; exit 3");
        let told = answer(&crashing, PATIENCE).unwrap_err().to_string();
        assert_eq!(told, "no such driver");
        let silent = program(folder.path(), "kill -SEGV $$");
        let told = answer(&silent, PATIENCE).unwrap_err().to_string();
        assert!(told.contains("signal: 11"), "{told}");
        let hanging = program(folder.path(), "exec sleep 60");
        let told = answer(&hanging, Duration::from_millis(200)).unwrap_err();
        assert!(told.to_string().contains("did not answer"), "{told}");
    }
}
