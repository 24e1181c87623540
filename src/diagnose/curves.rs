//! Losses and accuracies over the epochs, as far as they were measured.

use crate::run::{EpochRecord, Split};

/// The curves of a run: one place an epoch and split; None where nothing was measured, NaN where the loss was lost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Rising.
    pub epochs: Vec<u32>,
    /// By [`Split::ALL`]'s order.
    pub loss: [Vec<Option<f64>>; 3],
    /// Fractions, by [`Split::ALL`]'s order.
    pub accuracy: [Vec<Option<f64>>; 3],
}

impl Curves {
    pub fn of(records: &[EpochRecord]) -> Curves {
        let each = |figure: fn(&EpochRecord, Split) -> Option<f64>| {
            Split::ALL.map(|split| records.iter().map(|r| figure(r, split)).collect())
        };
        Curves {
            epochs: records.iter().map(|r| r.epoch).collect(),
            loss: each(|r, split| r.split(split).map(|m| m.loss)),
            accuracy: each(|r, split| r.split(split).map(|m| m.accuracy).filter(|a| a.is_finite())),
        }
    }

    /// Measured finite losses with their epochs, in order.
    pub fn losses(&self, split: Split) -> (Vec<u32>, Vec<f64>) {
        self.finite(&self.loss[split as usize])
    }

    /// Measured accuracies with their epochs, in order.
    pub fn accuracies(&self, split: Split) -> (Vec<u32>, Vec<f64>) {
        self.finite(&self.accuracy[split as usize])
    }

    /// True where the last loss that was measured is not a number.
    pub fn is_lost(&self, split: Split) -> bool {
        let last = self.loss[split as usize]
            .iter()
            .rev()
            .find_map(|loss| *loss);
        last.is_some_and(|loss| !loss.is_finite())
    }

    fn finite(&self, values: &[Option<f64>]) -> (Vec<u32>, Vec<f64>) {
        self.epochs
            .iter()
            .zip(values)
            .filter_map(|(epoch, value)| value.filter(|v| v.is_finite()).map(|v| (*epoch, v)))
            .unzip()
    }
}
