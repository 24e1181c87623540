//! How a run is trained: epochs, optimizer, loss, early stopping.

use super::check::Errors;
use super::{Optimizer, Schedule};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSpec {
    pub epochs: u32,
    pub batch_size: usize,
    pub optimizer: Optimizer,
    pub schedule: Schedule,
    /// The gradient of a step is scaled down to this norm over all parameters (PyTorch's `clip_grad_norm_`); 0: never.
    pub clip_norm: f64,
    /// The share of each label that is spread evenly over all classes (Szegedy et al. 2016), from 0 up to 1.
    pub label_smoothing: f64,
    pub class_weights: ClassWeights,
    pub sampling: Sampling,
    /// The share that a moving average of the weights keeps of itself at every step (PyTorch's `swa_utils` with
    /// `get_ema_multi_avg_fn`); it is scored and saved in their stead. From 0 (none) up to 1, such as 0.99.
    pub ema_decay: f64,
    /// True: batch norm's running statistics are estimated anew from the training images before the last scoring
    /// (PyTorch's `update_bn`).
    pub recalibrate: bool,
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
            clip_norm: 0.0,
            label_smoothing: 0.0,
            class_weights: ClassWeights::None,
            sampling: Sampling::Shuffle,
            ema_decay: 0.0,
            recalibrate: false,
            early_stopping: None,
            seed: 1,
        }
    }
}

impl TrainSpec {
    pub(super) fn check(&self, errors: &mut Errors) {
        errors.within("train.epochs", u64::from(self.epochs), 1, 100_000);
        errors.within("train.batch_size", self.batch_size as u64, 1, 4096);
        errors.within("train.seed", self.seed, 0, (1 << 53) - 1);
        self.optimizer.check(errors);
        self.schedule.check(self, errors);
        if !(0.0..=1e6).contains(&self.clip_norm) {
            errors.say(
                "train.clip_norm",
                "from 0 (never clip) to 1,000,000, such as 1",
            );
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            errors.say(
                "train.label_smoothing",
                "from 0 (none) up to, not including, 1, such as 0.1",
            );
        }
        if !(0.0..1.0).contains(&self.ema_decay) {
            errors.say(
                "train.ema_decay",
                "from 0 (none) up to, not including, 1, such as 0.99",
            );
        }
        if let Some(stopping) = &self.early_stopping {
            errors.within(
                "train.early_stopping.patience",
                u64::from(stopping.patience),
                1,
                100_000,
            );
            if !(0.0..=1e6).contains(&stopping.min_delta) {
                errors.say("train.early_stopping.min_delta", "from 0 to 1,000,000");
            }
        }
    }
}

/// How much an image counts in the loss of training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// Every image the same.
    #[default]
    None,
    /// An image of class c counts images / (classes · images of c) (King and Zeng 2001), so that all classes weigh the
    /// same together; the weights of PyTorch's `CrossEntropyLoss(weight=…)`.
    Balanced,
}

impl ClassWeights {
    pub fn name(self) -> &'static str {
        match self {
            ClassWeights::None => "none",
            ClassWeights::Balanced => "balanced",
        }
    }
}

/// Which images an epoch shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Each once, in random order.
    #[default]
    Shuffle,
    /// As many as there are, drawn with replacement so that every class is as likely: PyTorch's `WeightedRandomSampler`
    /// with one over a class's size for weight.
    Balanced,
}

impl Sampling {
    pub fn name(self) -> &'static str {
        match self {
            Sampling::Shuffle => "shuffle",
            Sampling::Balanced => "balanced",
        }
    }
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

    /// What the best epoch has of it: "lowest validation loss".
    pub fn superlative(self) -> &'static str {
        match self {
            Metric::ValLoss => "lowest validation loss",
            Metric::ValAccuracy => "highest validation accuracy",
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
