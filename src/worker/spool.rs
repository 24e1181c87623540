//! Events that could not be delivered, on the disk: a worker that ends before its server is back loses none.

use crate::run::ProducerEvent;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// `undelivered.jsonl` in a run's folder: one event a line.
pub struct Spool {
    path: PathBuf,
}

impl Spool {
    pub fn of(folder: &Path) -> Spool {
        Spool {
            path: folder.join("undelivered.jsonl"),
        }
    }

    /// What an earlier attempt could not deliver. A last line that a crash cut off is left out.
    pub fn read(&self) -> io::Result<Vec<ProducerEvent>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        let mut events = Vec::new();
        for line in BufReader::new(file).lines() {
            match serde_json::from_str(&line?) {
                Ok(event) => events.push(event),
                Err(_) => break,
            }
        }
        Ok(events)
    }

    /// Adds events, and returns once they are on the disk.
    pub fn append<'a>(&self, events: impl Iterator<Item = &'a ProducerEvent>) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?;
        file.write_all(&lines)?;
        file.sync_all()
    }

    /// Forgets all: everything is delivered.
    pub fn clear(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_in_order_and_a_torn_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::of(folder.path());
        assert_eq!(spool.read().unwrap(), []);
        let events = ["one", "two"].map(|message| ProducerEvent::Log {
            message: message.to_owned(),
        });
        spool.append(events[..1].iter()).unwrap();
        spool.append(events[1..].iter()).unwrap();
        let mut file = OpenOptions::new().append(true).open(&spool.path).unwrap();
        file.write_all(b"{\"kind\":\"log\",\"da").unwrap();
        assert_eq!(spool.read().unwrap(), events);
        spool.clear().unwrap();
        assert_eq!(spool.read().unwrap(), []);
    }
}
