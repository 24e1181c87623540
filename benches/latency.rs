//! How long an epoch takes from its producer to every watcher: `cargo bench --bench latency`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{TestServer, Watcher};
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const EPOCHS: u32 = 100;
/// Slower than any epoch would come, so that each is measured by itself.
const BETWEEN: Duration = Duration::from_millis(30);

fn main() {
    println!("ms from the producer's call to the watcher, over {EPOCHS} epochs");
    println!(
        "{:>8} {:>8} {:>8} {:>8} {:>8}",
        "watchers", "median", "90 %", "99 %", "longest"
    );
    for watchers in [1, 200] {
        let mut times = measure(watchers);
        times.sort();
        let at = |share: f64| {
            let position = (share * (times.len() - 1) as f64).round() as usize;
            times[position].as_secs_f64() * 1e3
        };
        println!(
            "{watchers:>8} {:>8.1} {:>8.1} {:>8.1} {:>8.1}",
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        );
    }
}

/// The time of each epoch to each watcher.
fn measure(watchers: usize) -> Vec<Duration> {
    let server = TestServer::start();
    let (status, run) = server.post(
        "/api/v1/runs",
        &json!({"external": true, "train": {"epochs": EPOCHS}}),
    );
    assert_eq!(status, 201, "{run}");
    let id = run["id"].as_u64().expect("a run has a number");
    let token = run["token"].as_str().expect("an external run has a token");

    let (heard, arrivals) = mpsc::channel();
    for _ in 0..watchers {
        let watcher = Watcher::open(&server, id, 0, None);
        let heard = heard.clone();
        std::thread::spawn(move || {
            for event in watcher.filter(|event| event.kind == "epoch") {
                let epoch = event.data["epoch"].as_u64().unwrap_or(0);
                // The receiver is there until every watcher has heard every epoch.
                let _ = heard.send((epoch, Instant::now()));
            }
        });
    }
    let path = format!("/api/v1/runs/{id}/events");
    let mut sent = Vec::new();
    for epoch in 1..=EPOCHS {
        sent.push(Instant::now());
        let (status, answer) = server.produce(&path, token, &report(epoch));
        assert_eq!(status, 200, "{answer}");
        std::thread::sleep(BETWEEN);
    }
    arrivals
        .iter()
        .take(watchers * EPOCHS as usize)
        .map(|(epoch, arrived)| arrived - sent[epoch as usize - 1])
        .collect()
}

/// An epoch of the question's size: 630, 90 and 90 images, nine classes.
fn report(epoch: u32) -> Value {
    let metrics = |correct: u32, n: u32| json!({"loss": 0.5, "correct": correct, "n": n, "accuracy": f64::from(correct) / f64::from(n)});
    let images =
        json!({"prediction": vec![3; 90], "confidence": vec![0.5; 90], "loss": vec![1.25; 90]});
    let data = json!({
        "epoch": epoch, "lr": 0.01, "seconds": 1.5,
        "train": metrics(600, 630), "val": metrics(17, 90), "test": metrics(19, 90),
        "images": [["val", images.clone()], ["test", images]],
    });
    json!({"attempt": 1, "events": [{"kind": "epoch", "data": data}]})
}
