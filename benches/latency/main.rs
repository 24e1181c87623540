//! How long an epoch takes from its producer to every watcher's client, and to the drawn charts of a page in chromium:
//! `cargo bench --bench latency`, `cargo bench --bench latency -- drawn`.

#[path = "../../tests/common/mod.rs"]
mod common;
#[expect(dead_code, reason = "the tests take the rest")]
#[path = "../../tests/browser/drawn.rs"]
mod drawn;
#[expect(dead_code, reason = "the tests take the rest")]
#[path = "../../tests/browser/driver.rs"]
mod driver;
#[path = "../../tests/browser/forwarder.rs"]
mod forwarder;
#[expect(dead_code, reason = "the tests take the rest")]
#[path = "../../tests/browser/images.rs"]
mod images;
mod page;
mod served;

use drawn::epoch;
use serde_json::{Value, json};

fn main() {
    // Cargo adds --bench.
    match std::env::args()
        .skip(1)
        .find(|argument| argument != "--bench")
    {
        None => served::run(),
        Some(mode) if mode == "drawn" => page::run(),
        Some(other) => {
            eprintln!("'{other}' is no measurement: leave it out, or write drawn");
            std::process::exit(2);
        }
    }
}

/// An epoch of the question's size: 630, 90 and 90 images, nine classes.
fn report(number: u32) -> Value {
    let metrics = |correct: u32, n: u32| json!({"loss": 0.5, "correct": correct, "n": n, "accuracy": f64::from(correct) / f64::from(n)});
    let images =
        json!({"prediction": vec![3; 90], "confidence": vec![0.5; 90], "loss": vec![1.25; 90]});
    let right = 500 + number * 37 % 100;
    let mut event = epoch(
        number,
        metrics(right, 630),
        metrics(10 + number % 9, 90),
        metrics(12 + number % 7, 90),
    );
    event["data"]["images"] = json!([["val", images.clone()], ["test", images]]);
    event
}

fn heading(what: &str) {
    println!("| {what} | median | 90 % | 95 % | 99 % | longest |");
    println!("|---|---|---|---|---|---|");
}

/// A line of a table: milliseconds of times in seconds.
fn row(what: &str, times: impl Iterator<Item = f64>) {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let position = (share * (times.len() - 1) as f64).round() as usize;
        format!("{:.1}", 1e3 * times[position])
    };
    let shares = [0.5, 0.9, 0.95, 0.99, 1.0].map(at).join(" | ");
    println!("| {what} | {shares} |");
}
