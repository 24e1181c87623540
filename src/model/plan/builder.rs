//! From a list of layers to their shapes, one after the other.

use super::sum::sum;
use super::{ModelError, PlannedLayer};
use crate::model::{name, parameter, shape};
use crate::run::{Layer, LayerSpec, Residual};

/// A network has at most this many layers, those inside residual blocks included.
const MOST_LAYERS: usize = 200;
/// Residual blocks inside residual blocks.
const DEEPEST: usize = 3;
/// A network has at most this many trainable numbers.
const MOST_PARAMETERS: usize = 200_000_000;
/// One image makes at most this many numbers in all layers together: 1 GiB.
const MOST_ACTIVATIONS: usize = 1 << 28;

/// What has been planned so far.
pub(super) struct Builder {
    pub classes: usize,
    pub parameters: usize,
    pub activations: usize,
}

/// Layers of a list and of the blocks in it.
fn count(specs: &[LayerSpec]) -> usize {
    let inside = |spec: &LayerSpec| match &spec.layer {
        Layer::Residual(block) => count(&block.layers) + count(&block.shortcut),
        _ => 0,
    };
    specs.iter().map(|spec| 1 + inside(spec)).sum()
}

impl Builder {
    /// The network's own list.
    pub fn network(
        &mut self,
        specs: &[LayerSpec],
        input: &[usize],
    ) -> Result<Vec<PlannedLayer>, ModelError> {
        if specs.is_empty() {
            return Err(ModelError::whole(
                "the model has no layers: give at least { flatten = {} } and { linear = {} }",
            ));
        }
        let layers = count(specs);
        if layers > MOST_LAYERS {
            return Err(ModelError::whole(format!(
                "{layers} layers are too many: at most {MOST_LAYERS}"
            )));
        }
        self.list(specs, input, "", 0).map_err(ModelError::of_model)
    }

    /// A list whose names start with `prefix`, inside `depth` blocks.
    fn list(
        &mut self,
        specs: &[LayerSpec],
        input: &[usize],
        prefix: &str,
        depth: usize,
    ) -> Result<Vec<PlannedLayer>, ModelError> {
        let names = name::all(specs).map_err(|(position, message)| {
            ModelError::here(message).at(position, &specs[position])
        })?;
        let mut layers: Vec<PlannedLayer> = Vec::with_capacity(specs.len());
        for (position, (spec, name)) in specs.iter().zip(names).enumerate() {
            let input = layers.last().map_or(input, |last| &last.output).to_vec();
            let layer = self
                .layer(&spec.layer, input, format!("{prefix}{name}"), depth)
                .map_err(|error| error.at(position, spec))?;
            layers.push(layer);
        }
        Ok(layers)
    }

    fn layer(
        &mut self,
        layer: &Layer,
        input: Vec<usize>,
        name: String,
        depth: usize,
    ) -> Result<PlannedLayer, ModelError> {
        let mut layer = layer.clone();
        if let Layer::Linear(linear) = &mut layer {
            linear.out.get_or_insert(self.classes);
        }
        let before = self.parameters;
        let (mut body, mut shortcut) = (Vec::new(), Vec::new());
        let output = match &layer {
            Layer::Residual(block) => {
                (body, shortcut) = self.block(block, &input, &name, depth)?;
                sum(&body, &shortcut, &input).map_err(ModelError::here)?
            }
            _ => shape::output(&layer, &input).map_err(ModelError::here)?,
        };
        // A layer's own limits keep each product far below 2⁶³, so none of these sums can overflow.
        self.parameters += parameter::count(&layer, &input);
        self.activations += output.iter().product::<usize>();
        let parameters = self.parameters - before;
        self.check_size(parameters).map_err(ModelError::here)?;
        Ok(PlannedLayer {
            name,
            kind: layer.kind(),
            layer,
            input,
            output,
            parameters,
            note: None,
            body,
            shortcut,
        })
    }

    /// A residual block's layers and its shortcut's.
    fn block(
        &mut self,
        block: &Residual,
        input: &[usize],
        name: &str,
        depth: usize,
    ) -> Result<(Vec<PlannedLayer>, Vec<PlannedLayer>), ModelError> {
        if depth == DEEPEST {
            return Err(ModelError::here(format!(
                "more than {DEEPEST} residual blocks inside each other: write them one after the other"
            )));
        }
        if block.layers.is_empty() {
            return Err(ModelError::here(
                "has no layers to learn what is added: give at least one, such as { conv2d = { out = 16, kernel = 3, padding = 1 } }",
            ));
        }
        let mut part = |specs, list: &str, child: &str| {
            self.list(specs, input, &format!("{name}.{child}."), depth + 1)
                .map_err(|error| error.within(list))
        };
        Ok((
            part(&block.layers, "layers", "body")?,
            part(&block.shortcut, "shortcut", "shortcut")?,
        ))
    }

    fn check_size(&self, parameters: usize) -> Result<(), String> {
        if self.parameters > MOST_PARAMETERS {
            return Err(format!(
                "with its {parameters} parameters the network has {}, more than {MOST_PARAMETERS}: \
                 pool more before it, or make it narrower",
                self.parameters
            ));
        }
        if self.activations > MOST_ACTIVATIONS {
            return Err(format!(
                "up to here one image makes {} numbers, more than {MOST_ACTIVATIONS}: \
                 take smaller images, fewer channels, or pool earlier",
                self.activations
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Plan;
    use crate::run::ModelSpec;
    use serde_json::{Value, json};

    fn error(layers: Value, input: [usize; 3]) -> ModelError {
        let model = ModelSpec::Layers(serde_json::from_value(layers).unwrap());
        Plan::new(&model, input, 5).unwrap_err()
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
            let error = error(layers, [3, 16, 20]).to_string();
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
            let error = error(layers, [3, 1024, 1024]).to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn an_error_inside_a_residual_block_says_in_which_list_and_layer() {
        let conv = json!({"conv2d": {"out": 4, "kernel": 3, "padding": 1}});
        for (block, field, says) in [
            (
                json!({"layers": [conv, {"linear": {}}]}),
                "model.layers[1].residual.layers[1]",
                "layer 2 (stage, residual): in its layers, layer 2 (linear): gets 4 channels",
            ),
            (
                json!({"layers": [conv], "shortcut": [{"conv2d": {"out": 4, "kernel": 40}}]}),
                "model.layers[1].residual.shortcut[0]",
                "in its shortcut, layer 1 (conv2d): a window",
            ),
            (
                json!({"layers": [{"name": "a", "relu": {}}, {"name": "a", "relu": {}}]}),
                "model.layers[1].residual.layers[1]",
                "the name 'a'",
            ),
            (
                json!({"layers": []}),
                "model.layers[1]",
                "no layers to learn",
            ),
            (
                json!({"layers": [{"conv2d": {"out": 7, "kernel": 3, "stride": 2, "padding": 1}}]}),
                "model.layers[1]",
                "its layers give 7 channels of 8 × 10 and what comes in is 3 channels of 16 × 20, which cannot be added: \
                 give it shortcut = [ { conv2d = { out = 7, kernel = 1, stride = 2 } } ]",
            ),
            (
                json!({"layers": [{"flatten": {}}], "shortcut": [conv]}),
                "model.layers[1]",
                "its layers give 960 numbers and its shortcut gives 4 channels",
            ),
        ] {
            let layers = json!([{"relu": {}}, {"name": "stage", "residual": block}, {"flatten": {}}, {"linear": {}}]);
            let error = error(layers, [3, 16, 20]);
            assert_eq!(error.field, field);
            assert!(error.message.contains(says), "{error}");
        }
    }

    #[test]
    fn residual_blocks_may_be_neither_too_deep_nor_too_many() {
        let nested = |times: usize| {
            (0..times).fold(
                json!({"relu": {}}),
                |inner, _| json!({"residual": {"layers": [inner]}}),
            )
        };
        let network = |block: Value| json!([block, {"flatten": {}}, {"linear": {}}]);
        let model = ModelSpec::Layers(serde_json::from_value(network(nested(3))).unwrap());
        Plan::new(&model, [1, 4, 4], 5).unwrap();
        let deep = error(network(nested(4)), [1, 4, 4]);
        assert!(
            deep.message.contains("more than 3 residual blocks"),
            "{deep}"
        );
        let wide = json!({"residual": {"layers": vec![json!({"relu": {}}); 100], "shortcut": vec![json!({"relu": {}}); 100]}});
        assert!(
            error(network(wide), [1, 4, 4])
                .message
                .contains("203 layers")
        );
    }
}
