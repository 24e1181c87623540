//! What contradicts itself within a predictions file: probabilities, and rows of one image.

use super::read::{Columns, Names, Row};
use crate::diagnose::finding::{Cause, Evidence, Finding, Severity, counted, some_of};
use crate::diagnose::history::Unreadable;
use crate::run::Split;
use std::collections::{BTreeMap, HashMap};

/// A highest probability counts as another class's only where it is higher by this much: files round.
const ROUNDING: f64 = 1e-3;

/// What contradicts itself in a file, with its rows.
#[derive(Default)]
pub(super) struct Contradictions {
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
    pub fn probabilities(
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

    pub fn id(&mut self, id: &str, row: &Row) {
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

    pub fn findings(self) -> Vec<Finding> {
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
