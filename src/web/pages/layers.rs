//! Layers as a user writes them in the form, and the table of a plan.

use crate::model::{PlannedLayer, preset};
use crate::run::{FieldError, Layer, LayerSpec, ModelSpec};
use serde_json::{Value, json};

/// Characters of layers that are read.
const LONGEST: usize = 100_000;

/// Reads TOML (`layers = [ … ]`, or `[[layers]]` tables) or JSON (a list, or an object with `layers`).
pub fn read(text: &str) -> Result<Value, FieldError> {
    let wrong = |message: String| FieldError {
        field: "model.layers".to_owned(),
        message,
    };
    if text.len() > LONGEST {
        return Err(wrong(format!("at most {LONGEST} characters")));
    }
    let text = text.trim();
    let json = match serde_json::from_str::<Value>(text) {
        Ok(value) => Ok(value),
        // What begins like an object can only be meant as JSON, and a list of tables is TOML without its name.
        Err(error) if text.starts_with('{') => Err(error.to_string()),
        Err(_) => toml::from_str::<Value>(text)
            .or_else(|error| toml::from_str(&format!("layers = {text}")).map_err(|_| error))
            .map_err(|error| error.to_string()),
    };
    let layers = match json.map_err(wrong)? {
        Value::Object(mut table) => table.remove("layers").unwrap_or(Value::Null),
        other => other,
    };
    match layers {
        Value::Array(list) if !list.is_empty() => Ok(json!({ "layers": list })),
        _ => Err(wrong(
            "write a list of layers: layers = [ { flatten = {} }, { linear = {} } ]".to_owned(),
        )),
    }
}

/// A model's layers as TOML, one a line: what a user changes first.
pub fn text(model: &ModelSpec) -> String {
    let layers: &[LayerSpec] = match model {
        ModelSpec::Layers(layers) => layers,
        ModelSpec::Preset(name) => preset(name).map_or(&[], |preset| &preset.layers),
    };
    format!("layers = [\n{}]\n", lines(layers, 1))
}

/// One layer a line, those of a residual block indented below it.
fn lines(layers: &[LayerSpec], depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let mut text = String::new();
    for spec in layers {
        let Layer::Residual(block) = &spec.layer else {
            if let Ok(layer) = toml::Value::try_from(spec) {
                text += &format!("{indent}{layer},\n");
            }
            continue;
        };
        let name = spec
            .name
            .iter()
            .map(|name| toml::Value::from(name.as_str()));
        let name: String = name.map(|name| format!("name = {name}, ")).collect();
        let list = |name: &str, layers: &[LayerSpec]| {
            format!("{name} = [\n{}{indent}]", lines(layers, depth + 1))
        };
        text += &format!(
            "{indent}{{ {name}residual = {{ {}",
            list("layers", &block.layers)
        );
        if !block.shortcut.is_empty() {
            text += &format!(", {}", list("shortcut", &block.shortcut));
        }
        text += " } },\n";
    }
    text
}

/// "16 × 64 × 128"
pub fn shape(axes: &[usize]) -> String {
    let axes: Vec<String> = axes.iter().map(usize::to_string).collect();
    axes.join(" × ")
}

/// A layer's settings on one line: "out 16, kernel 3, padding 1". A residual block's are its layers, which have lines of
/// their own.
pub fn settings(layer: &PlannedLayer) -> String {
    if let Layer::Residual(block) = &layer.layer {
        let of = |n: usize| {
            if n == 1 {
                "1 layer".to_owned()
            } else {
                format!("{n} layers")
            }
        };
        return match block.shortcut.len() {
            0 => format!("{} added to what comes in", of(block.layers.len())),
            n => format!(
                "{} added to a shortcut of {}",
                of(block.layers.len()),
                of(n)
            ),
        };
    }
    let spec = LayerSpec {
        name: None,
        layer: layer.layer.clone(),
    };
    let Ok(Value::Object(mut table)) = serde_json::to_value(spec) else {
        return String::new();
    };
    let Some(Value::Object(settings)) = table.remove(layer.kind) else {
        return String::new();
    };
    let said: Vec<String> = settings
        .into_iter()
        .filter(|(name, value)| !is_usual(name, value))
        .map(|(name, value)| match value {
            Value::Bool(true) => name,
            Value::Bool(false) => format!("no {name}"),
            Value::String(word) => format!("{name} {word}"),
            value => format!("{name} {value}"),
        })
        .collect();
    said.join(", ")
}

/// Settings that need not be said.
fn is_usual(name: &str, value: &Value) -> bool {
    match name {
        "bias" | "count_include_pad" => *value == json!(true),
        "bidirectional" => *value == json!(false),
        "stride" | "layers" => *value == json!(1),
        "padding" => *value == json!(0),
        "eps" => *value == json!(1e-5),
        "momentum" => *value == json!(0.1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{plan_for, presets};
    use crate::run::RunSpec;

    #[test]
    fn every_presets_text_reads_as_its_layers() {
        for preset in presets() {
            let model = ModelSpec::Preset(preset.name.to_owned());
            let value = read(&text(&model)).unwrap();
            let read: Vec<LayerSpec> = serde_json::from_value(value["layers"].clone()).unwrap();
            assert_eq!(read, preset.layers, "{}", preset.name);
        }
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let wanted = json!({"layers": [{"flatten": {}}, {"linear": {"out": 3}}]});
        for text in [
            "layers = [ { flatten = {} }, { linear = { out = 3 } } ]",
            "[ { flatten = {} }, { linear = { out = 3 } } ]",
            "[[layers]]\nflatten = {}\n[[layers]]\nlinear = { out = 3 }",
            r#"[{"flatten": {}}, {"linear": {"out": 3}}]"#,
            r#"{"layers": [{"flatten": {}}, {"linear": {"out": 3}}]}"#,
        ] {
            assert_eq!(read(text).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_layers_is_refused_with_a_reason() {
        for (text, says) in [
            ("", "write a list"),
            ("layers = []", "write a list"),
            ("layers = [ { flatten = } ]", "line 1"),
            ("{\"layers\": [", "line 1"),
            ("3", "write a list"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message.contains(says), "{text}: {}", error.message);
        }
        let deep = "[".repeat(50_000);
        assert!(read(&deep).is_err());
        assert!(read(&"x".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn a_layers_settings_leave_out_what_is_usual() {
        let spec = RunSpec {
            model: ModelSpec::Preset("cnn-bilstm".to_owned()),
            ..RunSpec::default()
        };
        let plan = plan_for(&spec, 9).unwrap();
        let said: Vec<String> = plan.layers.iter().map(settings).collect();
        let mut first: Vec<&str> = said[0].split(", ").collect();
        first.sort_unstable();
        assert_eq!(first, ["kernel 3", "out 16", "padding 1"]);
        assert_eq!(shape(&plan.layers[0].output), "16 × 128 × 256");
    }
}
