//! Predictions against the history, against the class lists, and against having given up.

use super::{Predictions, Told, balance};
use crate::diagnose::finding::{Cause, Evidence, Finding, Severity, some_of};
use crate::diagnose::fisher_exact;
use crate::diagnose::gates::percent;
use crate::run::Split;

/// Histories are written with four digits at least.
const WRITTEN: f64 = 5e-4;
/// Below this p-value, against the nearest accuracy of any epoch, a disagreement is no matter of checkpoints.
const MISTAKE: f64 = 0.001;
/// One class with more than this share of the predictions is a collapse.
const COLLAPSE: f64 = 0.5;

/// Do the predictions give the accuracy that the history tells? Training is left out: there, history often holds the running
/// average of an epoch.
pub(super) fn against_history(predictions: &Predictions, told: Told) -> Vec<Finding> {
    [Split::Val, Split::Test]
        .into_iter()
        .filter_map(|split| disagreement(predictions, told, split))
        .collect()
}

fn disagreement(predictions: &Predictions, told: Told, split: Split) -> Option<Finding> {
    let (right, n) = predictions.right(split);
    let (epochs, accuracies) = told.curves.accuracies(split);
    let last = *accuracies.last()?;
    if n == 0 {
        return None;
    }
    let found = f64::from(right) / f64::from(n);
    let differs = |accuracy: f64| (accuracy - found).abs() > WRITTEN + 0.5 / f64::from(n);
    let of_epoch = |wanted: Option<u32>| {
        let at = epochs.iter().position(|e| Some(*e) == wanted)?;
        Some(accuracies[at])
    };
    let best = of_epoch(told.best_epoch);
    if !differs(last) || best.is_some_and(|best| !differs(best)) {
        return None;
    }
    let (low, high) = accuracies
        .iter()
        .fold((1.0, 0.0), |(l, h): (f64, f64), a| (l.min(*a), h.max(*a)));
    // Another checkpoint differs by a few images; more than independent images would is a mistake.
    let nearest = (found.clamp(low, high) * f64::from(n)).round() as u32;
    let outside = fisher_exact(right, n, nearest, n) < MISTAKE;
    let another_n = told.images[split as usize].filter(|m| *m != n);
    let (severity, title) = if outside && another_n.is_none() {
        (
            Severity::Problem,
            format!(
                "The {} accuracy in the history is not that of the predictions",
                split.word()
            ),
        )
    } else {
        (
            Severity::Warning,
            format!(
                "The {} predictions are neither of the last nor of the best epoch",
                split.word()
            ),
        )
    };
    let mut finding = Finding::new("accuracy-disagrees", severity, title);
    finding.cause = Some(Cause::EvaluationBug);
    finding.measured = format!(
        "Counted from the predictions, {} of the {n} {} images are right; the history ends at {} and lies between {} and {} over \
         its epochs.{}",
        percent(found),
        split.word(),
        percent(last),
        percent(low),
        percent(high),
        another_n.map_or(String::new(), |m| format!(
            " The history speaks of {m} images."
        ))
    );
    finding.why = "Two programs scored one network and disagree, so at least one of them scores wrongly: shuffled labels, other \
                   images, other preprocessing, or training mode."
        .to_owned();
    finding.remedy = "Score a handful of images by hand with both, and compare labels, order and preprocessing; a data loader that \
                      shuffles must not be zipped with labels in file order."
        .to_owned();
    finding.false_alarm = "The predictions are of another run or of another checkpoint than the history, or the history's \
                           accuracy is a mean over batches of different sizes."
        .to_owned();
    finding.evidence.push(Evidence {
        statement: finding.measured.clone(),
        statistic: "recomputed accuracy − the history's last",
        value: Some(found - last),
        threshold: Some(WRITTEN + 0.5 / f64::from(n)),
        p: None,
        reference: "the same images and network must give the same count",
    });
    Some(finding)
}

/// Classes that a held-out split has and training has not.
pub(super) fn missing_classes(predictions: &Predictions) -> Option<Finding> {
    let counts = predictions.class_counts();
    let of = |split| counts.iter().find(|(s, _)| *s == split).map(|(_, c)| c);
    let train = of(Split::Train)?;
    let missing: Vec<String> = predictions
        .classes
        .iter()
        .enumerate()
        .filter(|(class, _)| {
            let held_out = [Split::Val, Split::Test].into_iter().filter_map(of);
            train[*class] == 0 && held_out.map(|c| c[*class]).sum::<u32>() > 0
        })
        .map(|(_, name)| name.clone())
        .collect();
    if missing.is_empty() {
        return None;
    }
    let mut finding = Finding::new(
        "classes-not-in-training",
        Severity::Problem,
        "Validation or test has classes that training never saw",
    );
    finding.cause = Some(Cause::MissingClasses);
    finding.measured = format!("No training image is of {}.", some_of(&missing, 10));
    finding.why =
        "What was never shown cannot be recognised: every one of these images counts as wrong."
            .to_owned();
    finding.remedy =
        "Split anew, class by class, so that each class has images in every split.".to_owned();
    finding.false_alarm = "The file holds only some of the training images.".to_owned();
    Some(finding)
}

/// One class gets most of a split's predictions.
pub(super) fn collapse(predictions: &Predictions, split: Split) -> Option<Finding> {
    let pairs = predictions.of(split);
    let classes = predictions.classes.len();
    if pairs.is_empty() || classes < 2 {
        return None;
    }
    let (mut given, mut labels) = (vec![0u32; classes], vec![0u32; classes]);
    for (label, prediction) in pairs {
        labels[*label as usize] += 1;
        given[*prediction as usize] += 1;
    }
    let n = pairs.len() as f64;
    let (class, most) = given
        .iter()
        .copied()
        .enumerate()
        .max_by_key(|(_, count)| *count)?;
    let share = f64::from(most) / n;
    let own = f64::from(labels[class]) / n;
    // Twice what the class has: a split that is mostly of one class is predicted so rightly.
    if share <= COLLAPSE || share < own + 0.5 * (1.0 - own) {
        return None;
    }
    let commonest = f64::from(labels.iter().copied().max().unwrap_or(0)) / n;
    let counts = predictions.class_counts();
    let uneven = counts
        .iter()
        .any(|(of, counts)| *of == Split::Train && balance::uneven(counts));
    let entropy = given
        .iter()
        .filter(|c| **c > 0)
        .map(|c| {
            let p = f64::from(*c) / n;
            -p * p.ln()
        })
        .sum::<f64>()
        .max(0.0)
        / (classes as f64).ln();
    let mut finding = Finding::new(
        "collapsed-predictions",
        Severity::Warning,
        format!(
            "Nearly every {} image is given the same class",
            split.word()
        ),
    );
    finding.cause = (uneven || (commonest > 2.0 / classes as f64 && classes > 2))
        .then_some(Cause::ClassImbalance);
    finding.measured = format!(
        "{} of the {} predictions are {}, of which {} of the images are.",
        percent(share),
        split.word(),
        predictions.classes[class],
        percent(own)
    );
    finding.why =
        "The network does not tell these images apart: to it they all look like one class."
            .to_owned();
    finding.remedy = "Compare how training and these images are prepared (scale, normalisation, colour order), check batch norm's \
                      running statistics, and only then class weights."
        .to_owned();
    finding.false_alarm =
        "Collapse is a symptom of several causes: look at the others first.".to_owned();
    finding.evidence.push(Evidence {
        statement: format!("Entropy of the predictions is {entropy:.2} of its largest."),
        statistic: "share of the commonest prediction",
        value: Some(share),
        threshold: Some(COLLAPSE),
        p: None,
        reference: "one class over half of the predictions",
    });
    Some(finding)
}
