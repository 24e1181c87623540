//! The spec of a run: what a form, a TOML file or a JSON body asks for. Everything has a default; unknown fields are errors.

use super::check::Errors;
use super::{Augment, InputSpec, LayerSpec, Normalize, TrainSpec, Variation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field that is wrong, by its dotted path, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
    #[schema(value_type = String)]
    pub device: Device,
    /// True: matrix products on a card round what they multiply to TensorFloat-32, ten bits behind the point, as PyTorch's
    /// `allow_tf32` lets them; faster on cards of compute capability 8.0 and more. Nothing changes on the processor.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tf32: bool,
    pub test: TestFigures,
    pub keep: Keep,
    pub train: TrainSpec,
    pub input: InputSpec,
    pub augment: Augment,
    /// What is trained on in place of the dataset as it is.
    #[serde(skip_serializing_if = "Variation::is_none")]
    pub variation: Variation,
    /// True for a run that somebody's own script reports; it is not launched here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub external: bool,
}

/// A preset by name, or layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelSpec {
    Preset(String),
    #[schema(value_type = Vec<Object>)]
    Layers(Vec<LayerSpec>),
}

impl Default for ModelSpec {
    fn default() -> Self {
        ModelSpec::Preset("cnn-flat".to_owned())
    }
}

/// Whether a run's figures on the test images are shown while it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TestFigures {
    /// After each epoch.
    #[default]
    Shown,
    /// Measured and kept by the server, and shown to nobody until somebody reveals them.
    Sealed,
}

/// Which checkpoints stay of a run that is done; one that may be resumed keeps them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The weights of the best and of the last epoch, and the state.
    #[default]
    Both,
    /// The weights of the epoch that validation chose.
    Best,
    /// The weights of the last epoch.
    Last,
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
                .ok_or_else(|| format!("'{s}' is no device: write auto, cpu or cuda:0 (gapwatch devices lists what is there)")),
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
        let mut errors = Errors::default();
        errors.text("name", &self.name, 200);
        errors.text("notes", &self.notes, 10_000);
        if self.tags.len() > 20 {
            errors.say("tags", "at most 20 tags");
        }
        for tag in &self.tags {
            errors.text("tags", tag, 50);
        }
        self.train.check(&mut errors);
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
        errors.0.extend(self.augment.check());
        errors.0.extend(self.variation.check());
        errors.0
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Decay, Optimizer};
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
            (json!({"train": {"clip_norm": -1.0}}), "train.clip_norm"),
            (
                json!({"train": {"label_smoothing": 1.0}}),
                "train.label_smoothing",
            ),
            (
                json!({"train": {"class_weights": "heavy"}}),
                "train.class_weights",
            ),
            (json!({"train": {"sampling": 3}}), "train.sampling"),
            (json!({"train": {"ema_decay": 1.0}}), "train.ema_decay"),
            (
                json!({"train": {"schedule": {"kind": "step", "step_size": 0}}}),
                "train.schedule.step_size",
            ),
            (
                json!({"train": {"epochs": 3, "schedule": {"kind": "cosine", "warm_up": 3}}}),
                "train.schedule.warm_up",
            ),
            (
                json!({"train": {"schedule": {"kind": "plateau", "min_lr": 5.0}}}),
                "train.schedule.min_lr",
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
            decay: Decay::All,
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
