//! A history as a table: one row an epoch.

use super::{EpochRecord, Split};
use std::fmt::Write;

/// The table of `history.csv`: `epoch, lr, seconds`, then of each split loss, accuracy, images right and images, then
/// the running figures of training. What an epoch does not have is empty, as is a loss that is not finite.
pub fn history_csv(epochs: &[EpochRecord]) -> String {
    let mut csv = String::from("epoch,lr,seconds");
    for split in Split::ALL {
        // Writing to a string does not fail.
        let _ = write!(csv, ",{split}_loss,{split}_acc,{split}_correct,{split}_n");
    }
    csv.push_str(",running_loss,running_acc\n");
    for record in epochs {
        let _ = write!(csv, "{},{},{}", record.epoch, record.lr, record.seconds);
        for split in Split::ALL {
            match record.split(split) {
                Some(m) => {
                    let (loss, accuracy) = (number(m.loss), number(m.accuracy));
                    let _ = write!(csv, ",{loss},{accuracy},{},{}", m.correct, m.n);
                }
                None => csv.push_str(",,,,"),
            }
        }
        match &record.running {
            Some(r) => {
                let _ = write!(csv, ",{},{}", number(r.loss), number(r.accuracy));
            }
            None => csv.push_str(",,"),
        }
        csv.push('\n');
    }
    csv
}

fn number(value: f64) -> String {
    if value.is_finite() {
        value.to_string()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SplitMetrics;

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        let record = EpochRecord {
            epoch: 1,
            lr: 0.001,
            seconds: 2.5,
            train: Some(SplitMetrics::new(f64::NAN, 3, 4)),
            val: None,
            test: Some(SplitMetrics::new(1.0, 1, 2)),
            running: None,
        };
        let csv = history_csv(&[record]);
        let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].len(), rows[1].len());
        assert_eq!(
            rows[1],
            [
                "1", "0.001", "2.5", "", "0.75", "3", "4", "", "", "", "", "0.5", "0.5", "1", "2",
                "", ""
            ]
        );
    }
}
