//! Architectures that come with Gapwatch, each with the settings that it trains well with.

use super::resolve::shipped_table;
use crate::run::LayerSpec;
use serde::Deserialize;
use serde_json::Value;
use std::sync::LazyLock;

/// A file of `data/presets/`.
#[derive(Clone, Debug)]
pub struct Preset {
    /// The file's name: `cnn-flat`.
    pub name: &'static str,
    /// A few words for a menu.
    pub title: String,
    /// A paragraph for users: what it is for and what it was seen to do.
    pub notes: String,
    /// The part of a run's spec that it ships with: tables `train` and `input`.
    pub spec: Value,
    pub layers: Vec<LayerSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    notes: String,
    #[serde(default)]
    train: Value,
    #[serde(default)]
    input: Value,
    layers: Vec<LayerSpec>,
}

macro_rules! files {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../data/presets/", $name, ".toml")))),*]
    };
}

/// The default first, then from the question's network to the simplest.
const FILES: [(&str, &str); 8] = files![
    "cnn-flat",
    "cnn-bilstm",
    "cnn-bilstm-no-dropout",
    "cnn-gap",
    "crnn",
    "resnet-small",
    "mlp",
    "logistic"
];

/// All presets, the default first.
pub fn presets() -> &'static [Preset] {
    static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
        FILES
            .into_iter()
            .map(|(name, text)| {
                // The files are part of the executable, and a test below reads every one of them.
                read(name, text).unwrap_or_else(|error| panic!("preset {name}: {error}"))
            })
            .collect()
    });
    &PRESETS
}

/// The preset of that name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    presets().iter().find(|p| p.name == name)
}

fn read(name: &'static str, text: &str) -> Result<Preset, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    Ok(Preset {
        name,
        title: file.title,
        notes: file.notes.split_whitespace().collect::<Vec<_>>().join(" "),
        spec: shipped_table(file.train, file.input),
        layers: file.layers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{plan_for, resolve};
    use serde_json::json;

    #[test]
    fn every_preset_is_a_run_that_fits() {
        for preset in presets() {
            let spec = resolve(json!({"model": {"preset": preset.name}}), None).unwrap();
            let plan = plan_for(&spec, 9).unwrap();
            assert!(plan.parameters > 0 && !preset.notes.is_empty() && !preset.title.is_empty());
        }
    }
}
