//! Asking a process of its own for the devices, so that this one opens no card.

use super::Devices;
use crate::nn::cuda::IN_THIS_BUILD;
use std::io::{self, Read};
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
            .and_then(|program| {
                let mut command = Command::new(program);
                command.args(["devices", "--json"]);
                answer(command, PATIENCE)
            })
            .unwrap_or_else(|error| {
                Devices::without_cards(format!("looking for cards failed: {error}"))
            })
    }
}

/// Runs a command and reads its answer.
fn answer(mut command: Command, patience: Duration) -> io::Result<Devices> {
    let mut child = command
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

    fn shell(line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn an_answer_comes_back_as_it_was_given() {
        let devices = Devices::without_cards("nothing to choose");
        let json = serde_json::to_string(&devices).unwrap();
        let command = shell(&format!("echo '{json}'"));
        assert_eq!(answer(command, PATIENCE).unwrap(), devices);
    }

    #[test]
    fn a_driver_that_crashes_or_hangs_is_told_of() {
        let crashing = shell("echo 'no such driver' >&2; exit 3");
        let told = answer(crashing, PATIENCE).unwrap_err().to_string();
        assert_eq!(told, "no such driver");
        let silent = shell("kill -SEGV $$");
        let told = answer(silent, PATIENCE).unwrap_err().to_string();
        assert!(told.contains("signal: 11"), "{told}");
        let hanging = shell("exec sleep 60");
        let told = answer(hanging, Duration::from_millis(200)).unwrap_err();
        assert!(told.to_string().contains("did not answer"), "{told}");
    }
}
