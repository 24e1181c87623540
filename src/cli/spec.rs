//! A run's spec from the command line: a TOML file, an earlier run, single settings.

use super::BadInput;
use crate::run::sweep::is_list;
use crate::run::{History, merge};
use crate::train::{BEST, Checkpoint, LAST};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A spec file or a history is at most this large.
const MOST_BYTES: u64 = 64 << 20;

/// What a run is to be like; each stands above the one before.
#[derive(clap::Args)]
pub(super) struct SpecArguments {
    /// Settings of an earlier run: its folder, its history.json or one of its checkpoints
    #[arg(long, value_name = "RUN_DIR")]
    like: Option<PathBuf>,
    /// Settings in TOML
    #[arg(long, value_name = "RUN.toml")]
    spec: Option<PathBuf>,
    /// A preset by name: cnn-flat where nothing names one
    #[arg(long, value_name = "PRESET")]
    model: Option<String>,
    /// One setting, as often as needed: --set train.epochs=30. A list in a numeric field, here or in the file, makes a run of
    /// each: --set train.seed=1..3, --set train.optimizer.lr=0.1,0.01
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

impl SpecArguments {
    /// The history of the run that is to be repeated; nothing where none is named, or only a checkpoint.
    pub fn earlier(&self) -> Result<Option<History>, BadInput> {
        let Some(run) = &self.like else {
            return Ok(None);
        };
        let file = file_of(run)?;
        (!is_checkpoint(&file)).then(|| history(&file)).transpose()
    }

    /// The part of a spec that the arguments name, for [`crate::model::resolve`].
    pub fn partial(&self) -> Result<Value, BadInput> {
        let mut spec = match &self.like {
            Some(run) => like(run)?,
            None => json!({}),
        };
        if let Some(path) = &self.spec {
            let text = read(path)?;
            let table: toml::Table = toml::from_str(&text)
                .map_err(|error| BadInput(format!("{}: {error}", path.display())))?;
            let file = json_table("", table)
                .map_err(|error| BadInput(format!("{}: {error}", path.display())))?;
            spec = merge(spec, file);
        }
        if let Some(preset) = &self.model {
            spec = merge(spec, json!({"model": {"preset": preset}}));
        }
        for setting in &self.settings {
            let one =
                parse_setting(setting).map_err(|e| BadInput(format!("--set {setting}: {e}")))?;
            spec = merge(spec, one);
        }
        // With --data the data are named already; what a spec from elsewhere was called there means nothing here.
        if let Value::Object(table) = &mut spec {
            table.remove("dataset");
        }
        Ok(spec)
    }
}

/// The whole spec of an earlier run.
fn like(run: &Path) -> Result<Value, BadInput> {
    let file = file_of(run)?;
    let spec = if is_checkpoint(&file) {
        let checkpoint = Checkpoint::read(&file).map_err(|e| BadInput(format!("--like {e}")))?;
        checkpoint.facts.spec
    } else {
        history(&file)?.run.spec
    };
    serde_json::to_value(spec).map_err(|e| BadInput(format!("--like {}: {e}", file.display())))
}

/// The file that tells of an earlier run: the best of those in its folder, or the one that is named.
fn file_of(run: &Path) -> Result<PathBuf, BadInput> {
    if !run.is_dir() {
        return Ok(run.to_owned());
    }
    ["history.json", LAST, BEST]
        .map(|name| run.join(name))
        .into_iter()
        .find(|file| file.is_file())
        .ok_or_else(|| {
            BadInput(format!(
                "--like {}: holds no history.json and no checkpoint, so it is no run's folder",
                run.display()
            ))
        })
}

fn is_checkpoint(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == "safetensors")
}

fn history(file: &Path) -> Result<History, BadInput> {
    serde_json::from_str(&read(file)?).map_err(|e| {
        BadInput(format!(
            "--like {}: no history of a run: {e}",
            file.display()
        ))
    })
}

fn read(path: &Path) -> Result<String, BadInput> {
    let size = fs::metadata(path).map(|m| m.len());
    let text = size.and_then(|size| match size {
        0..=MOST_BYTES => fs::read_to_string(path),
        _ => Err(std::io::Error::other("too large for a spec")),
    });
    text.map_err(|error| BadInput(format!("{}: cannot be read: {error}", path.display())))
}

/// `train.epochs=30` as the table {train: {epochs: 30}}. The value is TOML's; a bare word is a string.
fn parse_setting(setting: &str) -> Result<Value, String> {
    let (key, text) = setting
        .split_once('=')
        .ok_or("write KEY=VALUE, such as train.epochs=30")?;
    let key = key.trim();
    let parts: Vec<&str> = key.split('.').collect();
    if parts.len() > 8 || parts.iter().any(|p| p.is_empty()) {
        return Err(format!(
            "'{key}' is no field: write names joined by dots, such as train.epochs"
        ));
    }
    let value = match toml::from_str::<toml::Table>(&format!("value = {text}")) {
        // More than one entry: the text held a line break and more settings behind it.
        Ok(mut table) if table.len() == 1 => {
            let value = table.remove("value").ok_or("no value")?;
            json_value(key, value)?
        }
        Err(_) if is_word(text) || is_list(text) => json!(text),
        Ok(_) | Err(_) => {
            return Err(format!(
                "{text} is no TOML value: a number, \"text\", true, [1, 2] or {{ a = 1 }}"
            ));
        }
    };
    let nested = parts.into_iter().rev().fold(value, |inner, part| {
        Value::Object(Map::from_iter([(part.to_owned(), inner)]))
    });
    Ok(nested)
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "-_:. ".contains(c))
}

fn json_table(path: &str, table: toml::Table) -> Result<Value, String> {
    let mut object = Map::new();
    for (key, value) in table {
        let inner = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        object.insert(key, json_value(&inner, value)?);
    }
    Ok(Value::Object(object))
}

/// TOML has numbers and dates that JSON has not; those are refused by their field's name.
fn json_value(path: &str, value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(s) => json!(s),
        toml::Value::Integer(i) => json!(i),
        toml::Value::Float(f) if f.is_finite() => json!(f),
        toml::Value::Float(f) => {
            return Err(format!("{path}: {f} is no number that can be used here"));
        }
        toml::Value::Boolean(b) => json!(b),
        toml::Value::Datetime(d) => return Err(format!("{path}: no setting is a date ({d})")),
        toml::Value::Array(list) => Value::Array(
            list.into_iter()
                .enumerate()
                .map(|(i, v)| json_value(&format!("{path}[{i}]"), v))
                .collect::<Result<_, _>>()?,
        ),
        toml::Value::Table(table) => json_table(path, table)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_toml_values_at_dotted_names() {
        for (text, wanted) in [
            ("train.epochs=30", json!({"train": {"epochs": 30}})),
            ("train.seed=1..3", json!({"train": {"seed": "1..3"}})),
            (
                "train.optimizer.lr=0.1, 0.01",
                json!({"train": {"optimizer": {"lr": "0.1, 0.01"}}}),
            ),
            ("device=cpu", json!({"device": "cpu"})),
            ("name=the question", json!({"name": "the question"})),
            (
                "train.early_stopping=false",
                json!({"train": {"early_stopping": false}}),
            ),
            (
                "input.normalize={mean=[0.5],std=[0.5]}",
                json!({"input": {"normalize": {"mean": [0.5], "std": [0.5]}}}),
            ),
        ] {
            assert_eq!(parse_setting(text).unwrap(), wanted);
        }
    }

    #[test]
    fn a_setting_that_is_none_is_refused_with_a_reason() {
        for (text, says) in [
            ("train.epochs", "KEY=VALUE"),
            ("=3", "no field"),
            ("train..epochs=3", "no field"),
            ("train.optimizer.lr=nan", "NaN is no number"),
            ("train.epochs=", "no TOML value"),
            ("train.epochs=1\nseed=2", "no TOML value"),
            ("name=1979-05-27", "date"),
        ] {
            let error = parse_setting(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
