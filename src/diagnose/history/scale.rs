//! Accuracies as fractions or percent: told from the numbers, and refused where both stand in one file.

use super::Unreadable;

/// A value within a table: its row for the user, and its number.
pub(super) type Value = (usize, f64);

/// The largest fraction, with room for rounding.
const ONE: f64 = 1.0 + 1e-6;
/// Within a column of percent a value of at most 1 beside one above this is a fraction that went astray.
const FAR: f64 = 20.0;

/// What the columns' values are to be multiplied by to be fractions. A column is its name and its measured values in order.
pub(super) fn scale(columns: &[(&str, Vec<Value>)]) -> Result<f64, Unreadable> {
    let mut percent: Option<(&str, Value)> = None;
    for (name, values) in columns {
        for value in values {
            let (row, number) = *value;
            if !(0.0..=100.0 + 1e-6).contains(&number) {
                return Unreadable::new(format!(
                    "row {row}, column {name}: {number} is no accuracy: fractions (0 to 1) or percent (0 to 100) are wanted"
                ));
            }
            if number > ONE && percent.is_none() {
                percent = Some((name, *value));
            }
        }
    }
    let Some((of, (row, number))) = percent else {
        return Ok(1.0);
    };
    for (name, values) in columns {
        let fractions_only = values.iter().all(|v| v.1 <= ONE) && values.iter().any(|v| v.1 > 0.0);
        let stray = values.windows(2).find_map(|pair| match [pair[0], pair[1]] {
            [small, large] if small.1 > 0.0 && small.1 <= ONE && large.1 > FAR => Some(small),
            [large, small] if small.1 > 0.0 && small.1 <= ONE && large.1 > FAR => Some(small),
            _ => None,
        });
        let stray = stray.or(if fractions_only {
            values.last().copied()
        } else {
            None
        });
        if let Some((at, fraction)) = stray {
            return Unreadable::new(format!(
                "row {at}, column {name} has {fraction}, a fraction, and row {row}, column {of} has {number}, percent: \
                 write all accuracies in one unit"
            ));
        }
    }
    Ok(0.01)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[f64]) -> Vec<Value> {
        (2..).zip(values.iter().copied()).collect()
    }

    #[test]
    fn fractions_and_percent_are_told_apart() {
        assert_eq!(scale(&[("a", column(&[0.0, 0.5, 1.0]))]), Ok(1.0));
        assert_eq!(scale(&[("a", column(&[0.4, 3.0, 15.0, 60.0]))]), Ok(0.01));
        assert_eq!(scale(&[]), Ok(1.0));
    }

    #[test]
    fn both_in_one_file_are_refused_with_their_rows() {
        for columns in [
            vec![
                ("train_acc", column(&[40.0, 98.4])),
                ("val_acc", column(&[0.1, 0.2])),
            ],
            vec![("train_acc", column(&[0.45, 0.5, 67.0]))],
            vec![("train_acc", column(&[67.0, 0.5]))],
        ] {
            let error = scale(&columns).unwrap_err().to_string();
            assert!(
                error.contains("one unit") && error.contains("row 3"),
                "{error}"
            );
        }
        let error = scale(&[("val_acc", column(&[0.1, 250.0]))]).unwrap_err();
        assert!(
            error.to_string().contains("row 3, column val_acc"),
            "{error}"
        );
    }
}
