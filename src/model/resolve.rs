//! From what a user writes to a complete spec, and from a spec to its plan.

use super::{ModelError, Plan, preset};
use crate::run::{FieldError, RunSpec, SpecError, merge};
use serde_json::{Map, Value, json};

/// Where a dataset's images are larger, the size that is proposed is scaled down to this many pixels on the longer side.
const LONGEST_PROPOSED: u32 = 256;
/// One batch makes at most this many numbers in all layers together: 32 GiB.
const MOST_BATCH_ACTIVATIONS: usize = 1 << 33;

/// Completes a partial spec: global defaults, upon them the dataset's commonest (height, width), upon them what the
/// preset ships with, upon them what the user wrote.
///
/// Used by `train --data`, the HTTP API and the form alike.
pub fn resolve(user: Value, common_size: Option<(u32, u32)>) -> Result<RunSpec, SpecError> {
    RunSpec::from_value(complete(user, common_size)?)
}

/// As [`resolve`], before the fields are read.
pub(super) fn complete(user: Value, common_size: Option<(u32, u32)>) -> Result<Value, SpecError> {
    let mut spec = serde_json::to_value(RunSpec::default()).map_err(|e| whole(e.to_string()))?;
    if let Some((height, width)) = common_size {
        let (height, width) = proposed_size(height, width);
        spec = merge(spec, json!({"input": {"height": height, "width": width}}));
    }
    let model = user.get("model").unwrap_or(&spec["model"]);
    let shipped = model
        .get("preset")
        .and_then(Value::as_str)
        .and_then(preset)
        .map(|p| p.spec.clone());
    if let Some(shipped) = shipped {
        spec = merge(spec, shipped);
    }
    if !user.is_object() {
        return Err(whole("a spec is a table of settings"));
    }
    Ok(merge(spec, user))
}

/// The plan of a run's network; what does not fit is the error of a field of the spec.
pub fn plan_for(spec: &RunSpec, classes: usize) -> Result<Plan, SpecError> {
    let input = &spec.input;
    let plan = Plan::new(
        &spec.model,
        [input.channels, input.height, input.width],
        classes,
    )?;
    let batch = spec.train.batch_size;
    let mut errors = Vec::new();
    if batch.saturating_mul(plan.activations) > MOST_BATCH_ACTIVATIONS {
        errors.push(FieldError {
            field: "train.batch_size".to_owned(),
            message: format!(
                "a batch of {batch} makes {} numbers in this network, more than {MOST_BATCH_ACTIVATIONS}: \
                 take at most {}, or smaller images",
                batch.saturating_mul(plan.activations),
                MOST_BATCH_ACTIVATIONS / plan.activations
            ),
        });
    }
    if batch == 1 && plan.needs_two_images() {
        errors.push(FieldError {
            field: "train.batch_size".to_owned(),
            message:
                "batch norm over single numbers has no variance in a batch of one: take at least 2"
                    .to_owned(),
        });
    }
    if errors.is_empty() {
        Ok(plan)
    } else {
        Err(SpecError(errors))
    }
}

impl From<ModelError> for SpecError {
    fn from(error: ModelError) -> SpecError {
        let ModelError { field, message } = error;
        SpecError(vec![FieldError { field, message }])
    }
}

/// A partial spec of the tables that a preset's file has.
pub(super) fn shipped_table(train: Value, input: Value) -> Value {
    let tables = [("train", train), ("input", input)];
    let given = tables.into_iter().filter(|(_, table)| !table.is_null());
    Value::Object(Map::from_iter(
        given.map(|(name, table)| (name.to_owned(), table)),
    ))
}

/// The size itself, or the same shape with at most [`LONGEST_PROPOSED`] pixels a side.
fn proposed_size(height: u32, width: u32) -> (u32, u32) {
    let longest = height.max(width);
    if longest <= LONGEST_PROPOSED {
        return (height.max(1), width.max(1));
    }
    let scale = f64::from(LONGEST_PROPOSED) / f64::from(longest);
    let scaled = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
    (scaled(height), scaled(width))
}

fn whole(message: impl Into<String>) -> SpecError {
    SpecError(vec![FieldError {
        field: String::new(),
        message: message.into(),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{ModelSpec, Optimizer};

    #[test]
    fn what_the_user_writes_stands_above_the_preset_and_the_preset_above_the_defaults() {
        let spec = resolve(
            json!({"model": {"preset": "cnn-bilstm"}, "train": {"seed": 7, "optimizer": {"lr": 0.5}}}),
            Some((64, 128)),
        )
        .unwrap();
        assert_eq!(spec.train.epochs, 60);
        assert_eq!(spec.train.seed, 7);
        assert_eq!((spec.input.height, spec.input.width), (64, 128));
        let Optimizer::Sgd { lr, momentum, .. } = spec.train.optimizer else {
            panic!("{:?}", spec.train.optimizer);
        };
        assert_eq!((lr, momentum), (0.5, 0.9));
    }

    #[test]
    fn nothing_written_is_the_default_preset_with_what_it_ships() {
        let spec = resolve(json!({}), None).unwrap();
        assert_eq!(spec.model, ModelSpec::Preset("cnn-flat".to_owned()));
        assert_eq!(spec.train.epochs, 15);
    }

    #[test]
    fn own_layers_get_the_defaults() {
        let layers = json!([{"flatten": {}}, {"linear": {}}]);
        let spec = resolve(json!({"model": {"layers": layers}}), None).unwrap();
        assert_eq!(spec.train, crate::run::TrainSpec::default());
    }

    #[test]
    fn photographs_are_proposed_smaller_in_their_own_shape() {
        assert_eq!(proposed_size(28, 28), (28, 28));
        assert_eq!(proposed_size(3000, 4000), (192, 256));
        assert_eq!(proposed_size(1, 100_000), (1, 256));
    }

    #[test]
    fn a_model_that_does_not_fit_is_an_error_of_its_field() {
        for (user, field) in [
            (json!({"model": {"preset": "nonsense"}}), "model"),
            (
                json!({"model": {"layers": [{"flatten": {}}, {"linear": {"out": 3}}]}}),
                "model.layers[1]",
            ),
            (
                json!({"train": {"batch_size": 4096}, "input": {"height": 1024, "width": 1024}}),
                "train.batch_size",
            ),
        ] {
            let error = plan_for(&resolve(user, None).unwrap(), 9).unwrap_err();
            assert_eq!(error.0[0].field, field, "{error}");
        }
        assert!(resolve(json!([]), None).is_err());
    }
}
