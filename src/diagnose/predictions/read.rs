//! Reads a predictions CSV.

use super::{MOST_BYTES, Pair, Predictions};
use crate::diagnose::finding::{Cause, Evidence, Finding, Severity, counted, some_of};
use crate::diagnose::history::{Unreadable, check_name, check_text, split_named};
use crate::run::Split;
use std::collections::{BTreeMap, HashMap};

const MOST_ROWS: usize = 5_000_000;
const MOST_CLASSES: usize = 10_000;
/// A highest probability counts as another class's only where it is higher by this much: files round.
const ROUNDING: f64 = 1e-3;

/// One row before the classes have their numbers.
struct Row {
    row: usize,
    split: Split,
    label: u32,
    prediction: u32,
}

/// Class names in the order of their first appearance.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
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
struct Columns {
    split: Option<usize>,
    label: usize,
    prediction: usize,
    id: Option<usize>,
    /// Place and the class's name.
    probabilities: Vec<(usize, String)>,
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

/// What contradicts itself in a file, with its rows.
#[derive(Default)]
struct Contradictions {
    /// Rows with probabilities of the predicted class, and those whose highest is another.
    with_probabilities: usize,
    not_highest: Vec<usize>,
    /// First row of an id: its row, split, label and prediction.
    ids: HashMap<String, (usize, Split, u32, u32)>,
    two_answers: Vec<String>,
    two_labels: Vec<String>,
    two_splits: BTreeMap<(Split, Split), Vec<String>>,
}

impl Contradictions {
    fn probabilities(
        &mut self,
        record: &csv::StringRecord,
        columns: &Columns,
        names: &Names,
        row: &Row,
    ) -> Result<(), Unreadable> {
        let predicted = &names.names[row.prediction as usize];
        let (mut own, mut highest) = (None, f64::NEG_INFINITY);
        for (at, class) in &columns.probabilities {
            let p: f64 = record[*at].trim().parse().unwrap_or(f64::NAN);
            if !(-1e-6..=1.0 + 1e-6).contains(&p) {
                let shown: String = record[*at].chars().take(40).collect();
                return Unreadable::new(format!(
                    "row {}, column p_{class}: '{shown}' is no probability from 0 to 1",
                    row.row
                ));
            }
            highest = highest.max(p);
            if class == predicted {
                own = Some(p);
            }
        }
        if let Some(own) = own {
            self.with_probabilities += 1;
            if own + ROUNDING < highest {
                self.not_highest.push(row.row);
            }
        }
        Ok(())
    }

    fn id(&mut self, id: &str, row: &Row) {
        if id.is_empty() {
            return;
        }
        let first = self.ids.entry(id.to_owned()).or_insert((
            row.row,
            row.split,
            row.label,
            row.prediction,
        ));
        if first.0 == row.row {
            return;
        }
        let shown = || format!("{id} (rows {} and {})", first.0, row.row);
        if first.1 != row.split {
            let splits = (first.1.min(row.split), first.1.max(row.split));
            self.two_splits.entry(splits).or_default().push(shown());
        }
        if first.2 != row.label {
            self.two_labels.push(shown());
        } else if first.3 != row.prediction {
            self.two_answers.push(shown());
        }
    }

    fn findings(self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut bug = |id,
                       severity,
                       cause,
                       title: &str,
                       measured: String,
                       count: usize,
                       why: &str,
                       remedy: &str,
                       alarm: &str| {
            if count == 0 {
                return;
            }
            let mut finding = Finding::new(id, severity, title);
            finding.cause = Some(cause);
            finding.evidence.push(Evidence {
                statement: measured.clone(),
                statistic: "count",
                value: Some(count as f64),
                threshold: Some(0.0),
                p: None,
                reference: "any is too many",
            });
            finding.measured = measured;
            finding.why = why.to_owned();
            finding.remedy = remedy.to_owned();
            finding.false_alarm = alarm.to_owned();
            findings.push(finding);
        };
        let rows: Vec<String> = self
            .not_highest
            .iter()
            .take(6)
            .map(ToString::to_string)
            .collect();
        let many = self.not_highest.len() * 100 > self.with_probabilities;
        bug(
            "prediction-not-most-probable",
            if many {
                Severity::Problem
            } else {
                Severity::Warning
            },
            Cause::EvaluationBug,
            "Predictions are not the classes with the highest probability",
            format!(
                "In {} of {} rows another class has a higher probability than the prediction (rows {}).",
                self.not_highest.len(),
                self.with_probabilities,
                some_of(&rows, 5)
            ),
            self.not_highest.len(),
            "Scores and predictions come from different images, different class orders or different code: the accuracy is not this network's.",
            "Take prediction and probabilities from one forward pass, and write them in one loop without shuffling between.",
            "A decision threshold other than the highest probability was meant.",
        );
        bug(
            "scored-twice-differently",
            Severity::Problem,
            Cause::EvaluationBug,
            "The same image was given two different classes",
            format!(
                "{} with two predictions: {}.",
                counted(self.two_answers.len(), "image"),
                some_of(&self.two_answers, 3)
            ),
            self.two_answers.len(),
            "Scoring is not repeatable: dropout, batch statistics or augmentation are still on when the network is scored.",
            "Put the network into evaluation mode (model.eval() in PyTorch, training=False in Keras) and leave augmentation out when scoring.",
            "The file joins predictions of several runs or epochs.",
        );
        bug(
            "two-labels",
            Severity::Warning,
            Cause::LabelNoise,
            "The same image has two different labels",
            format!(
                "{} with two labels: {}.",
                counted(self.two_labels.len(), "image"),
                some_of(&self.two_labels, 3)
            ),
            self.two_labels.len(),
            "At least one of them is wrong, or image and label went out of step.",
            "Look at these images and keep one label.",
            "The names repeat in several folders and are not the same images.",
        );
        for ((one, other), ids) in self.two_splits {
            bug(
                "same-id-in-two-splits",
                Severity::Warning,
                Cause::Leakage,
                "The same image stands in two splits",
                format!(
                    "{} in both {} and {}: {}.",
                    counted(ids.len(), "image"),
                    one.word(),
                    other.word(),
                    some_of(&ids, 3)
                ),
                ids.len(),
                "What is scored was learnt from, so its accuracy says nothing about new images.",
                "Take them out of one of the splits.",
                "The names repeat in several folders and are not the same images: compare the pictures.",
            );
        }
        findings
    }
}
