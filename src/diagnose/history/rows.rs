//! Rows of numbers under the names that mean something, as read and before anything is made of them.

use super::meaning::meaning;
use super::{Unreadable, check_name};

/// Cells of all columns that mean something: what a file may make us keep.
const MOST_CELLS: usize = 20_000_000;
/// Columns that mean something; each figure of three splits may stand there under a few names.
const MOST_COLUMNS: usize = 64;

/// The columns of numbers that mean something, as read. Blank cells are None.
#[derive(Default)]
pub(super) struct Table {
    pub header: Vec<String>,
    /// Names of columns that mean nothing here, some of them.
    pub ignored: Vec<String>,
    /// The row's number for the user, and its cells, one for each name in the header.
    pub rows: Vec<(usize, Vec<Option<f64>>)>,
}

impl Table {
    /// The place of a named column, made where it is new; None for a name that means nothing.
    pub fn column(&mut self, name: &str) -> Result<Option<usize>, Unreadable> {
        check_name(name)?;
        if meaning(name).is_none() {
            if !name.is_empty()
                && self.ignored.len() < 100
                && !self.ignored.iter().any(|known| known == name)
            {
                self.ignored.push(name.to_owned());
            }
            return Ok(None);
        }
        if let Some(at) = self.header.iter().position(|known| known == name) {
            return Ok(Some(at));
        }
        if self.header.len() == MOST_COLUMNS {
            return Unreadable::new(format!(
                "more than {MOST_COLUMNS} columns are named like a loss or an accuracy: leave the others out"
            ));
        }
        self.header.push(name.to_owned());
        Ok(Some(self.header.len() - 1))
    }

    /// Adds a row without values.
    pub fn push(&mut self, row: usize) -> Result<&mut [Option<f64>], Unreadable> {
        if (self.rows.len() + 1) * self.header.len() > MOST_CELLS {
            return Unreadable::new(format!(
                "{} rows of {} columns are too many: write one row an epoch",
                self.rows.len() + 1,
                self.header.len()
            ));
        }
        self.rows.push((row, vec![None; self.header.len()]));
        let last = self.rows.len() - 1;
        Ok(&mut self.rows[last].1)
    }
}
