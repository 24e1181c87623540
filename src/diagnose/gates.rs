//! What must be known before any cause is named: each a question with its numbers, asked of the last epoch, never of the best.

use super::finding::Evidence;
use super::{Subject, fisher_exact, upper_tail, wilson};
use crate::run::{EpochRecord, Split, SplitMetrics};
use serde::{Deserialize, Serialize};

/// A network that gets this share of its training images right, within noise, has nothing left to learn there.
const FITTED: f64 = 0.95;
/// The gap counts from this share of the training accuracy on (deepchecks' default).
const GAP_SHARE: f64 = 0.10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    Yes,
    /// Between 1 and 5 % probability of being chance.
    Weak,
    No,
    /// The numbers that would answer are missing.
    Unknown,
}

/// One question, its answer and the numbers behind it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    pub answer: Answer,
    /// The answer as a sentence with its numbers.
    pub statement: String,
    pub statistic: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    pub reference: &'static str,
}

impl Gate {
    /// Its answer as evidence for a cause.
    pub(super) fn evidence(&self) -> Evidence {
        Evidence {
            statement: self.statement.clone(),
            statistic: self.statistic,
            value: self.value,
            threshold: self.threshold,
            p: self.p,
            reference: self.reference,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gates {
    /// Is validation accuracy better than guessing?
    pub above_chance: Gate,
    /// Is training accuracy better than guessing?
    pub training_above_chance: Gate,
    /// Does the network get its own training images right?
    pub fitted: Gate,
    /// Is training accuracy above validation accuracy by more than both counts' noise?
    pub gap: Gate,
    /// Do validation and test differ by more than noise?
    pub val_vs_test: Gate,
    /// Are there enough validation images for a firm word?
    pub enough_images: Gate,
}

impl Gates {
    /// Asks all of one epoch.
    pub fn of(subject: &Subject, last: &EpochRecord) -> Gates {
        Gates {
            above_chance: above_chance(subject, last, Split::Val),
            training_above_chance: above_chance(subject, last, Split::Train),
            fitted: fitted(last),
            gap: gap(last),
            val_vs_test: val_vs_test(last),
            enough_images: enough_images(last),
        }
    }
}

fn above_chance(subject: &Subject, last: &EpochRecord, split: Split) -> Gate {
    let blank = Gate {
        answer: Answer::Unknown,
        statement: format!(
            "Nothing is known of the {} images or of the classes.",
            split.word()
        ),
        statistic: "exact one-sided binomial",
        value: None,
        threshold: None,
        p: None,
        reference: "exact binomial test against max(1/K, share of the commonest class)",
    };
    let (Some(metrics), Some(chance)) = (counted(last, split), subject.chance(split)) else {
        return blank;
    };
    let p = upper_tail(metrics.correct, metrics.n, chance);
    let answer = beats_guessing(p);
    Gate {
        answer,
        statement: format!(
            "{} accuracy of {} is {} (guessing gets {}; p = {}).",
            capital(split.word()),
            share(metrics),
            beside_guessing(answer),
            percent(chance),
            p_value(p)
        ),
        value: Some(metrics.accuracy),
        threshold: Some(chance),
        p: Some(p),
        ..blank
    }
}

/// Whether right answers are more than luck, by the p-value of an exact one-sided binomial test against guessing. Every part of
/// Gapwatch asks here, and says it by [`beside_guessing`]: one p-value has one wording.
pub(super) fn beats_guessing(p: f64) -> Answer {
    match p {
        p if p < 0.01 => Answer::Yes,
        p if p < 0.05 => Answer::Weak,
        _ => Answer::No,
    }
}

/// "hardly better than guessing"
pub(super) fn beside_guessing(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "better than guessing",
        Answer::Weak => "hardly better than guessing",
        Answer::No => "no better than guessing",
        Answer::Unknown => "not known beside guessing",
    }
}

fn fitted(last: &EpochRecord) -> Gate {
    let blank = Gate {
        answer: Answer::Unknown,
        statement: "There is no training accuracy.".to_owned(),
        statistic: "upper Wilson bound of training accuracy",
        value: None,
        threshold: Some(FITTED),
        p: None,
        reference: "Wilson 1927; 95 % of the training images",
    };
    let Some(train) = last.split(Split::Train).filter(|m| m.accuracy.is_finite()) else {
        return blank;
    };
    let (upper, right) = match train.n {
        0 => (train.accuracy, percent(train.accuracy)),
        n => (wilson(train.correct, n).high, share(train)),
    };
    let fits = upper >= FITTED;
    Gate {
        answer: if fits { Answer::Yes } else { Answer::No },
        statement: format!(
            "It gets {right} of its training images right{}.",
            if fits {
                ""
            } else {
                ": it has more to learn there"
            }
        ),
        value: Some(upper),
        ..blank
    }
}

fn gap(last: &EpochRecord) -> Gate {
    let blank = Gate {
        answer: Answer::Unknown,
        statement: "Training and validation counts are needed to judge a gap.".to_owned(),
        statistic: "lower Wilson bound of training − upper Wilson bound of validation",
        value: None,
        threshold: None,
        p: None,
        reference: "Wilson 1927; gap of at least 10 % of training accuracy: deepchecks",
    };
    let (Some(train), Some(val)) = (counted(last, Split::Train), counted(last, Split::Val)) else {
        return blank;
    };
    let between = wilson(train.correct, train.n).low - wilson(val.correct, val.n).high;
    let gap = last.gap(Split::Val).unwrap_or(f64::NAN);
    let real = between > 0.0 && gap >= GAP_SHARE * train.accuracy;
    let statement = if real {
        format!(
            "The gap ({} points) is too large to be chance with {} validation images.",
            points(gap),
            val.n
        )
    } else if between > 0.0 {
        format!(
            "The gap ({} points) is more than chance, but less than a tenth of the training accuracy.",
            points(gap)
        )
    } else {
        format!(
            "The gap ({} points) can be chance with {} validation images.",
            points(gap),
            val.n
        )
    };
    Gate {
        answer: if real { Answer::Yes } else { Answer::No },
        statement,
        value: Some(between),
        threshold: Some(0.0),
        ..blank
    }
}

fn val_vs_test(last: &EpochRecord) -> Gate {
    let blank = Gate {
        answer: Answer::Unknown,
        statement: "There are no test images to compare with.".to_owned(),
        statistic: "Fisher's exact test, two-sided",
        value: None,
        threshold: Some(0.05),
        p: None,
        reference: "Fisher 1934",
    };
    let (Some(val), Some(test)) = (counted(last, Split::Val), counted(last, Split::Test)) else {
        return blank;
    };
    let p = fisher_exact(val.correct, val.n, test.correct, test.n);
    let differ = p < 0.05;
    Gate {
        answer: if differ { Answer::Yes } else { Answer::No },
        statement: format!(
            "Validation ({}) and test ({}) {} (p = {}).",
            share(val),
            share(test),
            if differ {
                "differ by more than chance"
            } else {
                "agree within chance"
            },
            p_value(p)
        ),
        value: Some(val.accuracy - test.accuracy),
        p: Some(p),
        ..blank
    }
}

fn enough_images(last: &EpochRecord) -> Gate {
    let blank = Gate {
        answer: Answer::Unknown,
        statement: "The number of validation images is not known.".to_owned(),
        statistic: "half-width of the Wilson 95 % interval",
        value: None,
        threshold: Some(0.10),
        p: None,
        reference: "Wilson 1927; at least 100 images and at most ±10 points",
    };
    let Some(val) = counted(last, Split::Val) else {
        return blank;
    };
    let half = wilson(val.correct, val.n).half_width();
    let enough = val.n >= 100 && half <= 0.10;
    Gate {
        answer: if enough { Answer::Yes } else { Answer::No },
        statement: format!(
            "{} validation images fix the accuracy to ±{} points{}.",
            val.n,
            points(half),
            if enough {
                ""
            } else {
                ": the verdict is uncertain"
            }
        ),
        value: Some(half),
        ..blank
    }
}

fn counted(epoch: &EpochRecord, split: Split) -> Option<&SplitMetrics> {
    epoch.split(split).filter(|m| m.n > 0 && m.correct <= m.n)
}

/// "18.9 % (17 of 90)"
pub fn share(m: &SplitMetrics) -> String {
    format!("{} ({} of {})", percent(m.accuracy), m.correct, m.n)
}

/// "18.9 %" of 0.1889
pub fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

/// "79.4" of 0.794: percentage points, for differences
pub fn points(fraction: f64) -> String {
    format!("{:.1}", 100.0 * fraction)
}

/// "8.2 s", "45 s", "3 min 20 s", "1 h 12 min"
pub fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// "0.0096", "8e-5"
pub fn p_value(p: f64) -> String {
    if p >= 0.1 {
        format!("{p:.2}")
    } else if p >= 0.0001 {
        format!("{p:.4}")
    } else if p > 0.0 {
        format!("{p:.0e}")
    } else {
        "1e-300 or less".to_owned()
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
