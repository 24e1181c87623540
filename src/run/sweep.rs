//! Several runs of one spec: the fields that differ among them, and how a list of numbers is written.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use std::collections::BTreeMap;

/// As many runs as one spec may ask for.
pub const MOST_RUNS: usize = 200;
/// Digits that a range's numbers keep: 0.1 + 2 × 0.1 is to be 0.3.
const DIGITS: i32 = 12;

/// A field that has several values, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Axis {
    /// `train.optimizer.lr`
    pub field: String,
    #[schema(value_type = Vec<f64>)]
    pub values: Vec<Number>,
}

/// What one run has of each field that differs, by its dotted path.
pub type Settings = BTreeMap<String, Number>;

/// The field of the seeds, over which means are taken.
pub const SEED_FIELD: &str = "train.seed";

/// True for text that stands for several numbers, as `0.1, 0.01` or `1..5`, right or wrong.
pub fn is_list(text: &str) -> bool {
    let numeric = |c: char| c.is_ascii_digit() || "+-.,eE_ \t".contains(c);
    (text.contains(',') || text.contains("..")) && text.chars().all(numeric)
}

/// The numbers that a list stands for: commas between its parts, each of them a number, `FROM..TO` (whole numbers, both
/// ends among them) or `FROM..TO..STEP`. A number that comes twice counts once.
pub fn numbers(text: &str) -> Result<Vec<Number>, String> {
    let mut found: Vec<Number> = Vec::new();
    for part in text.split(',').map(str::trim) {
        for number in part_numbers(part)? {
            if !found.contains(&number) {
                found.push(number);
            }
        }
        if found.len() > MOST_RUNS {
            return Err(format!(
                "'{text}' is more than {MOST_RUNS} numbers: at most {MOST_RUNS} runs are made at once"
            ));
        }
    }
    Ok(found)
}

fn part_numbers(part: &str) -> Result<Vec<Number>, String> {
    let ends: Vec<f64> = part
        .split("..")
        .map(|end| number(end.trim()))
        .collect::<Result<_, _>>()?;
    let (from, to, step) = match ends[..] {
        [one] => return Ok(vec![json(one)?]),
        [from, to] if from.fract() == 0.0 && to.fract() == 0.0 => (from, to, 1.0),
        [_, _] => {
            return Err(format!(
                "'{part}' has no step: write FROM..TO..STEP, such as 0.1..0.5..0.1"
            ));
        }
        [from, to, step] => (from, to, step),
        _ => {
            return Err(format!(
                "'{part}' is no range: write FROM..TO or FROM..TO..STEP"
            ));
        }
    };
    if step <= 0.0 || to < from {
        return Err(format!(
            "'{part}' goes nowhere: write the smaller number first and a step above 0"
        ));
    }
    let count = ((to - from) / step + 1e-9).floor();
    if count >= MOST_RUNS as f64 {
        return Err(format!(
            "'{part}' is more than {MOST_RUNS} numbers: at most {MOST_RUNS} runs are made at once"
        ));
    }
    (0..=count as u32)
        .map(|i| json(rounded(from + f64::from(i) * step)))
        .collect()
}

fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ if text.is_empty() => Err("a number is missing: write 0.1, 0.01 or 1..5".to_owned()),
        _ => Err(format!("'{text}' is no number, such as 0.001 or 1e-3")),
    }
}

/// To [`DIGITS`] significant digits.
fn rounded(x: f64) -> f64 {
    let text = format!("{x:.*e}", DIGITS as usize - 1);
    text.parse().unwrap_or(x)
}

/// A whole number where it is one, as most fields want.
fn json(x: f64) -> Result<Number, String> {
    let whole = x.fract() == 0.0 && x.abs() < 9.1e15;
    let number = match whole {
        true => Some(Number::from(x as i64)),
        false => Number::from_f64(x),
    };
    number.ok_or_else(|| format!("{x} is no number that can be used here"))
}

/// "lr 0.01, seed 2": the settings in words, in the order of the axes.
pub fn said(axes: &[Axis], settings: &Settings) -> String {
    let parts: Vec<String> = axes
        .iter()
        .filter_map(|axis| {
            Some(format!(
                "{} {}",
                label(axes, axis),
                settings.get(&axis.field)?
            ))
        })
        .collect();
    parts.join(", ")
}

/// The last part of an axis' field where no other axis ends in it, else the whole: `lr`.
pub fn label<'a>(axes: &[Axis], axis: &'a Axis) -> &'a str {
    let end = |field: &'a str| field.rsplit('.').next().unwrap_or(field);
    let short = end(&axis.field);
    let same = axes
        .iter()
        .filter(|other| other.field.rsplit('.').next() == Some(short));
    match same.count() {
        0 | 1 => short,
        _ => &axis.field,
    }
}

/// The numbers of a JSON array; none where it holds anything else, or nothing.
pub fn array(value: &Value) -> Option<Vec<Number>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    let numbers = list.iter().map(|value| value.as_number().cloned());
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &str) -> String {
        let numbers = numbers(list).unwrap();
        let texts: Vec<String> = numbers.iter().map(Number::to_string).collect();
        texts.join(" ")
    }

    #[test]
    fn lists_and_ranges_are_numbers_as_people_mean_them() {
        assert_eq!(texts("0.1, 0.01,1e-3"), "0.1 0.01 0.001");
        assert_eq!(texts("1..5"), "1 2 3 4 5");
        assert_eq!(texts("8..32..8"), "8 16 24 32");
        assert_eq!(texts("0.1..0.5..0.1"), "0.1 0.2 0.3 0.4 0.5");
        assert_eq!(texts("3, 1..4, 3"), "3 1 2 4");
        assert_eq!(texts("-2..0"), "-2 -1 0");
        assert_eq!(texts("9007199254740991, 1"), "9007199254740991 1");
    }

    #[test]
    fn a_list_that_is_none_says_why() {
        for (list, says) in [
            ("1,", "missing"),
            ("1..", "missing"),
            ("0.1..0.5", "no step"),
            ("5..1", "goes nowhere"),
            ("1..5..0", "goes nowhere"),
            ("1..2..3..4", "no range"),
            ("1..1000000", "more than 200"),
            ("1..150, 200..350", "more than 200"),
            ("1, 1e999", "no number"),
        ] {
            let error = numbers(list).unwrap_err();
            assert!(error.contains(says), "{list}: {error}");
        }
    }

    #[test]
    fn only_text_of_numbers_stands_for_several() {
        for list in ["0.1, 0.01", "1..5", "1..", "8,16,32"] {
            assert!(is_list(list), "{list}");
        }
        for word in ["adam", "cuda:0", "0.1", "-3", "a, b", ""] {
            assert!(!is_list(word), "{word}");
        }
    }

    #[test]
    fn settings_are_named_by_the_end_of_their_field_where_that_is_enough() {
        let axis = |field: &str| Axis {
            field: field.to_owned(),
            values: vec![1.into(), 2.into()],
        };
        let settings = |fields: [&str; 2]| {
            let numbers = fields.into_iter().zip([3, 4]);
            numbers.map(|(f, n)| (f.to_owned(), n.into())).collect()
        };
        let (lr, seed) = ("train.optimizer.lr", "train.seed");
        let axes = [axis(lr), axis(seed)];
        assert_eq!(said(&axes, &settings([lr, seed])), "lr 3, seed 4");
        let (one, other) = ("train.a.lr", "train.b.lr");
        let axes = [axis(one), axis(other)];
        assert_eq!(
            said(&axes, &settings([one, other])),
            "train.a.lr 3, train.b.lr 4"
        );
    }
}
