//! The form's choice of a device, and how precise products are there.

use super::form_partial::{Partial, typed};
use crate::run::RunSpec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The fields as text; an empty one is not given and takes its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceForm {
    /// `auto`, `cpu` or `cuda:0`.
    pub device: String,
    /// `yes` or `no`.
    pub tf32: String,
}

/// A field's name in the form and its path in a spec.
pub const PATHS: [(&str, &str); 2] = [("device", "device"), ("tf32", "tf32")];

impl DeviceForm {
    /// The fields that a complete spec fills, what is typed standing above it.
    pub fn filled(&self, spec: &RunSpec) -> DeviceForm {
        let word = if spec.tf32 { "yes" } else { "no" };
        DeviceForm {
            device: typed(&self.device, spec.device.into()),
            tf32: typed(&self.tf32, word.to_owned()),
        }
    }

    /// Puts the fields that are filled in into a partial spec.
    pub fn put(&self, spec: &mut Partial) {
        spec.text("device", &self.device);
        if !self.tf32.is_empty() {
            spec.put("tf32", json!(self.tf32 == "yes"));
        }
    }
}
