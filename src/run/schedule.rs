//! How the learning rate moves over a run.

use super::check::Errors;
use super::{Metric, TrainSpec};
use serde::{Deserialize, Serialize};

/// A schedule with PyTorch's definition and names of its settings; the optimizer's `lr` is the rate that it is laid upon.
///
/// All but the one-cycle move once an epoch. `warm_up` is a number of epochs before the schedule itself begins, in which
/// the rate rises in a line: epoch e of w has lr · e / (w + 1) (PyTorch's `LinearLR` with `start_factor` 1 / (w + 1)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    Constant {
        #[serde(default)]
        warm_up: u32,
    },
    /// `StepLR`: times `gamma` every `step_size` epochs.
    Step {
        #[serde(default = "step_size")]
        step_size: u32,
        #[serde(default = "tenth")]
        gamma: f64,
        #[serde(default)]
        warm_up: u32,
    },
    /// `CosineAnnealingLR` over all epochs that are left after the warm-up (Loshchilov and Hutter 2017): half a cosine
    /// from `lr` down to `eta_min`, which the epoch after the last would have.
    Cosine {
        #[serde(default)]
        eta_min: f64,
        #[serde(default)]
        warm_up: u32,
    },
    /// `OneCycleLR` with `lr` for its `max_lr`, cosine annealing and a momentum that stays as it is (Smith and Topin
    /// 2018). It moves every step: up from lr / `div_factor` in the first `pct_start` of all steps, then down to
    /// lr / `div_factor` / `final_div_factor`.
    OneCycle {
        #[serde(default = "pct_start")]
        pct_start: f64,
        #[serde(default = "div_factor")]
        div_factor: f64,
        #[serde(default = "final_div_factor")]
        final_div_factor: f64,
    },
    /// `ReduceLROnPlateau` with `threshold_mode` "rel": times `factor` when the metric has not improved by the share
    /// `threshold` for more than `patience` epochs; then `cooldown` epochs do not count.
    Plateau {
        #[serde(default)]
        metric: Metric,
        #[serde(default = "tenth")]
        factor: f64,
        #[serde(default = "patience")]
        patience: u32,
        #[serde(default = "threshold")]
        threshold: f64,
        #[serde(default)]
        cooldown: u32,
        #[serde(default)]
        min_lr: f64,
        #[serde(default)]
        warm_up: u32,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::Constant { warm_up: 0 }
    }
}

impl Schedule {
    pub fn kind(&self) -> &'static str {
        match self {
            Schedule::Constant { .. } => "constant",
            Schedule::Step { .. } => "step",
            Schedule::Cosine { .. } => "cosine",
            Schedule::OneCycle { .. } => "one-cycle",
            Schedule::Plateau { .. } => "plateau",
        }
    }

    /// Epochs.
    pub fn warm_up(&self) -> u32 {
        match *self {
            Schedule::Constant { warm_up }
            | Schedule::Step { warm_up, .. }
            | Schedule::Cosine { warm_up, .. }
            | Schedule::Plateau { warm_up, .. } => warm_up,
            Schedule::OneCycle { .. } => 0,
        }
    }

    /// True where a run of more epochs has other rates from its beginning.
    pub fn spans_the_run(&self) -> bool {
        matches!(self, Schedule::Cosine { .. } | Schedule::OneCycle { .. })
    }

    pub(super) fn check(&self, train: &TrainSpec, errors: &mut Errors) {
        let lr = train.optimizer.lr();
        let mut must = |holds: bool, field: &str, says: String| {
            if !holds {
                errors.say(&format!("train.schedule.{field}"), says);
            }
        };
        let warm_up = self.warm_up();
        must(
            warm_up == 0 || warm_up < train.epochs,
            "warm_up",
            format!(
                "{warm_up} of {} epochs: fewer than the run has",
                train.epochs
            ),
        );
        let below_lr = |rate: f64| rate >= 0.0 && (rate <= lr || !lr.is_finite());
        match *self {
            Schedule::Constant { .. } => {}
            Schedule::Step {
                step_size, gamma, ..
            } => {
                let in_range = (1..=100_000).contains(&step_size);
                must(in_range, "step_size", "from 1 to 100,000 epochs".to_owned());
                let in_range = gamma > 0.0 && gamma <= 1.0;
                must(
                    in_range,
                    "gamma",
                    "above 0, at most 1, such as 0.1".to_owned(),
                );
            }
            Schedule::Cosine { eta_min, .. } => must(
                below_lr(eta_min),
                "eta_min",
                format!("from 0 to the learning rate, {lr}"),
            ),
            Schedule::OneCycle {
                pct_start,
                div_factor,
                final_div_factor,
            } => {
                let in_range = pct_start > 0.0 && pct_start < 1.0;
                must(
                    in_range,
                    "pct_start",
                    "between 0 and 1, such as 0.3".to_owned(),
                );
                let in_range = (1.0..=1e6).contains(&div_factor);
                must(in_range, "div_factor", "from 1 to 1,000,000".to_owned());
                let in_range = (1.0..=1e9).contains(&final_div_factor);
                must(in_range, "final_div_factor", "from 1 to 10⁹".to_owned());
            }
            Schedule::Plateau {
                factor,
                patience,
                threshold,
                cooldown,
                min_lr,
                ..
            } => {
                let in_range = factor > 0.0 && factor < 1.0;
                must(
                    in_range,
                    "factor",
                    "between 0 and 1, such as 0.1".to_owned(),
                );
                let most = "from 0 to 100,000 epochs";
                must(patience <= 100_000, "patience", most.to_owned());
                must(cooldown <= 100_000, "cooldown", most.to_owned());
                let in_range = (0.0..1.0).contains(&threshold);
                must(
                    in_range,
                    "threshold",
                    "from 0 up to, not including, 1".to_owned(),
                );
                must(
                    below_lr(min_lr),
                    "min_lr",
                    format!("from 0 to the learning rate, {lr}"),
                );
            }
        }
    }
}

fn step_size() -> u32 {
    10
}

fn tenth() -> f64 {
    0.1
}

fn pct_start() -> f64 {
    0.3
}

fn div_factor() -> f64 {
    25.0
}

fn final_div_factor() -> f64 {
    1e4
}

fn patience() -> u32 {
    10
}

fn threshold() -> f64 {
    1e-4
}
