//! Errors of a spec, each with the field that it belongs to.

use super::FieldError;

/// The errors found so far.
#[derive(Default)]
pub(super) struct Errors(pub Vec<FieldError>);

impl Errors {
    pub fn say(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    pub fn within(&mut self, field: &str, value: u64, low: u64, high: u64) {
        if !(low..=high).contains(&value) {
            self.say(
                field,
                format!("{value} is outside {low} to {high}: choose a number between"),
            );
        }
    }

    pub fn text(&mut self, field: &str, value: &str, most: usize) {
        if value.chars().count() > most {
            self.say(field, format!("at most {most} characters"));
        }
    }
}
