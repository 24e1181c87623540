//! The shapes and parameters that a list of layers has for one input size and number of classes.

use crate::run::{Layer, ModelSpec};
use serde::Serialize;

/// One layer of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedLayer {
    /// The prefix of its parameters' names: `layer1.0`, `flc`, or the layer's number.
    pub name: String,
    pub kind: &'static str,
    #[serde(skip)]
    pub layer: Layer,
    /// Without the batch axis: [C, H, W], [F] or [T, F].
    pub input: Vec<usize>,
    pub output: Vec<usize>,
    /// Trainable numbers.
    pub parameters: usize,
}

/// An architecture that fits: every layer with its shapes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub layers: Vec<PlannedLayer>,
    pub parameters: usize,
    /// [C, H, W].
    pub input: Vec<usize>,
    pub classes: usize,
}

/// A layer that does not fit, and why.
#[derive(Clone, Debug, thiserror::Error, Serialize)]
#[error("layer {}: {message}", .layer.map_or("?".to_owned(), |i| (i + 1).to_string()))]
pub struct ModelError {
    /// Position in the list, from 0; none where the whole is meant.
    pub layer: Option<usize>,
    pub message: String,
}

impl Plan {
    /// Works out shapes for an input (channels, height, width) in pixels.
    pub fn new(
        _model: &ModelSpec,
        _input: [usize; 3],
        _classes: usize,
    ) -> Result<Plan, ModelError> {
        todo!()
    }
}
