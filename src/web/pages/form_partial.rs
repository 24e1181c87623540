//! A form's text on its way to a partial spec.

use crate::run::FieldError;
use crate::run::sweep::is_list;
use serde_json::{Map, Value, json};

/// A partial spec in the making.
pub struct Partial {
    pub value: Value,
    /// Fields that cannot be read.
    pub errors: Vec<FieldError>,
}

impl Default for Partial {
    fn default() -> Self {
        Partial {
            value: Value::Object(Map::new()),
            errors: Vec::new(),
        }
    }
}

impl Partial {
    /// Puts a value at a dotted path.
    pub fn put(&mut self, path: &str, value: Value) {
        let mut place = &mut self.value;
        for part in path.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[part];
        }
        *place = value;
    }

    pub fn text(&mut self, path: &str, text: &str) {
        if !text.is_empty() {
            self.put(path, json!(text));
        }
    }

    pub fn whole(&mut self, path: &str, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if is_list(text) {
            return self.put(path, json!(text));
        }
        match text.parse::<u32>() {
            Ok(n) => self.put(path, json!(n)),
            // A seed may be longer than other numbers.
            Err(_) => match text.parse::<u64>() {
                Ok(n) if path == "train.seed" => self.put(path, json!(n)),
                Ok(n) => self.wrong(path, format!("{n} is too large")),
                Err(_) => self.wrong(path, format!("'{text}' is no whole number, such as 32")),
            },
        }
    }

    pub fn number(&mut self, path: &str, text: &str) {
        let text = text.trim();
        match text.parse::<f64>() {
            _ if text.is_empty() => {}
            _ if is_list(text) => self.put(path, json!(text)),
            Ok(x) if x.is_finite() => self.put(path, json!(x)),
            _ => self.wrong(
                path,
                format!("'{text}' is no number, such as 0.001 or 1e-3"),
            ),
        }
    }

    fn wrong(&mut self, path: &str, message: String) {
        self.errors.push(FieldError {
            field: path.to_owned(),
            message,
        });
    }
}

/// What is typed, or what fills the field where nothing is.
pub fn typed(text: &str, filled: String) -> String {
    if text.is_empty() {
        filled
    } else {
        text.to_owned()
    }
}
