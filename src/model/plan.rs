//! The shapes and parameters that a list of layers has for one input size and number of classes.

use super::{PlannedTensor, name, parameter, preset, presets, shape};
use crate::run::{Layer, LayerSpec, ModelSpec};
use serde::Serialize;

/// A network has at most this many layers.
const MOST_LAYERS: usize = 200;
/// A network has at most this many trainable numbers.
const MOST_PARAMETERS: usize = 200_000_000;
/// One image makes at most this many numbers in all layers together: 1 GiB.
const MOST_ACTIVATIONS: usize = 1 << 28;
/// Pixels in height and width of an input.
const MOST_PIXELS: usize = 1024;
const MOST_CLASSES: usize = 65_536;

/// One layer of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedLayer {
    /// The prefix of its parameters' names: `layer1.0`, `flc`, or the layer's position from 0 as in PyTorch's `Sequential`.
    pub name: String,
    pub kind: &'static str,
    /// As the spec has it, `out` of a linear layer filled in.
    #[serde(skip)]
    pub layer: Layer,
    /// Without the batch axis: [C, H, W], \[F\] or [T, F].
    pub input: Vec<usize>,
    pub output: Vec<usize>,
    /// Trainable numbers.
    pub parameters: usize,
    /// What a user may not expect of this layer in this place, such as weights that do nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

impl PlannedLayer {
    /// Its parameters and running statistics as PyTorch names and shapes them, in PyTorch's order.
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

/// A layer that does not fit, and why.
#[derive(Clone, Debug, thiserror::Error, Serialize)]
#[error("{}{message}", .layer.map_or(String::new(), |i| self.whose(i)))]
pub struct ModelError {
    /// Position in the list, from 0; none where the whole is meant.
    pub layer: Option<usize>,
    /// The name that the spec gives the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    pub message: String,
}

impl ModelError {
    /// An error of the model as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        ModelError {
            layer: None,
            name: None,
            kind: None,
            message: message.into(),
        }
    }

    fn at(position: usize, spec: &LayerSpec, message: impl Into<String>) -> Self {
        ModelError {
            layer: Some(position),
            name: spec.name.clone(),
            kind: Some(spec.layer.kind()),
            message: message.into(),
        }
    }

    /// `layer 4 (flc, linear): `.
    fn whose(&self, position: usize) -> String {
        let words: Vec<&str> = self.name.as_deref().into_iter().chain(self.kind).collect();
        format!("layer {} ({}): ", position + 1, words.join(", "))
    }
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
        if specs.is_empty() {
            return Err(ModelError::whole(
                "the model has no layers: give at least { flatten = {} } and { linear = {} }",
            ));
        }
        if specs.len() > MOST_LAYERS {
            return Err(ModelError::whole(format!(
                "{} layers are too many: at most {MOST_LAYERS}",
                specs.len()
            )));
        }
        let names = name::all(specs)
            .map_err(|(position, message)| ModelError::at(position, &specs[position], message))?;

        let mut plan = Plan {
            layers: Vec::with_capacity(specs.len()),
            parameters: 0,
            activations: input.iter().product(),
            input: input.to_vec(),
            classes,
        };
        for (position, (spec, name)) in specs.iter().zip(names).enumerate() {
            plan.push(spec, name)
                .map_err(|message| ModelError::at(position, spec, message))?;
        }
        plan.check_result(specs)?;
        Ok(plan)
    }

    /// The shape that the next layer gets.
    fn output(&self) -> &[usize] {
        self.layers.last().map_or(&self.input, |last| &last.output)
    }

    fn push(&mut self, spec: &LayerSpec, name: String) -> Result<(), String> {
        let mut layer = spec.layer.clone();
        if let Layer::Linear(linear) = &mut layer {
            linear.out.get_or_insert(self.classes);
        }
        let input = self.output().to_vec();
        let output = shape::output(&layer, &input)?;
        // A layer's own limits keep each product far below 2⁶³, so none of these sums can overflow.
        let parameters = parameter::count(&layer, &input);
        self.parameters += parameters;
        if self.parameters > MOST_PARAMETERS {
            return Err(format!(
                "with its {parameters} parameters the network has {}, more than {MOST_PARAMETERS}: \
                 pool more before it, or make it narrower",
                self.parameters
            ));
        }
        self.activations += output.iter().product::<usize>();
        if self.activations > MOST_ACTIVATIONS {
            return Err(format!(
                "up to here one image makes {} numbers, more than {MOST_ACTIVATIONS}: \
                 take smaller images, fewer channels, or pool earlier",
                self.activations
            ));
        }
        let note = note(self.layers.last().map(|l| &l.layer), &layer, &input);
        if let (Layer::BatchNorm(_), Some(before)) = (&layer, self.layers.last_mut())
            && matches!(&before.layer, Layer::Conv2d(c) if c.bias)
        {
            before.note =
                Some("its bias does nothing: the batch norm right after it subtracts the mean");
        }
        self.layers.push(PlannedLayer {
            name,
            kind: layer.kind(),
            layer,
            input,
            output,
            parameters,
            note,
        });
        Ok(())
    }

    fn check_result(&self, specs: &[LayerSpec]) -> Result<(), ModelError> {
        let last = specs.len() - 1;
        let output = self.output();
        if output != [self.classes] {
            let advice = match output {
                [_] => "leave out `out` in the last linear layer, and it is the number of classes",
                [_, _] => "end with { last_step = {} } and { linear = {} }",
                _ => "end with { flatten = {} } and { linear = {} }",
            };
            return Err(ModelError::at(
                last,
                &specs[last],
                format!(
                    "the network ends with {} an image, where one score for each of {} classes is wanted: {advice}",
                    shape::words(output),
                    self.classes
                ),
            ));
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
        self.layers.iter().flat_map(PlannedLayer::tensors).collect()
    }

    /// True where batch norm sees one number an image and feature, so that a batch of one image has no variance.
    pub fn needs_two_images(&self) -> bool {
        self.layers.iter().any(|l| {
            matches!(l.layer, Layer::BatchNorm(_)) && l.input[1..].iter().product::<usize>() == 1
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

/// Facts that follow from where a layer stands; `input` is its own.
fn note(before: Option<&Layer>, layer: &Layer, input: &[usize]) -> Option<&'static str> {
    match layer {
        Layer::Lstm(_) | Layer::Gru(_) if input[0] == 1 => Some(
            "over a sequence of length one its recurrent weights (weight_hh) do nothing: \
             each step starts from a zero state and there is only one",
        ),
        Layer::LastStep
            if matches!(before, Some(Layer::Lstm(l) | Layer::Gru(l)) if l.bidirectional)
                && input[0] > 1 =>
        {
            Some("of the backward direction the last step has seen only the last element")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan(layers: serde_json::Value) -> Result<Plan, ModelError> {
        plan_of(layers, [3, 16, 20], 5)
    }

    fn plan_of(
        layers: serde_json::Value,
        input: [usize; 3],
        classes: usize,
    ) -> Result<Plan, ModelError> {
        Plan::new(
            &ModelSpec::Layers(serde_json::from_value(layers).unwrap()),
            input,
            classes,
        )
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
    fn a_layer_that_does_not_fit_is_named_with_what_to_do() {
        for (layers, says) in [
            (
                json!([{"conv2d": {"out": 4, "kernel": 3}}, {"name": "head", "linear": {}}]),
                "layer 2 (head, linear): gets 4 channels of 14 × 18; put { flatten = {} } before it",
            ),
            (
                json!([{"max_pool": {"kernel": 40}}]),
                "layer 1 (max_pool): a window of 40 × 40 does not fit into 16 × 20",
            ),
            (
                json!([{"flatten": {}}, {"lstm": {"hidden": 4}}]),
                "{ sequence = { of = \"one\" } }",
            ),
            (
                json!([{"flatten": {}}, {"linear": {"out": 7}}]),
                "each of 5 classes",
            ),
            (json!([{"relu": {}}]), "each of 5 classes"),
            (
                json!([{"adaptive_avg_pool": {}}, {"flatten": {}}]),
                "3 numbers",
            ),
            (json!([]), "no layers"),
            (json!([{"name": "a b", "relu": {}}]), "'a b'"),
            (
                json!([{"name": "x", "flatten": {}}, {"name": "x", "linear": {}}]),
                "layer 2 (x, linear): the name 'x'",
            ),
            (
                json!([{"name": "x", "flatten": {}}, {"name": "x.y", "linear": {}}]),
                "inside",
            ),
            (json!([{"dropout": {"p": 1.0}}]), "p = 1"),
            (json!([{"batch_norm": {"eps": 0.0}}]), "eps"),
            (json!([{"conv2d": {"out": 0, "kernel": 3}}]), "out = 0"),
            (json!([{"conv2d": {"out": 4, "kernel": 0}}]), "kernel"),
            (
                json!([{"conv2d": {"out": 4, "kernel": 3, "stride": 0}}]),
                "stride",
            ),
            (
                json!([{"max_pool": {"kernel": 2, "padding": 2}}]),
                "padding",
            ),
        ] {
            let error = plan(layers).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn nothing_that_is_too_large_is_planned() {
        for (layers, says) in [
            (
                json!([{"flatten": {}}, {"linear": {"out": usize::MAX}}]),
                "out",
            ),
            (
                json!([{"conv2d": {"out": 65_536, "kernel": 1}}, {"flatten": {}}]),
                "channels",
            ),
            (
                json!([{"conv2d": {"out": 4, "kernel": usize::MAX, "padding": usize::MAX}}]),
                "kernel",
            ),
            (
                json!([{"flatten": {}}, {"linear": {"out": 65_536}}, {"linear": {"out": 65_536}}]),
                "parameters",
            ),
            (json!(vec![json!({"relu": {}}); 201]), "201 layers"),
            (
                json!([{"flatten": {}}, {"sequence": {"of": "one"}}, {"lstm": {"hidden": 1_000_000_000_u64}}]),
                "hidden",
            ),
        ] {
            let error = plan_of(layers, [3, 1024, 1024], 5).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
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
        let plan = plan(json!([{"flatten": {}}, {"linear": {}}])).unwrap();
        let names: Vec<String> = plan.tensors().into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["1.weight", "1.bias"]);
    }

    #[test]
    fn batch_norm_of_single_numbers_needs_two_images() {
        let flat = json!([{"flatten": {}}, {"batch_norm": {}}, {"linear": {}}]);
        assert!(plan(flat).unwrap().needs_two_images());
        let wide = json!([{"batch_norm": {}}, {"flatten": {}}, {"linear": {}}]);
        assert!(!plan(wide).unwrap().needs_two_images());
    }
}
