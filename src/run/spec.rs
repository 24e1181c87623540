//! The spec of a run: what a form, a TOML file or a JSON body asks for. Everything has a default; unknown fields are errors.

use super::LayerSpec;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A field that is wrong, by its dotted path, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// `train.batch_size`; empty where the whole is meant.
    pub field: String,
    pub message: String,
}

/// A spec that cannot be run, with every field that is wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", .0.iter().map(|e| if e.field.is_empty() { e.message.clone() } else { format!("{}: {}", e.field, e.message) }).collect::<Vec<_>>().join("; "))]
pub struct SpecError(pub Vec<FieldError>);

/// What a run is asked to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSpec {
    pub name: String,
    /// A dataset's id or title; absent with `--data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    pub model: ModelSpec,
    pub device: Device,
    pub train: TrainSpec,
    pub input: InputSpec,
    pub augment: Augment,
    /// True for a run that somebody's own script reports; it is not launched here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub external: bool,
}

/// A preset by name, or layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelSpec {
    Preset(String),
    Layers(Vec<LayerSpec>),
}

impl Default for ModelSpec {
    fn default() -> Self {
        ModelSpec::Preset("cnn-flat".to_owned())
    }
}

/// `auto`, `cpu` or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    #[default]
    Auto,
    Cpu,
    Cuda(usize),
}

impl TryFrom<String> for Device {
    type Error = String;

    fn try_from(s: String) -> Result<Self, String> {
        match s.as_str() {
            "auto" => Ok(Device::Auto),
            "cpu" => Ok(Device::Cpu),
            _ => s
                .strip_prefix("cuda:")
                .and_then(|n| n.parse().ok())
                .map(Device::Cuda)
                .ok_or_else(|| format!("'{s}' is no device: write auto, cpu or cuda:0")),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> String {
        match device {
            Device::Auto => "auto".to_owned(),
            Device::Cpu => "cpu".to_owned(),
            Device::Cuda(n) => format!("cuda:{n}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSpec {
    pub epochs: u32,
    pub batch_size: usize,
    pub optimizer: Optimizer,
    pub schedule: Schedule,
    #[serde(with = "false_or_table")]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Schedule {
    #[default]
    Constant,
}

/// What the best epoch is chosen by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputSpec {
    /// Pixels.
    pub height: usize,
    /// Pixels.
    pub width: usize,
    /// 1: gray, 0.299 R + 0.587 G + 0.114 B; 3: colour, gray images repeated.
    pub channels: usize,
    pub normalize: Normalize,
}

impl Default for InputSpec {
    fn default() -> Self {
        InputSpec {
            height: 128,
            width: 256,
            channels: 3,
            normalize: Normalize::default(),
        }
    }
}

/// What is subtracted from pixels (0 to 1) and what they are divided by, a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "NormalizeForm", into = "NormalizeForm")]
pub enum Normalize {
    /// Mean and standard deviation of the training images.
    #[default]
    Train,
    None,
    Fixed {
        mean: Vec<f64>,
        std: Vec<f64>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum NormalizeForm {
    Word(NormalizeWord),
    Fixed { mean: Vec<f64>, std: Vec<f64> },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NormalizeWord {
    Train,
    None,
}

impl From<NormalizeForm> for Normalize {
    fn from(form: NormalizeForm) -> Self {
        match form {
            NormalizeForm::Word(NormalizeWord::Train) => Normalize::Train,
            NormalizeForm::Word(NormalizeWord::None) => Normalize::None,
            NormalizeForm::Fixed { mean, std } => Normalize::Fixed { mean, std },
        }
    }
}

impl From<Normalize> for NormalizeForm {
    fn from(normalize: Normalize) -> Self {
        match normalize {
            Normalize::Train => NormalizeForm::Word(NormalizeWord::Train),
            Normalize::None => NormalizeForm::Word(NormalizeWord::None),
            Normalize::Fixed { mean, std } => NormalizeForm::Fixed { mean, std },
        }
    }
}

/// Augmentation of training images: none is offered yet, so the table is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {}

impl RunSpec {
    /// Reads a whole spec; an unknown or mistyped field is named by its path.
    pub fn from_value(value: Value) -> Result<Self, SpecError> {
        let spec: RunSpec = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            SpecError(vec![FieldError {
                field: if path == "." { String::new() } else { path },
                message: error.into_inner().to_string(),
            }])
        })?;
        let errors = spec.check();
        if errors.is_empty() {
            Ok(spec)
        } else {
            Err(SpecError(errors))
        }
    }

    /// Every field that is out of its limits; what depends on the layers' shapes is `model`'s to check.
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = Errors(Vec::new());
        let train = &self.train;
        errors.text("name", &self.name, 200);
        errors.text("notes", &self.notes, 10_000);
        if self.tags.len() > 20 {
            errors.say("tags", "at most 20 tags");
        }
        for tag in &self.tags {
            errors.text("tags", tag, 50);
        }
        errors.within("train.epochs", u64::from(train.epochs), 1, 100_000);
        errors.within("train.batch_size", train.batch_size as u64, 1, 4096);
        errors.within("train.seed", train.seed, 0, (1 << 53) - 1);
        let lr = train.optimizer.lr();
        if !(lr > 0.0 && lr <= 100.0) {
            errors.say(
                "train.optimizer.lr",
                format!("{lr} is no learning rate: above 0 and at most 100, such as 0.001"),
            );
        }
        let decay = train.optimizer.weight_decay();
        if !(0.0..=10.0).contains(&decay) {
            errors.say("train.optimizer.weight_decay", "from 0 to 10");
        }
        if let Optimizer::Sgd {
            momentum, nesterov, ..
        } = train.optimizer
        {
            if !(0.0..1.0).contains(&momentum) {
                errors.say("train.optimizer.momentum", "from 0 up to, not including, 1");
            } else if nesterov && momentum == 0.0 {
                errors.say(
                    "train.optimizer.nesterov",
                    "Nesterov needs a momentum above 0",
                );
            }
        }
        if let Some(stopping) = &train.early_stopping {
            errors.within(
                "train.early_stopping.patience",
                u64::from(stopping.patience),
                1,
                100_000,
            );
            if !(stopping.min_delta >= 0.0 && stopping.min_delta <= 1e6) {
                errors.say("train.early_stopping.min_delta", "from 0 to 1,000,000");
            }
        }
        errors.within("input.height", self.input.height as u64, 1, 1024);
        errors.within("input.width", self.input.width as u64, 1, 1024);
        if !matches!(self.input.channels, 1 | 3) {
            errors.say("input.channels", "1 (gray) or 3 (colour)");
        }
        if let Normalize::Fixed { mean, std } = &self.input.normalize {
            let fits =
                |v: &[f64]| v.len() == self.input.channels && v.iter().all(|x| x.is_finite());
            if !fits(mean) || !fits(std) || std.iter().any(|s| *s <= 0.0) {
                errors.say(
                    "input.normalize",
                    format!(
                        "mean and std want {} finite numbers each, std above 0",
                        self.input.channels
                    ),
                );
            }
        }
        errors.0
    }
}

struct Errors(Vec<FieldError>);

impl Errors {
    fn say(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    fn within(&mut self, field: &str, value: u64, low: u64, high: u64) {
        if !(low..=high).contains(&value) {
            self.say(
                field,
                format!("{value} is outside {low} to {high}: choose a number between"),
            );
        }
    }

    fn text(&mut self, field: &str, value: &str, most: usize) {
        if value.chars().count() > most {
            self.say(field, format!("at most {most} characters"));
        }
    }
}

/// Lays `over` upon `base`: tables are merged, but for a `model` and for tables whose `kind` differs, which are replaced whole.
pub fn merge(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            if let (Some(one), Some(other)) = (base.get("kind"), over.get("kind"))
                && one != other
            {
                return Value::Object(over);
            }
            for (key, value) in over {
                let merged = match base.remove(&key) {
                    Some(below) if key != "model" => merge(below, value),
                    _ => value,
                };
                base.insert(key, merged);
            }
            Value::Object(base)
        }
        (_, over) => over,
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_empty_spec_has_defaults_that_pass() {
        let spec = RunSpec::from_value(json!({})).unwrap();
        assert_eq!(spec, RunSpec::default());
        assert_eq!(spec.input.width, 256);
        let again = RunSpec::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
    }

    #[test]
    fn wrong_fields_are_named_by_their_path() {
        for (value, field) in [
            (json!({"train": {"batch_size": 0}}), "train.batch_size"),
            (json!({"train": {"epochs": 1_000_000_000}}), "train.epochs"),
            (json!({"train": {"epochz": 1}}), "train.epochz"),
            (json!({"input": {"channels": 2}}), "input.channels"),
            (
                json!({"train": {"optimizer": {"kind": "adam", "lr": -1.0}}}),
                "train.optimizer.lr",
            ),
        ] {
            let SpecError(errors) = RunSpec::from_value(value).unwrap_err();
            assert_eq!(errors[0].field, field, "{errors:?}");
        }
    }

    #[test]
    fn a_learning_rate_that_is_not_a_number_is_refused() {
        let mut spec = RunSpec::default();
        spec.train.optimizer = Optimizer::Adam {
            lr: f64::NAN,
            weight_decay: 0.0,
        };
        assert_eq!(spec.check()[0].field, "train.optimizer.lr");
    }

    #[test]
    fn merging_replaces_an_optimizer_of_another_kind() {
        let base = json!({"train": {"epochs": 9, "optimizer": {"kind": "sgd", "momentum": 0.9}}});
        let over = json!({"train": {"optimizer": {"kind": "adam"}}});
        assert_eq!(
            merge(base.clone(), over),
            json!({"train": {"epochs": 9, "optimizer": {"kind": "adam"}}})
        );
        let over = json!({"train": {"optimizer": {"momentum": 0.5}}});
        assert_eq!(
            merge(base, over),
            json!({"train": {"epochs": 9, "optimizer": {"kind": "sgd", "momentum": 0.5}}})
        );
    }
}
