//! Which optimizer moves the weights, and with what settings.

use super::check::Errors;
use serde::{Deserialize, Serialize};

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
        #[serde(default)]
        decay: Decay,
    },
    Adam {
        #[serde(default = "adam_lr")]
        lr: f64,
        #[serde(default)]
        weight_decay: f64,
        #[serde(default)]
        decay: Decay,
    },
    AdamW {
        #[serde(default = "adam_lr")]
        lr: f64,
        #[serde(default = "adamw_weight_decay")]
        weight_decay: f64,
        #[serde(default)]
        decay: Decay,
    },
}

/// What weight decay pulls towards zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Every parameter, as PyTorch does where nothing else is said.
    #[default]
    All,
    /// Tensors of two axes or more: biases and a norm's scale and shift are left alone. PyTorch's two parameter groups.
    Weights,
}

impl Decay {
    pub fn name(self) -> &'static str {
        match self {
            Decay::All => "all",
            Decay::Weights => "weights",
        }
    }

    /// True where a parameter of this shape is pulled.
    pub fn takes(self, shape: &[usize]) -> bool {
        match self {
            Decay::All => true,
            Decay::Weights => shape.len() > 1,
        }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::Adam {
            lr: adam_lr(),
            weight_decay: 0.0,
            decay: Decay::All,
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

    /// The learning rate that it takes where none is written.
    pub fn default_lr(&self) -> f64 {
        match self {
            Optimizer::Sgd { .. } => sgd_lr(),
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } => adam_lr(),
        }
    }

    pub fn set_lr(&mut self, to: f64) {
        match self {
            Optimizer::Sgd { lr, .. }
            | Optimizer::Adam { lr, .. }
            | Optimizer::AdamW { lr, .. } => *lr = to,
        }
    }

    pub fn weight_decay(&self) -> f64 {
        match *self {
            Optimizer::Sgd { weight_decay, .. }
            | Optimizer::Adam { weight_decay, .. }
            | Optimizer::AdamW { weight_decay, .. } => weight_decay,
        }
    }

    pub fn decay(&self) -> Decay {
        match *self {
            Optimizer::Sgd { decay, .. }
            | Optimizer::Adam { decay, .. }
            | Optimizer::AdamW { decay, .. } => decay,
        }
    }

    pub fn nesterov(&self) -> bool {
        matches!(self, Optimizer::Sgd { nesterov: true, .. })
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Optimizer::Sgd { .. } => "sgd",
            Optimizer::Adam { .. } => "adam",
            Optimizer::AdamW { .. } => "adamw",
        }
    }

    pub(super) fn check(&self, errors: &mut Errors) {
        let lr = self.lr();
        if !(lr > 0.0 && lr <= 100.0) {
            errors.say(
                "train.optimizer.lr",
                format!("{lr} is no learning rate: above 0 and at most 100, such as 0.001"),
            );
        }
        if !(0.0..=10.0).contains(&self.weight_decay()) {
            errors.say("train.optimizer.weight_decay", "from 0 to 10");
        }
        if let Optimizer::Sgd {
            momentum, nesterov, ..
        } = *self
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
