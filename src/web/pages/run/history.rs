//! A run's history as the page's scripts draw it: one column per series.

use crate::run::{BestEpoch, EpochRecord, RunId, RunStatus, Seq, Split};
use crate::store::Run;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the scripts of the overview start from.
#[derive(Serialize)]
pub struct RunData<'a> {
    id: RunId,
    name: &'a str,
    status: RunStatus,
    live: bool,
    /// Epochs that are done, and that were asked for.
    epoch: u32,
    epochs: u32,
    sealed: bool,
    seq: Seq,
    best: Option<&'a BestEpoch>,
    /// The accuracy of guessing on validation.
    chance: Option<f64>,
    history: Columns,
}

#[derive(Serialize)]
struct Columns {
    epoch: Vec<u32>,
    lr: Vec<f64>,
    running: Vec<Option<f64>>,
    splits: BTreeMap<&'static str, SplitColumns>,
}

#[derive(Default, Serialize)]
struct SplitColumns {
    loss: Vec<Option<f64>>,
    correct: Vec<Option<u32>>,
    n: Vec<Option<u32>>,
    accuracy: Vec<Option<f64>>,
}

impl<'a> RunData<'a> {
    /// `epochs` is empty on pages that draw no curve.
    pub fn new(run: &'a Run, epochs: &[EpochRecord]) -> RunData<'a> {
        RunData {
            id: run.id,
            name: &run.name,
            status: run.status,
            live: !run.status.is_over(),
            epoch: run.epoch,
            epochs: run.epochs,
            sealed: run.sealed,
            seq: run.last_seq,
            best: run.best.as_ref(),
            chance: run
                .facts
                .as_ref()
                .and_then(|facts| facts.chance(Split::Val)),
            history: Columns::new(epochs),
        }
    }
}

impl Columns {
    fn new(epochs: &[EpochRecord]) -> Columns {
        Columns {
            epoch: epochs.iter().map(|e| e.epoch).collect(),
            lr: epochs.iter().map(|e| e.lr).collect(),
            running: epochs
                .iter()
                .map(|e| finite(e.running.as_ref().map(|r| r.accuracy)))
                .collect(),
            splits: Split::ALL
                .into_iter()
                .map(|split| (split.name(), SplitColumns::new(epochs, split)))
                .collect(),
        }
    }
}

impl SplitColumns {
    fn new(epochs: &[EpochRecord], split: Split) -> SplitColumns {
        let metrics: Vec<_> = epochs.iter().map(|e| e.split(split)).collect();
        let metrics = metrics.iter();
        SplitColumns {
            loss: metrics.clone().map(|m| finite(m.map(|m| m.loss))).collect(),
            correct: metrics.clone().map(|m| m.map(|m| m.correct)).collect(),
            n: metrics.clone().map(|m| m.map(|m| m.n)).collect(),
            accuracy: metrics.map(|m| m.map(|m| m.accuracy)).collect(),
        }
    }
}

/// JSON has no NaN.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}
