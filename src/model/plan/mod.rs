//! The shapes and parameters that a list of layers has for one input size and number of classes.

mod builder;
mod error;
mod note;
mod place;
mod sum;

pub use error::ModelError;
pub(super) use note::zero_gradient;
pub use place::Place;

use super::{PlannedTensor, parameter, preset, presets, shape};
use crate::run::{Layer, LayerSpec, ModelSpec};
use builder::Builder;
use serde::Serialize;

/// Pixels in height and width of an input.
const MOST_PIXELS: usize = 1024;
const MOST_CLASSES: usize = 65_536;

/// One layer of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedLayer {
    /// The prefix of its parameters' names: `layer1.0`, `flc`, or the layer's position from 0 as in PyTorch's
    /// `Sequential`; inside a residual block after its name and `body` or `shortcut`: `stage1.body.0`.
    pub name: String,
    pub kind: &'static str,
    /// As the spec has it, `out` of a linear layer filled in.
    #[serde(skip)]
    pub layer: Layer,
    /// Without the batch axis: [C, H, W], \[F\] or [T, F].
    pub input: Vec<usize>,
    pub output: Vec<usize>,
    /// Trainable numbers; a residual block's are those inside it.
    pub parameters: usize,
    /// What a user may not expect of this layer in this place, such as weights that do nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    /// A residual block's layers; of others none, and so their shortcut.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<PlannedLayer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shortcut: Vec<PlannedLayer>,
}

impl PlannedLayer {
    /// Its own parameters and running statistics as PyTorch names and shapes them, in PyTorch's order; a residual block
    /// has none but those of its layers.
    pub fn tensors(&self) -> Vec<PlannedTensor> {
        parameter::tensors(&self.name, &self.layer, &self.input)
    }
}

/// An architecture that fits: every layer with its shapes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub layers: Vec<PlannedLayer>,
    pub parameters: usize,
    /// Numbers that one image makes in all layers together: memory for a batch is a few times this, times four bytes.
    pub activations: usize,
    /// [C, H, W].
    pub input: Vec<usize>,
    pub classes: usize,
}

impl Plan {
    /// Works out shapes for an input (channels, height, width) in pixels.
    ///
    /// The first layer that does not fit is the error; so is anything too large to be trained in memory.
    pub fn new(model: &ModelSpec, input: [usize; 3], classes: usize) -> Result<Plan, ModelError> {
        check_ends(input, classes)?;
        let specs = match model {
            ModelSpec::Layers(layers) => layers,
            ModelSpec::Preset(name) => {
                let known = preset(name).ok_or_else(|| {
                    let names: Vec<&str> = presets().iter().map(|p| p.name).collect();
                    ModelError::whole(format!(
                        "no preset is called '{name}': there are {}",
                        names.join(", ")
                    ))
                })?;
                &known.layers
            }
        };
        let mut builder = Builder {
            classes,
            parameters: 0,
            activations: input.iter().product(),
        };
        let layers = builder.network(specs, &input)?;
        let mut plan = Plan {
            layers,
            parameters: builder.parameters,
            activations: builder.activations,
            input: input.to_vec(),
            classes,
        };
        plan.check_result(specs)?;
        let notes: Vec<_> = plan.places().iter().map(note::note).collect();
        let mut notes = notes.into_iter();
        plan.for_each_layer(|layer| layer.note = notes.next().flatten());
        Ok(plan)
    }

    fn check_result(&self, specs: &[LayerSpec]) -> Result<(), ModelError> {
        let last = specs.len() - 1;
        let output = self.layers.last().map_or(&self.input, |last| &last.output);
        if *output != [self.classes] {
            let advice = match output[..] {
                [_] => "leave out `out` in the last linear layer, and it is the number of classes",
                [_, _] => "end with { last_step = {} } and { linear = {} }",
                _ => "end with { flatten = {} } and { linear = {} }",
            };
            let message = format!(
                "the network ends with {} an image, where one score for each of {} classes is wanted: {advice}",
                shape::words(output),
                self.classes
            );
            return Err(ModelError::here(message).at(last, &specs[last]).of_model());
        }
        if self.parameters == 0 {
            return Err(ModelError::whole(
                "no layer has weights, so there is nothing to train: add { linear = {} }",
            ));
        }
        Ok(())
    }

    /// Parameters and running statistics of all layers by PyTorch's names, in order: what a checkpoint holds.
    pub fn tensors(&self) -> Vec<PlannedTensor> {
        let places = self.places();
        places
            .iter()
            .flat_map(|place| place.layer.tensors())
            .collect()
    }

    /// True where batch norm sees one number an image and feature, so that a batch of one image has no variance.
    pub fn needs_two_images(&self) -> bool {
        self.places().iter().any(|Place { layer, .. }| {
            matches!(layer.layer, Layer::BatchNorm(_))
                && layer.input[1..].iter().product::<usize>() == 1
        })
    }
}

fn check_ends([channels, height, width]: [usize; 3], classes: usize) -> Result<(), ModelError> {
    if !matches!(channels, 1 | 3) {
        return Err(ModelError::whole(format!(
            "images have 1 or 3 channels, not {channels}"
        )));
    }
    if !(1..=MOST_PIXELS).contains(&height) || !(1..=MOST_PIXELS).contains(&width) {
        return Err(ModelError::whole(format!(
            "an image of {height} × {width} pixels is outside 1 to {MOST_PIXELS} a side"
        )));
    }
    if !(2..=MOST_CLASSES).contains(&classes) {
        return Err(ModelError::whole(format!(
            "{classes} classes: a classifier needs from 2 to {MOST_CLASSES}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan(layers: serde_json::Value) -> Plan {
        let model = ModelSpec::Layers(serde_json::from_value(layers).unwrap());
        Plan::new(&model, [3, 16, 20], 5).unwrap()
    }

    #[test]
    fn the_questions_network_has_its_parameters_shapes_and_names() {
        let model = ModelSpec::Preset("cnn-bilstm".to_owned());
        let plan = Plan::new(&model, [3, 128, 256], 9).unwrap();
        assert_eq!(plan.parameters, 4_278_339);
        let names: Vec<String> = plan.tensors().into_iter().map(|t| t.name).collect();
        assert_eq!(names.len(), 3 * 6 + 2 + 16 + 2);
        for name in [
            "layer1.0.weight",
            "layer1.1.running_mean",
            "layer3.1.bias",
            "flc.weight",
            "blstm.weight_ih_l1_reverse",
            "flc2.bias",
        ] {
            assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
        }
        let flc = plan.layers.iter().find(|l| l.name == "flc").unwrap();
        assert_eq!(
            (&flc.input[..], &flc.output[..]),
            (&[1, 4096][..], &[1, 1024][..])
        );
        assert!(
            plan.layers
                .iter()
                .any(|l| l.kind == "lstm" && l.note.is_some())
        );
    }

    #[test]
    fn the_tensors_hold_as_many_numbers_as_are_counted() {
        for preset in presets() {
            let plan =
                Plan::new(&ModelSpec::Preset(preset.name.to_owned()), [3, 64, 128], 9).unwrap();
            let numbers: usize = plan
                .tensors()
                .iter()
                .filter(|t| t.trainable)
                .map(|t| t.shape.iter().product::<usize>())
                .sum();
            assert_eq!(numbers, plan.parameters, "{}", preset.name);
        }
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_known_ones() {
        let model = ModelSpec::Preset("resnet".to_owned());
        let error = Plan::new(&model, [3, 8, 8], 2).unwrap_err().to_string();
        assert!(
            error.contains("'resnet'") && error.contains("cnn-flat"),
            "{error}"
        );
    }

    #[test]
    fn unnamed_layers_are_numbered_from_zero() {
        let plan = plan(json!([{"flatten": {}}, {"linear": {}}]));
        let names: Vec<String> = plan.tensors().into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["1.weight", "1.bias"]);
    }

    #[test]
    fn batch_norm_of_single_numbers_needs_two_images() {
        let flat = json!([{"flatten": {}}, {"batch_norm": {}}, {"linear": {}}]);
        assert!(plan(flat).needs_two_images());
        let wide = json!([{"batch_norm": {}}, {"flatten": {}}, {"linear": {}}]);
        assert!(!plan(wide).needs_two_images());
    }

    #[test]
    fn layers_inside_a_residual_block_are_named_after_it_and_counted() {
        let model = ModelSpec::Preset("resnet-small".to_owned());
        let plan = Plan::new(&model, [3, 128, 256], 9).unwrap();
        let names: Vec<String> = plan.tensors().into_iter().map(|t| t.name).collect();
        for name in [
            "stem.conv.weight",
            "stage1.body.conv1.weight",
            "stage2.body.norm2.running_var",
            "stage3.shortcut.conv.weight",
            "classifier.bias",
        ] {
            assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
        }
        let of_stages: usize = plan.layers.iter().map(|l| l.parameters).sum();
        assert_eq!((plan.parameters, of_stages), (77_977, 77_977));
    }

    #[test]
    fn a_bias_at_the_end_of_a_block_before_batch_norm_is_noted_and_gets_no_gradient() {
        let plan = plan(json!([
            {"residual": {"layers": [{"conv2d": {"out": 3, "kernel": 1}}, {"relu": {}}, {"conv2d": {"out": 3, "kernel": 1}}]}},
            {"batch_norm": {}}, {"flatten": {}}, {"linear": {}}
        ]));
        let places = plan.places();
        let idle: Vec<&str> = places
            .iter()
            .filter(|place| zero_gradient(place, ".bias").is_some())
            .map(|place| place.layer.name.as_str())
            .collect();
        assert_eq!(idle, ["0.body.2"]);
        let noted = places.iter().filter(|place| place.layer.note.is_some());
        assert_eq!(noted.count(), 1);
    }
}
