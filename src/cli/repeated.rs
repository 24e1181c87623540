//! `gapwatch train --like`: the earlier run's history beside the one that was to repeat it.

use crate::run::{EpochRecord, History, RunFacts};
use serde::Serialize;
use serde_json::Value;

/// Whether a run repeated an earlier one.
#[derive(Serialize)]
pub(super) struct Repeated {
    /// Every figure of every epoch but the clock's, to the last bit.
    pub same: bool,
    /// The first epoch that is not as it was, where both have it or one lacks it.
    pub differs_from_epoch: Option<u32>,
    /// In words, with what may be why.
    pub message: String,
}

/// Holds `now` against `before`.
pub(super) fn repeated(before: &History, now: &History) -> Repeated {
    let (mut old, mut new) = (before.epochs.iter(), now.epochs.iter());
    let differs_from_epoch = loop {
        match (old.next(), new.next()) {
            (None, None) => break None,
            (Some(a), Some(b)) if figures(a) == figures(b) => {}
            (Some(record), _) | (None, Some(record)) => break Some(record.epoch),
        }
    };
    let message = match differs_from_epoch {
        None => format!(
            "The earlier run's history, repeated to the bit: {} epochs",
            now.epochs.len()
        ),
        Some(epoch) => {
            let why = differences(before, now);
            let why = if why.is_empty() {
                "settings, images, version and instruction set are the same".to_owned()
            } else {
                why.join("; ")
            };
            format!("Not the earlier run's history from epoch {epoch} on: {why}")
        }
    };
    Repeated {
        same: differs_from_epoch.is_none(),
        differs_from_epoch,
        message,
    }
}

/// As `history.json` has them, where numbers that are not finite are equal to themselves, without the clock's.
fn figures(record: &EpochRecord) -> Option<Value> {
    let record = EpochRecord {
        seconds: 0.0,
        ..record.clone()
    };
    serde_json::to_value(record).ok()
}

fn differences(before: &History, now: &History) -> Vec<String> {
    let (before, now) = (&before.run, &now.run);
    let mut found = Vec::new();
    if before.dataset_fingerprint != now.dataset_fingerprint {
        found.push("the images or their splits are others".to_owned());
    }
    let settings = |run: &RunFacts| {
        let spec = &run.spec;
        serde_json::to_value((&spec.model, &spec.input, &spec.train)).ok()
    };
    if settings(before) != settings(now) {
        found.push("the settings are others".to_owned());
    }
    for (what, before, now) in [
        ("version", &before.version, &now.version),
        (
            "instruction set",
            &before.instruction_set,
            &now.instruction_set,
        ),
    ] {
        if before != now {
            found.push(format!("{what} {now} in place of {before}"));
        }
    }
    found
}
