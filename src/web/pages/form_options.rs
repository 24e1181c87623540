//! The form's further options of training, folded away: all have a default that changes nothing.

use super::form_partial::{Partial, typed};
use super::wording::setting;
use crate::run::TrainSpec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The fields as text; an empty one is not given and takes its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OptionsForm {
    pub nesterov: String,
    pub decay: String,
    pub clip_norm: String,
    pub label_smoothing: String,
    pub class_weights: String,
    pub sampling: String,
    pub ema_decay: String,
    pub recalibrate: String,
}

/// A field's name in the form and its path in a spec.
pub const PATHS: [(&str, &str); 8] = [
    ("nesterov", "train.optimizer.nesterov"),
    ("decay", "train.optimizer.decay"),
    ("clip_norm", "train.clip_norm"),
    ("label_smoothing", "train.label_smoothing"),
    ("class_weights", "train.class_weights"),
    ("sampling", "train.sampling"),
    ("ema_decay", "train.ema_decay"),
    ("recalibrate", "train.recalibrate"),
];

impl OptionsForm {
    /// The fields that a complete spec fills, what is typed standing above it.
    pub fn filled(&self, train: &TrainSpec) -> OptionsForm {
        let word = |value: bool| if value { "yes" } else { "no" }.to_owned();
        OptionsForm {
            nesterov: typed(&self.nesterov, word(train.optimizer.nesterov())),
            decay: typed(&self.decay, train.optimizer.decay().name().to_owned()),
            clip_norm: typed(&self.clip_norm, setting(train.clip_norm)),
            label_smoothing: typed(&self.label_smoothing, setting(train.label_smoothing)),
            class_weights: typed(&self.class_weights, train.class_weights.name().to_owned()),
            sampling: typed(&self.sampling, train.sampling.name().to_owned()),
            ema_decay: typed(&self.ema_decay, setting(train.ema_decay)),
            recalibrate: typed(&self.recalibrate, word(train.recalibrate)),
        }
    }

    /// Puts the fields that are filled in into a partial spec, for an optimizer of this kind.
    pub fn put(&self, spec: &mut Partial, optimizer: &str) {
        if optimizer == "sgd" && !self.nesterov.is_empty() {
            spec.put("train.optimizer.nesterov", json!(self.nesterov == "yes"));
        }
        spec.text("train.optimizer.decay", &self.decay);
        spec.number("train.clip_norm", &self.clip_norm);
        spec.number("train.label_smoothing", &self.label_smoothing);
        spec.text("train.class_weights", &self.class_weights);
        spec.text("train.sampling", &self.sampling);
        spec.number("train.ema_decay", &self.ema_decay);
        if !self.recalibrate.is_empty() {
            spec.put("train.recalibrate", json!(self.recalibrate == "yes"));
        }
    }
}

/// The options that change something, in words: "Label smoothing", "0.1".
pub fn changed(train: &TrainSpec) -> Vec<(&'static str, String)> {
    let usual = TrainSpec::default();
    let mut changed = Vec::new();
    if train.clip_norm != usual.clip_norm {
        changed.push((
            "Gradient norm",
            format!("at most {}", setting(train.clip_norm)),
        ));
    }
    if train.label_smoothing != usual.label_smoothing {
        changed.push(("Label smoothing", setting(train.label_smoothing)));
    }
    if train.class_weights != usual.class_weights {
        changed.push(("Class weights", train.class_weights.name().to_owned()));
    }
    if train.sampling != usual.sampling {
        changed.push(("Sampling", train.sampling.name().to_owned()));
    }
    if train.ema_decay != usual.ema_decay {
        let kept = setting(train.ema_decay);
        changed.push(("Moving average of weights", format!("decay {kept}")));
    }
    if train.recalibrate {
        changed.push(("Batch norm", "recalibrated at the end".to_owned()));
    }
    changed
}
