//! How a run is trained: epochs, optimizer, schedule, early stopping.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSpec {
    pub epochs: u32,
    pub batch_size: usize,
    pub optimizer: Optimizer,
    pub schedule: Schedule,
    /// `false` for none.
    #[serde(with = "false_or_table")]
    #[schema(value_type = Object)]
    pub early_stopping: Option<EarlyStopping>,
    /// One seed for initial weights, order, dropout and augmentation; at most 2⁵³ − 1, which JSON holds exactly.
    pub seed: u64,
}

impl Default for TrainSpec {
    fn default() -> Self {
        TrainSpec {
            epochs: 50,
            batch_size: 32,
            optimizer: Optimizer::default(),
            schedule: Schedule::default(),
            early_stopping: None,
            seed: 1,
        }
    }
}

/// An optimizer with PyTorch's definition and names of its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Optimizer {
    Sgd {
        #[serde(default = "sgd_lr")]
        lr: f64,
        #[serde(default = "sgd_momentum")]
        momentum: f64,
        #[serde(default)]
        nesterov: bool,
        #[serde(default)]
        weight_decay: f64,
    },
    Adam {
        #[serde(default = "adam_lr")]
        lr: f64,
        #[serde(default)]
        weight_decay: f64,
    },
    AdamW {
        #[serde(default = "adam_lr")]
        lr: f64,
        #[serde(default = "adamw_weight_decay")]
        weight_decay: f64,
    },
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::Adam {
            lr: adam_lr(),
            weight_decay: 0.0,
        }
    }
}

impl Optimizer {
    pub fn lr(&self) -> f64 {
        match *self {
            Optimizer::Sgd { lr, .. }
            | Optimizer::Adam { lr, .. }
            | Optimizer::AdamW { lr, .. } => lr,
        }
    }

    pub fn weight_decay(&self) -> f64 {
        match *self {
            Optimizer::Sgd { weight_decay, .. }
            | Optimizer::Adam { weight_decay, .. }
            | Optimizer::AdamW { weight_decay, .. } => weight_decay,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Optimizer::Sgd { .. } => "sgd",
            Optimizer::Adam { .. } => "adam",
            Optimizer::AdamW { .. } => "adamw",
        }
    }
}

/// How the learning rate moves over the epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Schedule {
    #[default]
    Constant,
}

/// What the best epoch is chosen by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Metric {
    #[default]
    #[serde(rename = "val_loss")]
    ValLoss,
    #[serde(rename = "val_accuracy")]
    ValAccuracy,
}

impl Metric {
    pub fn name(self) -> &'static str {
        match self {
            Metric::ValLoss => "val_loss",
            Metric::ValAccuracy => "val_accuracy",
        }
    }

    /// True where `value` beats `best` by more than `min_delta`; NaN never does.
    pub fn improves(self, value: f64, best: f64, min_delta: f64) -> bool {
        match self {
            Metric::ValLoss => value < best - min_delta,
            Metric::ValAccuracy => value > best + min_delta,
        }
    }
}

/// Ends a run when its metric has not improved for `patience` epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStopping {
    pub metric: Metric,
    pub patience: u32,
    /// A smaller change is no improvement.
    pub min_delta: f64,
    /// True: the run's last weights are set to those of its best epoch when it stops.
    pub restore_best: bool,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping {
            metric: Metric::ValLoss,
            patience: 10,
            min_delta: 0.0,
            restore_best: true,
        }
    }
}

fn sgd_lr() -> f64 {
    0.01
}

fn sgd_momentum() -> f64 {
    0.9
}

fn adam_lr() -> f64 {
    1e-3
}

fn adamw_weight_decay() -> f64 {
    0.01
}

/// `false` or a table, as `early_stopping` is written.
mod false_or_table {
    use super::*;

    pub fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(table) => table.serialize(serializer),
            None => serializer.serialize_bool(false),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<EarlyStopping>, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value {
            Value::Bool(false) => Ok(None),
            Value::Object(_) => EarlyStopping::deserialize(value)
                .map(Some)
                .map_err(serde::de::Error::custom),
            _ => Err(serde::de::Error::custom(
                "write false, or a table such as { patience = 10 }",
            )),
        }
    }
}
