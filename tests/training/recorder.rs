//! An observer that keeps everything and can wish to stop.

use gapwatch::data::Dataset;
use gapwatch::model::resolve;
use gapwatch::run::{BestEpoch, EpochRecord, EpochReport, Examination, Progress, RunSpec, merge};
use gapwatch::train::{Job, Observer, Outcome, TrainError, Wish, train};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The files that a run writes.
pub const FILES: [&str; 3] = [
    "best.safetensors",
    "last.safetensors",
    "last.state.safetensors",
];

/// What a run told, and when to ask it for what.
#[derive(Default)]
pub struct Recorder {
    pub reports: Vec<EpochReport>,
    pub best: Vec<BestEpoch>,
    pub progress: Vec<Progress>,
    pub logs: Vec<String>,
    pub examined: Vec<Examination>,
    pub checkpoints: Vec<String>,
    /// Wish something else than to go on when asked for the n-th time, from 0.
    pub wish_at: Option<(usize, Wish)>,
    asked: usize,
}

impl Recorder {
    pub fn wishing(at: usize, wish: Wish) -> Self {
        Recorder {
            wish_at: Some((at, wish)),
            ..Recorder::default()
        }
    }

    /// The figures without the time they took.
    pub fn curve(&self) -> Vec<EpochRecord> {
        let timeless = |report: &EpochReport| EpochRecord {
            seconds: 0.0,
            ..report.record.clone()
        };
        self.reports.iter().map(timeless).collect()
    }
}

impl Observer for Recorder {
    fn epoch(&mut self, report: &EpochReport) {
        self.reports.push(report.clone());
    }

    fn best(&mut self, best: &BestEpoch) {
        self.best.push(best.clone());
    }

    fn progress(&mut self, progress: &Progress) {
        self.progress.push(progress.clone());
    }

    fn log(&mut self, message: &str) {
        self.logs.push(message.to_owned());
    }

    fn examined(&mut self, examination: &Examination) {
        self.examined.push(examination.clone());
    }

    fn checkpoint(&mut self, name: &str) {
        self.checkpoints.push(name.to_owned());
    }

    fn wish(&mut self) -> Wish {
        self.asked += 1;
        match self.wish_at {
            Some((at, wish)) if self.asked > at => wish,
            _ => Wish::Continue,
        }
    }
}

/// A network with every kind of state: running statistics, dropout, an LSTM; `over` is laid upon its spec.
pub fn spec(over: Value) -> RunSpec {
    let base = json!({
        "model": {"layers": [
            {"conv2d": {"out": 4, "kernel": 3, "padding": 1}}, {"batch_norm": {}}, {"relu": {}},
            {"max_pool": {"kernel": 2}}, {"dropout": {"p": 0.25}},
            {"sequence": {"of": "columns"}}, {"lstm": {"hidden": 6}}, {"last_step": {}}, {"linear": {}}
        ]},
        "train": {"epochs": 6, "batch_size": 10, "optimizer": {"kind": "adam", "lr": 0.02}},
        "input": {"channels": 1}
    });
    resolve(merge(base, over), Some((8, 12))).unwrap()
}

/// The same with every option of training that can go together, each away from its default, and a network of the layers
/// that the other has not.
pub fn spec_with_options() -> RunSpec {
    spec(json!({"model": {"layers": [
        {"conv2d": {"out": 4, "kernel": 3, "padding": 1}}, {"group_norm": {"groups": 2}}, {"gelu": {}},
        {"residual": {
            "layers": [{"conv2d": {"out": 6, "kernel": 3, "stride": 2, "padding": 1}}, {"batch_norm": {}}, {"dropout": {"p": 0.1}}],
            "shortcut": [{"avg_pool": {"kernel": 2}}, {"conv2d": {"out": 6, "kernel": 1}}, {"batch_norm": {}}],
        }}, {"relu": {}},
        {"sequence": {"of": "columns"}}, {"gru": {"hidden": 6, "bidirectional": true}}, {"last_step": {}}, {"linear": {}}
    ]}, "train": {
        "optimizer": {"kind": "adamw", "lr": 0.02, "weight_decay": 0.1, "decay": "weights"},
        "schedule": {"kind": "plateau", "factor": 0.5, "patience": 0, "threshold": 0.2, "warm_up": 1},
        "clip_norm": 0.5,
        "label_smoothing": 0.1,
        "class_weights": "balanced",
        "sampling": "balanced",
        "ema_decay": 0.8,
        "recalibrate": true,
    }}))
}

/// What a run keeps in its folder, byte by byte.
pub fn contents(folder: &Path) -> Vec<Vec<u8>> {
    FILES
        .iter()
        .map(|name| fs::read(folder.join(name)).unwrap())
        .collect()
}

/// Trains into `folder`.
pub fn run(
    spec: &RunSpec,
    dataset: &Dataset,
    folder: &Path,
    threads: usize,
    recorder: &mut Recorder,
) -> Result<Outcome, TrainError> {
    let job = Job {
        spec,
        dataset,
        folder: folder.to_owned(),
        threads,
    };
    train(job, recorder)
}
