//! From the producer's call to the client of every watcher.

use crate::common::{TestServer, Watcher};
use crate::drawn::Script;
use crate::{heading, report, row};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const EPOCHS: u32 = 100;
/// Slower than any epoch would come, so that each is measured by itself.
const BETWEEN: Duration = Duration::from_millis(30);

pub fn run() {
    println!("ms from the producer's call to the watcher, over {EPOCHS} epochs");
    heading("watchers");
    for watchers in [1, 200] {
        let times = measure(watchers);
        row(
            &watchers.to_string(),
            times.iter().map(Duration::as_secs_f64),
        );
    }
}

/// The time of each epoch to each watcher.
fn measure(watchers: usize) -> Vec<Duration> {
    let server = TestServer::start();
    let script = Script::start(&server);
    let (heard, arrivals) = mpsc::channel();
    for _ in 0..watchers {
        let watcher = Watcher::open(&server, script.id, 0, None);
        let heard = heard.clone();
        std::thread::spawn(move || {
            for event in watcher.filter(|event| event.kind == "epoch") {
                let epoch = event.data["epoch"].as_u64().unwrap_or(0);
                // The receiver is there until every watcher has heard every epoch.
                let _ = heard.send((epoch, Instant::now()));
            }
        });
    }
    let mut sent = Vec::new();
    for epoch in 1..=EPOCHS {
        sent.push(Instant::now());
        script.send(&[report(epoch)]);
        std::thread::sleep(BETWEEN);
    }
    arrivals
        .iter()
        .take(watchers * EPOCHS as usize)
        .map(|(epoch, arrived)| arrived - sent[epoch as usize - 1])
        .collect()
}
