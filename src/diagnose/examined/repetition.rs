//! Does scoring give the same answer twice, and do the lists that were stored agree with each other?

use super::Measured;
use crate::diagnose::finding::{Cause, Evidence, Finding, Found, Severity, counted};
use crate::diagnose::gates::percent;
use crate::run::{Examination, Repetition, Split, Statistics};
use std::collections::BTreeMap;

/// A share of images that another machine's last bits may give another class.
const LAST_BITS: f64 = 0.01;

/// What was scored twice in one go.
pub(super) fn look(examination: &Examination) -> Found {
    let findings = examination.repeated.iter().filter_map(repeated).collect();
    Found {
        findings,
        not_checked: Vec::new(),
    }
}

fn repeated(twice: &Repetition) -> Option<Finding> {
    let (severity, title, count, what) = match (twice.classes, twice.losses) {
        (0, 0) => return None,
        (0, losses) => (
            Severity::Warning,
            "Scoring twice gives two losses",
            losses,
            "another loss",
        ),
        (classes, _) => (
            Severity::Problem,
            "The same image was given two different classes",
            classes,
            "another class",
        ),
    };
    let measured = format!(
        "Scored twice in evaluation mode, {} of {} {} {what} the second time.",
        counted(count as usize, "image"),
        twice.n,
        twice.split.word(),
    )
    .replacen("image of", "of", 1);
    Some(bug(
        "scored-twice-differently",
        severity,
        title,
        measured,
        f64::from(count),
        "images",
    ))
}

/// The examination's pass in evaluation mode against the same epoch's stored predictions.
pub(super) fn of_scoring(examination: &Examination, measured: &Measured) -> Vec<Finding> {
    let differing = |(split, stored): &(Split, crate::run::ImageResults)| {
        let pass = examination.pass(*split, Statistics::Running, false)?;
        let n = stored.prediction.len();
        if n == 0 || pass.prediction.len() != n {
            return None;
        }
        let pairs = stored.prediction.iter().zip(&pass.prediction);
        let others = pairs.filter(|(a, b)| a != b).count();
        if others as f64 <= LAST_BITS * n as f64 {
            return None;
        }
        Some(bug(
            "scored-later-differently",
            Severity::Problem,
            "Scored again with the same weights, images are given other classes",
            format!(
                "{} of {n} {} images have another class in the pass after the run than after its last epoch.",
                others,
                split.word()
            ),
            others as f64,
            "images",
        ))
    };
    measured.images.iter().filter_map(differing).collect()
}

/// The predictions listed image by image against the columns of the confusion matrix of the same epoch.
pub(super) fn of_counts(measured: &Measured) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (split, results) in &measured.images {
        let Some((_, confusion)) = measured.confusion.iter().find(|(of, _)| of == split) else {
            continue;
        };
        let (mut columns, mut listed) = (BTreeMap::new(), BTreeMap::new());
        for (_, predicted, count) in &confusion.0 {
            *columns.entry(*predicted).or_insert(0_u64) += u64::from(*count);
        }
        for predicted in &results.prediction {
            *listed.entry(*predicted).or_insert(0_u64) += 1;
        }
        let total: u64 = columns.values().sum();
        // A script may list some of the images only.
        if columns == listed || total != results.prediction.len() as u64 {
            continue;
        }
        let apart = columns
            .iter()
            .map(|(class, count)| count.saturating_sub(*listed.get(class).unwrap_or(&0)))
            .sum::<u64>();
        findings.push(bug(
            "lists-disagree",
            Severity::Problem,
            "The confusion matrix and the list of predictions are of two scorings",
            format!(
                "{} of the {total} {} images ({}) are in another column of the confusion matrix than the list of predictions \
                 says.",
                apart,
                split.word(),
                percent(apart as f64 / total as f64)
            ),
            apart as f64,
            "images",
        ));
    }
    findings
}

fn bug(
    id: &'static str,
    severity: Severity,
    title: &str,
    measured: String,
    value: f64,
    statistic: &'static str,
) -> Finding {
    let mut finding = Finding::new(id, severity, title);
    finding.cause = Some(Cause::EvaluationBug);
    finding.evidence.push(Evidence {
        statement: measured.clone(),
        statistic,
        value: Some(value),
        threshold: Some(0.0),
        p: None,
        reference: "any is too many",
    });
    finding.measured = measured;
    finding.why = "Scoring is not repeatable, so no accuracy can be trusted: dropout, batch statistics or augmentation are still \
                   on, or weights change between."
        .to_owned();
    finding.remedy = "Put the network into evaluation mode (model.eval() in PyTorch, training=False in Keras), leave augmentation \
                      out, and score in one loop that does not shuffle."
        .to_owned();
    finding.false_alarm =
        "Sums in another order, as by another machine or library, change the last bits of losses and, rarely, a class."
            .to_owned();
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Confusion, ImageResults, Pass, Preparation, SplitMetrics};

    #[test]
    fn two_answers_are_a_bug_and_one_is_none() {
        let with = |classes, losses| Examination {
            repeated: vec![Repetition {
                split: Split::Val,
                n: 90,
                classes,
                losses,
            }],
            ..Examination::default()
        };
        assert_eq!(look(&with(0, 0)), Found::default());
        let bits = look(&with(0, 4)).findings;
        assert!(!bits[0].breaks_evaluation());
        let classes = look(&with(3, 40)).findings;
        assert!(classes[0].breaks_evaluation());
        assert!(
            classes[0].measured.contains("3 images"),
            "{}",
            classes[0].measured
        );
    }

    #[test]
    fn stored_lists_are_held_against_each_other() {
        let listed = |prediction: Vec<u32>| ImageResults {
            confidence: vec![0.5; prediction.len()],
            loss: vec![0.5; prediction.len()],
            prediction,
        };
        let measured = |prediction| Measured {
            confusion: vec![(
                Split::Val,
                Confusion::count([(0, 0), (0, 1), (1, 1), (1, 1)]),
            )],
            images: vec![(Split::Val, listed(prediction))],
            examination: None,
        };
        assert!(of_counts(&measured(vec![0, 1, 1, 1])).is_empty());
        assert!(of_counts(&measured(vec![0, 1])).is_empty());
        assert!(of_counts(&measured(vec![0, 0, 0, 1]))[0].breaks_evaluation());

        let examination = Examination {
            passes: vec![Pass {
                split: Split::Val,
                statistics: Statistics::Running,
                dropout: false,
                preparation: Preparation::Evaluation,
                metrics: SplitMetrics::new(1.0, 3, 4),
                prediction: vec![0, 1, 1, 1],
            }],
            ..Examination::default()
        };
        assert!(of_scoring(&examination, &measured(vec![0, 1, 1, 1])).is_empty());
        assert!(!of_scoring(&examination, &measured(vec![1, 1, 1, 1])).is_empty());
    }
}
