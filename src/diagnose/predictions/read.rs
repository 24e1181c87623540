//! Reads a predictions CSV.

use super::contradictions::Contradictions;
use super::{MOST_BYTES, Pair, Predictions};
use crate::diagnose::history::{Unreadable, check_name, check_text, split_named};
use crate::run::Split;
use std::collections::HashMap;

const MOST_ROWS: usize = 5_000_000;
const MOST_CLASSES: usize = 10_000;

/// One row before the classes have their numbers.
pub(super) struct Row {
    pub row: usize,
    pub split: Split,
    pub label: u32,
    pub prediction: u32,
}

/// Class names in the order of their first appearance.
#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32>,
    pub names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str, row: usize) -> Result<u32, Unreadable> {
        let name = name.trim();
        // pandas writes a whole number as 3.0 where its column had gaps.
        let name = name.strip_suffix(".0").unwrap_or(name);
        if name.is_empty() {
            return Unreadable::new(format!("row {row}: label and prediction must not be blank"));
        }
        check_name(name)?;
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        if self.names.len() == MOST_CLASSES {
            return Unreadable::new(format!(
                "row {row}: more than {MOST_CLASSES} different classes: is a column of numbers taken for labels?"
            ));
        }
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        Ok(number)
    }
}

/// Where the columns stand.
pub(super) struct Columns {
    split: Option<usize>,
    label: usize,
    prediction: usize,
    id: Option<usize>,
    /// Place and the class's name.
    pub probabilities: Vec<(usize, String)>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Columns, Unreadable> {
        let names: Vec<String> = header
            .iter()
            .map(|name| name.trim().to_lowercase())
            .collect();
        let place = |wanted: &[&str]| {
            names
                .iter()
                .position(|name| wanted.contains(&name.as_str()))
        };
        let needed = |wanted: &[&str]| {
            place(wanted).ok_or_else(|| {
                Unreadable(format!(
                    "there is no column '{}': label and prediction are needed, split, id and probabilities (p_CLASS) are welcome",
                    wanted[0]
                ))
            })
        };
        let probabilities = header
            .iter()
            .enumerate()
            .filter_map(|(i, name)| {
                let name = name.trim();
                let class = ["p_", "prob_", "probability_"]
                    .into_iter()
                    .find_map(|prefix| name.strip_prefix(prefix))?;
                Some((i, class.to_owned()))
            })
            .collect();
        Ok(Columns {
            split: place(&["split", "set", "subset"]),
            label: needed(&["label", "true", "y_true", "target"])?,
            prediction: needed(&["prediction", "predicted", "pred", "y_pred"])?,
            id: place(&["id", "path", "file", "filename", "image"]),
            probabilities,
        })
    }
}

pub(super) fn read(content: &[u8]) -> Result<Predictions, Unreadable> {
    if content.len() > MOST_BYTES {
        return Unreadable::new(format!("larger than {} MiB", MOST_BYTES >> 20));
    }
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    check_text(content)?;
    let line = content.split(|b| *b == b'\n').next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|d| (line.iter().filter(|b| *b == d).count(), *d == b','))
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(content);
    let broken = |error: csv::Error| {
        let row = error.position().map_or(1, csv::Position::line);
        Unreadable(format!(
            "row {row}: not a CSV in UTF-8 with equally many cells a row ({error})"
        ))
    };
    let header = reader.headers().map_err(broken)?.clone();
    header.iter().try_for_each(check_name)?;
    let columns = Columns::of(&header)?;
    let mut names = Names::default();
    let mut rows: Vec<Row> = Vec::new();
    let mut contradictions = Contradictions::default();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(broken)? {
        let row = record.position().map_or(0, |p| p.line() as usize);
        if rows.len() == MOST_ROWS {
            return Unreadable::new(format!("more than {MOST_ROWS} rows"));
        }
        let split = match columns.split {
            Some(at) => split_named(&record[at].trim().to_lowercase()).ok_or_else(|| {
                let shown: String = record[at].chars().take(40).collect();
                Unreadable(format!(
                    "row {row}: '{shown}' is no split: train, val or test is wanted"
                ))
            })?,
            None => Split::Val,
        };
        let found = Row {
            row,
            split,
            label: names.number(&record[columns.label], row)?,
            prediction: names.number(&record[columns.prediction], row)?,
        };
        contradictions.probabilities(&record, &columns, &names, &found)?;
        if let Some(id) = columns.id {
            check_name(&record[id])?;
            contradictions.id(record[id].trim(), &found);
        }
        rows.push(found);
    }
    if rows.is_empty() {
        return Unreadable::new("it has no rows: one row an image is wanted");
    }
    check_names(&rows, &names)?;
    let mut notes = Vec::new();
    if columns.split.is_none() {
        notes.push("There is no column 'split': every row is taken for validation.".to_owned());
    }
    let (classes, order) = sorted(names.names);
    let mut pairs: [Vec<Pair>; 3] = Default::default();
    for row in rows {
        pairs[row.split as usize].push((order[row.label as usize], order[row.prediction as usize]));
    }
    Ok(Predictions {
        classes,
        pairs,
        contradictions: contradictions.findings(),
        notes,
    })
}

/// Labels written in one way and predictions in another would all be wrong.
fn check_names(rows: &[Row], names: &Names) -> Result<(), Unreadable> {
    let mut as_label = vec![false; names.names.len()];
    let mut as_prediction = as_label.clone();
    for row in rows {
        as_label[row.label as usize] = true;
        as_prediction[row.prediction as usize] = true;
    }
    let both = as_label.iter().zip(&as_prediction).any(|(a, b)| *a && *b);
    let is_number = |of: &[bool]| {
        names
            .names
            .iter()
            .zip(of)
            .filter(|(_, is)| **is)
            .all(|(name, _)| name.parse::<i64>().is_ok())
    };
    if both || is_number(&as_label) == is_number(&as_prediction) {
        return Ok(());
    }
    let example = |of: &[bool]| {
        let shown = names.names.iter().zip(of).find(|(_, is)| **is);
        shown.map_or(String::new(), |(name, _)| name.chars().take(40).collect())
    };
    Unreadable::new(format!(
        "labels are written like '{}' and predictions like '{}': write both as names or both as numbers",
        example(&as_label),
        example(&as_prediction)
    ))
}

/// Class names in order, and the new number of each old one.
fn sorted(names: Vec<String>) -> (Vec<String>, Vec<u32>) {
    let mut by_name: Vec<(Option<i64>, String, usize)> = names
        .into_iter()
        .enumerate()
        .map(|(old, name)| (name.parse().ok(), name, old))
        .collect();
    if by_name.iter().any(|(number, ..)| number.is_none()) {
        by_name.iter_mut().for_each(|(number, ..)| *number = None);
    }
    by_name.sort();
    let mut order = vec![0; by_name.len()];
    for (new, (_, _, old)) in by_name.iter().enumerate() {
        order[*old] = new as u32;
    }
    (
        by_name.into_iter().map(|(_, name, _)| name).collect(),
        order,
    )
}
