//! The form's fields of augmentation, its presets, and the picture of what they do.

use super::form_partial::{Partial, typed};
use super::wording::setting;
use crate::run::{AUGMENT_PRESETS, Augment, AugmentPreset, OPERATIONS, Operation, RunSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The field that names a preset, whose settings then stand in place of the others.
const PRESET: &str = "augmentation";

/// The fields as text, by their names in the form; an empty one is not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub struct AugmentForm(BTreeMap<String, String>);

impl From<BTreeMap<String, String>> for AugmentForm {
    /// Of all the form's fields those that are of augmentation.
    fn from(mut fields: BTreeMap<String, String>) -> AugmentForm {
        fields.retain(|name, _| name == PRESET || OPERATIONS.iter().any(|o| o.form == name));
        AugmentForm(fields)
    }
}

/// The form's field of a spec's path.
pub fn field_of(path: &str) -> Option<&'static str> {
    let operation = OPERATIONS.iter().find(|operation| operation.path == path)?;
    Some(operation.form)
}

impl AugmentForm {
    fn text(&self, operation: &Operation) -> &str {
        self.0.get(operation.form).map_or("", String::as_str)
    }

    /// The fields of these settings.
    fn of(augment: &Augment) -> AugmentForm {
        let field =
            |(operation, value): (&Operation, f64)| (operation.form.to_owned(), setting(value));
        AugmentForm(augment.settings().map(field).collect())
    }

    /// The fields that count: those of the chosen preset, where one is chosen.
    pub fn chosen(self) -> AugmentForm {
        let name = self.0.get(PRESET);
        let preset = AUGMENT_PRESETS
            .iter()
            .find(|preset| name.is_some_and(|name| name == preset.name));
        preset.map_or(self, |preset| AugmentForm::of(&preset.settings))
    }

    /// The fields that a complete spec fills, what is typed standing above it.
    pub fn filled(&self, augment: &Augment) -> AugmentForm {
        let field = |(operation, value): (&Operation, f64)| {
            let text = typed(self.text(operation), setting(value));
            (operation.form.to_owned(), text)
        };
        AugmentForm(augment.settings().map(field).collect())
    }

    /// Puts the fields that are filled in into a partial spec.
    pub fn put(&self, spec: &mut Partial) {
        for operation in OPERATIONS {
            spec.number(operation.path, self.text(operation));
        }
    }

    /// Each operation with its field's text.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Operation, &str)> {
        OPERATIONS
            .iter()
            .map(|operation| (operation, self.text(operation)))
    }
}

/// The presets with the fields that they fill, as JSON for the script.
pub fn presets() -> impl Iterator<Item = (&'static AugmentPreset, String)> {
    AUGMENT_PRESETS.iter().map(|preset| {
        let AugmentForm(fields) = AugmentForm::of(&preset.settings);
        (preset, serde_json::json!(fields).to_string())
    })
}

/// "flip left to right 0.5, rotate (degrees) 10" of the settings that are on; empty where none is.
pub fn words(augment: &Augment) -> String {
    let on = augment.settings().filter(|(_, value)| *value != 0.0);
    let words = on.map(|(operation, value)| format!("{} {}", operation.title, setting(value)));
    words.collect::<Vec<_>>().join(", ").to_lowercase()
}

/// The picture of what a spec makes of the first images of its dataset.
pub struct Preview {
    pub address: String,
    /// The settings that are on.
    pub words: String,
}

/// None where a spec changes no image.
pub fn preview(spec: &RunSpec) -> Option<Preview> {
    let dataset = spec.dataset.as_ref().filter(|_| !spec.augment.is_off())?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (operation, value) in spec.augment.settings().filter(|(_, value)| *value != 0.0) {
        query.append_pair(operation.name, &setting(value));
    }
    for (name, value) in [
        ("seed", spec.train.seed),
        ("batch_size", spec.train.batch_size as u64),
        ("height", spec.input.height as u64),
        ("width", spec.input.width as u64),
        ("channels", spec.input.channels as u64),
    ] {
        query.append_pair(name, &value.to_string());
    }
    query.append_pair("sampling", spec.train.sampling.name());
    Some(Preview {
        address: format!(
            "/api/v1/datasets/{dataset}/augmented.png?{}",
            query.finish()
        ),
        words: words(&spec.augment),
    })
}
