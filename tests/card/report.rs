//! What was asked of the cards, counted: kernels, products and copies, and the bytes of memory that they read and write.

use super::memory::memory;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

#[derive(Default)]
struct Count {
    times: u64,
    /// Read and written in the cards' memory.
    bytes: u64,
}

static COUNTS: Mutex<BTreeMap<String, Count>> = Mutex::new(BTreeMap::new());

/// Counts a piece of work, and the bytes of a card's memory that it reads and writes.
pub fn count(what: &str, bytes: u64) {
    let mut counts = COUNTS.lock().unwrap();
    if counts.is_empty() {
        // SAFETY: the function takes nothing and lives as long as this library, which is never closed.
        unsafe { atexit(write) };
    }
    let count = counts.entry(what.to_owned()).or_default();
    count.times += 1;
    count.bytes += bytes;
}

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> i32;
}

/// A line each: what, how often, how many bytes.
extern "C" fn write() {
    let Ok(path) = std::env::var("CARD_REPORT") else {
        return;
    };
    let mut text = String::new();
    for (what, count) in COUNTS.lock().unwrap().iter() {
        writeln!(text, "{what}\t{}\t{}", count.times, count.bytes).unwrap();
    }
    for (card, most) in memory().most.iter().enumerate() {
        writeln!(
            text,
            "card {card}: the most memory that was taken\t1\t{most}"
        )
        .unwrap();
    }
    if let Err(error) = std::fs::write(&path, text) {
        eprintln!("card in software: {path}: {error}");
    }
}
