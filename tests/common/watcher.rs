//! A browser's event stream, as a test reads it.

use super::TestServer;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use ureq::Body;
use ureq::http::Response;

/// One server-sent event.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// The sequence number; none for progress.
    pub id: Option<u64>,
    pub kind: String,
    pub data: Value,
}

/// An open stream: an iterator over its events, which ends with the stream.
pub struct Watcher {
    lines: BufReader<Box<dyn Read + Send>>,
}

impl Watcher {
    /// Opens a run's stream as a page does that was rendered with event `after`, or as one that comes back having seen
    /// event `last`.
    pub fn open(server: &TestServer, run: u64, after: u64, last: Option<u64>) -> Watcher {
        let url = format!("{}/api/v1/runs/{run}/events?after={after}", server.url());
        let mut request = server.agent().get(url);
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        Watcher::of(request.call().unwrap())
    }

    /// Reads an answer as a stream.
    pub fn of(answer: Response<Body>) -> Watcher {
        assert!(answer.status().is_success(), "{}", answer.status());
        Watcher {
            lines: BufReader::new(Box::new(answer.into_body().into_reader())),
        }
    }
}

impl Iterator for Watcher {
    type Item = Heard;

    fn next(&mut self) -> Option<Heard> {
        let (mut id, mut kind, mut data) = (None, None, Value::Null);
        loop {
            let mut line = String::new();
            // A server that is killed breaks the stream off.
            if self.lines.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", value)) => id = Some(value.parse().unwrap()),
                Some(("event", value)) => kind = Some(value.to_owned()),
                Some(("data", value)) => data = serde_json::from_str(value).unwrap(),
                _ => {}
            }
            if line.trim_end().is_empty()
                && let Some(kind) = kind.take()
            {
                return Some(Heard { id, kind, data });
            }
        }
    }
}
