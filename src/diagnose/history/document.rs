//! Histories in JSON: our own document, a list of epochs, or Keras' dictionary of lists.

use super::rows::Table;
use super::table::understand;
use super::{RecordedHistory, Unreadable};
use crate::diagnose::curves::Curves;
use crate::run::{EpochRecord, RunStatus, Split};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What is used of our `history.json`; the rest of the run's facts may be of another version.
#[derive(Deserialize)]
struct Document {
    run: Option<Facts>,
    epochs: Vec<EpochRecord>,
}

#[derive(Deserialize)]
struct Facts {
    status: Option<RunStatus>,
    #[serde(default)]
    classes: Vec<String>,
}

pub(super) fn read(content: &[u8]) -> Result<RecordedHistory, Unreadable> {
    let value: Value = serde_json::from_slice(content)
        .map_err(|error| Unreadable(format!("not JSON: {error}")))?;
    match value {
        Value::Object(ref map) if map.get("epochs").is_some_and(has_splits) => own(value),
        Value::Object(mut map) => match map.remove("epochs") {
            Some(Value::Array(rows)) if rows.iter().all(Value::is_object) => list(rows),
            Some(epochs) => {
                map.insert("epoch".to_owned(), epochs);
                lists(&map)
            }
            None => lists(&map),
        },
        Value::Array(rows) => list(rows),
        _ => Unreadable::new("a JSON history is an object or a list"),
    }
}

/// True for a list of epochs in our own form: `"train": {"loss": …}`.
fn has_splits(epochs: &Value) -> bool {
    let splits = |epoch: &Value| {
        Split::ALL
            .iter()
            .any(|s| epoch.get(s.name()).is_some_and(Value::is_object))
    };
    epochs.as_array().is_some_and(|all| all.iter().any(splits))
}

fn own(value: Value) -> Result<RecordedHistory, Unreadable> {
    let document: Document = serde_path_to_error::deserialize(value)
        .map_err(|error| Unreadable(format!("{}: {}", error.path(), error.inner())))?;
    let mut epochs = document.epochs;
    for record in &epochs {
        for split in Split::ALL {
            if let Some(m) = record.split(split)
                && (m.correct > m.n || !(0.0..=1.0).contains(&m.accuracy))
            {
                return Unreadable::new(format!(
                    "epoch {}: {} of {} {} images right, accuracy {}: not a count and its share",
                    record.epoch,
                    m.correct,
                    m.n,
                    split.word(),
                    m.accuracy
                ));
            }
        }
    }
    // The later of two records of one epoch counts, as everywhere.
    epochs.reverse();
    epochs.sort_by_key(|record| record.epoch);
    epochs.dedup_by_key(|record| record.epoch);
    let images = |split| {
        let last = epochs.iter().rev().find_map(|r| r.split(split));
        last.map(|m| m.n).filter(|n| *n > 0)
    };
    let (status, classes) = document
        .run
        .map_or((None, 0), |run| (run.status, run.classes.len()));
    Ok(RecordedHistory {
        images: Split::ALL.map(images),
        curves: Curves::of(&epochs),
        classes,
        status: status.unwrap_or(RunStatus::Finished),
        running_averages: false,
        notes: Vec::new(),
    })
}

/// `[{"epoch": 1, "train_loss": 2.1}, …]`
fn list(rows: Vec<Value>) -> Result<RecordedHistory, Unreadable> {
    let mut table = Table::default();
    for (i, row) in rows.iter().enumerate() {
        let Value::Object(row) = row else {
            return Unreadable::new(format!(
                "entry {}: an object with an epoch's figures is wanted",
                i + 1
            ));
        };
        for name in row.keys() {
            table.column(name)?;
        }
    }
    for (i, row) in rows.into_iter().enumerate() {
        let header = table.header.clone();
        let cells = table.push(i + 1)?;
        for (cell, name) in cells.iter_mut().zip(&header) {
            *cell = number(name, i, row.get(name).unwrap_or(&Value::Null))?;
        }
    }
    understand(table)
}

/// `{"loss": [2.1, …], "val_loss": [2.2, …]}`, Keras' `history.history`.
fn lists(map: &Map<String, Value>) -> Result<RecordedHistory, Unreadable> {
    // Keras nests it where the whole History object was written.
    if let Some(Value::Object(inner)) = map.get("history") {
        return lists(inner);
    }
    let mut table = Table::default();
    let mut columns = Vec::new();
    for (name, list) in map.iter().filter_map(|(n, v)| Some((n, v.as_array()?))) {
        if table.column(name)?.is_some() {
            columns.push((name, list));
        }
    }
    let rows = columns
        .iter()
        .map(|(_, list)| list.len())
        .max()
        .unwrap_or(0);
    for r in 0..rows {
        let cells = table.push(r + 1)?;
        for (cell, (name, list)) in cells.iter_mut().zip(&columns) {
            *cell = number(name, r, list.get(r).unwrap_or(&Value::Null))?;
        }
    }
    understand(table)
}

/// A figure; null and what is no figure's column are none.
fn number(name: &str, row: usize, value: &Value) -> Result<Option<f64>, Unreadable> {
    match value {
        Value::Number(number) => Ok(number.as_f64()),
        Value::Null => Ok(None),
        Value::String(text) if ["NaN", "nan", "Infinity", "inf"].contains(&text.as_str()) => {
            Ok(Some(f64::NAN))
        }
        other => {
            let shown: String = other.to_string().chars().take(40).collect();
            Unreadable::new(format!("entry {}, {name}: {shown} is no number", row + 1))
        }
    }
}
