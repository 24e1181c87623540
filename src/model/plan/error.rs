//! Why an architecture does not fit, and where.

use crate::run::LayerSpec;

/// A layer that does not fit, or a whole that does not.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// The spec's field: `model`, `model.layers[3]`, `model.layers[3].residual.shortcut[0]`.
    pub field: String,
    /// Names the layer, as in `layer 4 (flc, linear): …`, and says what to do.
    pub message: String,
}

impl ModelError {
    /// An error of the model as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        ModelError {
            field: "model".to_owned(),
            message: message.into(),
        }
    }

    /// An error of a layer whose place is still to be said, by [`ModelError::at`] and [`ModelError::within`] from the
    /// inside out.
    pub(super) fn here(message: impl Into<String>) -> Self {
        ModelError {
            field: String::new(),
            message: message.into(),
        }
    }

    /// Says which layer of its list it is about.
    pub(super) fn at(self, position: usize, spec: &LayerSpec) -> Self {
        let kind = spec.layer.kind();
        let words: Vec<&str> = spec.name.as_deref().into_iter().chain([kind]).collect();
        ModelError {
            field: format!("[{position}]{}", self.field),
            message: format!(
                "layer {} ({}): {}",
                position + 1,
                words.join(", "),
                self.message
            ),
        }
    }

    /// Says which list of a residual block it is about: its `layers` or its `shortcut`.
    pub(super) fn within(self, list: &str) -> Self {
        ModelError {
            field: format!(".residual.{list}{}", self.field),
            message: format!("in its {list}, {}", self.message),
        }
    }

    /// Says that it is about the model's own list.
    pub(super) fn of_model(self) -> Self {
        ModelError {
            field: format!("model.layers{}", self.field),
            message: self.message,
        }
    }
}
