//! The form's schedule of the learning rate, and its plot.

use super::form_partial::{Partial, typed};
use super::wording::{counted, setting};
use crate::chart::{Course, draw_course};
use crate::run::{Metric, Schedule, TrainSpec};
use crate::train::LearningRate;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The fields as text; an empty one is not given and takes its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleForm {
    pub schedule: String,
    pub warm_up: String,
    pub step_size: String,
    pub gamma: String,
    pub eta_min: String,
    pub pct_start: String,
    pub div_factor: String,
    pub final_div_factor: String,
    pub plateau_metric: String,
    pub plateau_factor: String,
    pub plateau_patience: String,
    pub threshold: String,
    pub cooldown: String,
    pub min_lr: String,
}

/// A field's name in the form and its path in a spec.
pub const PATHS: [(&str, &str); 14] = [
    ("warm_up", "train.schedule.warm_up"),
    ("step_size", "train.schedule.step_size"),
    ("gamma", "train.schedule.gamma"),
    ("eta_min", "train.schedule.eta_min"),
    ("pct_start", "train.schedule.pct_start"),
    ("div_factor", "train.schedule.div_factor"),
    ("final_div_factor", "train.schedule.final_div_factor"),
    ("plateau_metric", "train.schedule.metric"),
    ("plateau_factor", "train.schedule.factor"),
    ("plateau_patience", "train.schedule.patience"),
    ("threshold", "train.schedule.threshold"),
    ("cooldown", "train.schedule.cooldown"),
    ("min_lr", "train.schedule.min_lr"),
    ("schedule", "train.schedule"),
];

impl ScheduleForm {
    /// The fields that a complete spec fills, what is typed standing above it; those of other kinds have their defaults.
    pub fn filled(&self, schedule: &Schedule) -> ScheduleForm {
        let value = serde_json::to_value(schedule).unwrap_or_default();
        // Every kind's defaults, below the settings of the one that is chosen.
        let known = |name: &str| {
            let of = |schedule: &serde_json::Value| match &schedule[name] {
                serde_json::Value::Null => None,
                serde_json::Value::String(word) => Some(word.clone()),
                number => number.as_f64().map(setting),
            };
            let default = |kind: &str| {
                let schedule: Schedule = serde_json::from_value(json!({ "kind": kind })).ok()?;
                of(&serde_json::to_value(schedule).ok()?)
            };
            let all = ["step", "cosine", "one-cycle", "plateau"];
            of(&value)
                .or_else(|| all.into_iter().find_map(default))
                .unwrap_or_default()
        };
        ScheduleForm {
            schedule: typed(&self.schedule, schedule.kind().to_owned()),
            warm_up: typed(&self.warm_up, known("warm_up")),
            step_size: typed(&self.step_size, known("step_size")),
            gamma: typed(&self.gamma, known("gamma")),
            eta_min: typed(&self.eta_min, known("eta_min")),
            pct_start: typed(&self.pct_start, known("pct_start")),
            div_factor: typed(&self.div_factor, known("div_factor")),
            final_div_factor: typed(&self.final_div_factor, known("final_div_factor")),
            plateau_metric: typed(&self.plateau_metric, known("metric")),
            plateau_factor: typed(&self.plateau_factor, known("factor")),
            plateau_patience: typed(&self.plateau_patience, known("patience")),
            threshold: typed(&self.threshold, known("threshold")),
            cooldown: typed(&self.cooldown, known("cooldown")),
            min_lr: typed(&self.min_lr, known("min_lr")),
        }
    }

    /// Puts the fields that are filled in into a partial spec; `base` tells the kind where that is not filled in. Fields
    /// of other kinds are left out.
    pub fn put(&self, spec: &mut Partial, base: &Schedule) {
        let kind = match self.schedule.as_str() {
            "" => base.kind(),
            kind => kind,
        };
        spec.put("train.schedule.kind", json!(kind));
        if kind != "one-cycle" {
            spec.whole("train.schedule.warm_up", &self.warm_up);
        }
        match kind {
            "step" => {
                spec.whole("train.schedule.step_size", &self.step_size);
                spec.number("train.schedule.gamma", &self.gamma);
            }
            "cosine" => spec.number("train.schedule.eta_min", &self.eta_min),
            "one-cycle" => {
                spec.number("train.schedule.pct_start", &self.pct_start);
                spec.number("train.schedule.div_factor", &self.div_factor);
                spec.number("train.schedule.final_div_factor", &self.final_div_factor);
            }
            "plateau" => {
                spec.text("train.schedule.metric", &self.plateau_metric);
                spec.number("train.schedule.factor", &self.plateau_factor);
                spec.whole("train.schedule.patience", &self.plateau_patience);
                spec.number("train.schedule.threshold", &self.threshold);
                spec.whole("train.schedule.cooldown", &self.cooldown);
                spec.number("train.schedule.min_lr", &self.min_lr);
            }
            _ => {}
        }
    }
}

/// "times 0.1 every 10 epochs, after 3 epochs of warm-up", or "constant".
pub fn words(schedule: &Schedule) -> String {
    let text = match schedule {
        Schedule::Constant { .. } => "constant".to_owned(),
        Schedule::Step {
            step_size, gamma, ..
        } => format!(
            "times {} every {}",
            setting(gamma),
            counted(step_size, "epoch", "epochs")
        ),
        Schedule::Cosine { eta_min, .. } => format!("half a cosine down to {}", setting(eta_min)),
        Schedule::OneCycle { .. } => "one cycle, up and down".to_owned(),
        Schedule::Plateau {
            metric,
            factor,
            patience,
            ..
        } => format!(
            "times {} after {} without a better {}",
            setting(factor),
            counted(patience + 1, "epoch", "epochs"),
            match metric {
                Metric::ValLoss => "validation loss",
                Metric::ValAccuracy => "validation accuracy",
            }
        ),
    };
    match schedule.warm_up() {
        0 => text,
        n => format!("{text}, after {} of warm-up", counted(n, "epoch", "epochs")),
    }
}

/// The learning rate over a run whose epochs have `steps` steps, drawn for a page; none where it cannot be.
pub fn plot(train: &TrainSpec, steps: u64) -> Option<String> {
    let course = Course {
        points: LearningRate::new(train, steps).course(),
        x_name: "epochs done",
        y_name: "learning rate",
        decades: false,
        mark: None,
    };
    let says = format!(
        "The learning rate over {}: {}",
        counted(train.epochs, "epoch", "epochs"),
        words(&train.schedule)
    );
    draw_course(&course, &says).ok()
}
