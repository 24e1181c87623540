//! The large numbers of a run's overview: accuracy of each split after the last epoch and the gap, with their intervals.

use super::super::wording::{percent, points};
use crate::diagnose::{Interval, difference, wilson};
use crate::run::{EpochRecord, Split, SplitMetrics};
use crate::store::Run;

/// One large number.
pub struct Number {
    /// `train`, `val`, `test` or `gap-val`: its colour, and its name for the scripts.
    pub key: &'static str,
    pub name: &'static str,
    /// What stands below the name, for readers who do not know the word.
    pub explained: &'static str,
    pub value: Value,
}

pub enum Value {
    /// "17.8 %", "16 of 90" and "11.2 to 26.9 %"; the last two are empty if nobody knows the number of images.
    Known {
        value: String,
        count: String,
        interval: String,
    },
    /// Measured, and shown to nobody yet.
    Sealed,
    /// Why there is no number.
    Missing(&'static str),
}

impl Value {
    /// "17.8 %", or why there is none.
    pub fn text(&self) -> &str {
        match self {
            Value::Known { value, .. } => value,
            Value::Sealed => "sealed",
            Value::Missing(_) => "–",
        }
    }

    pub fn count(&self) -> &str {
        match self {
            Value::Known { count, .. } => count,
            Value::Sealed => "",
            Value::Missing(why) => why,
        }
    }

    pub fn interval(&self) -> &str {
        match self {
            Value::Known { interval, .. } => interval,
            Value::Sealed | Value::Missing(_) => "",
        }
    }

    pub fn is_sealed(&self) -> bool {
        matches!(self, Value::Sealed)
    }
}

/// Training, validation, test and the gap of training to validation (to test, if there is no validation).
pub fn numbers(run: &Run) -> Vec<Number> {
    let last = run.latest.as_ref();
    let accuracy = |split: Split, explained| Number {
        key: split.name(),
        name: split.word(),
        explained,
        value: match last.and_then(|last| last.split(split)) {
            Some(metrics) => accuracy(metrics),
            None if split == Split::Test && run.sealed => Value::Sealed,
            None => Value::Missing(why_missing(run, split)),
        },
    };
    vec![
        accuracy(
            Split::Train,
            "Accuracy on the training images, measured in evaluation mode after each epoch",
        ),
        accuracy(
            Split::Val,
            "Accuracy on the validation images: the network was not trained on them",
        ),
        accuracy(
            Split::Test,
            "Accuracy on the test images: an honest score as long as nobody makes a choice by it",
        ),
        Number {
            key: "gap-val",
            name: "gap",
            explained: "Generalization gap: training accuracy minus validation accuracy, in percentage points, with Newcombe's 95 % \
                        interval",
            value: last.map_or(Value::Missing(""), gap),
        },
    ]
}

fn why_missing(run: &Run, split: Split) -> &'static str {
    let known = run.facts.as_ref();
    match (run.latest.is_some(), known.map(|facts| facts.images(split))) {
        (false, _) => "",
        (true, Some(0)) => "no images",
        (true, _) => "not measured",
    }
}

fn accuracy(metrics: &SplitMetrics) -> Value {
    let counted = metrics.n > 0 && metrics.correct <= metrics.n;
    let interval = wilson(metrics.correct, metrics.n);
    let (count, interval) = match counted {
        true => (
            format!("{} of {}", metrics.correct, metrics.n),
            format!("{} to {}", points(interval.low), percent(interval.high)),
        ),
        false => Default::default(),
    };
    Value::Known {
        value: percent(metrics.accuracy),
        count,
        interval,
    }
}

fn gap(last: &EpochRecord) -> Value {
    let known = [Split::Val, Split::Test]
        .into_iter()
        .find_map(|split| Some((last.gap(split)?, split)));
    let Some((gap, split)) = known else {
        return Value::Missing("");
    };
    Value::Known {
        value: format!("{} points", points(gap)),
        count: format!("training − {}", split.word()),
        interval: interval_of_gap(last, split).map_or_else(String::new, |interval| {
            format!("{} to {}", points(interval.low), points(interval.high))
        }),
    }
}

/// None unless both splits' images are counted.
fn interval_of_gap(last: &EpochRecord, other: Split) -> Option<Interval> {
    let counts = |split| {
        let metrics = last.split(split)?;
        (metrics.n > 0 && metrics.correct <= metrics.n).then_some((metrics.correct, metrics.n))
    };
    Some(difference(counts(Split::Train)?, counts(other)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_taken_from_the_counts_and_has_an_interval() {
        let of = |correct, n| Some(SplitMetrics::new(1.0, correct, n));
        let last = EpochRecord {
            epoch: 60,
            lr: 0.01,
            seconds: 1.0,
            train: of(627, 630),
            val: of(16, 90),
            test: None,
            running: None,
        };
        let value = gap(&last);
        assert_eq!(value.text(), "81.7 points");
        assert_eq!(value.count(), "training − validation");
        assert_eq!(value.interval(), "72.5 to 88.3");
    }
}
