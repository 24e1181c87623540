//! From rows of named numbers to curves: epochs merged, units recognised, gaps kept.

use super::meaning::{Meaning, Metric, meaning};
use super::rows::Table;
use super::scale::{self, Value};
use super::{RecordedHistory, Unreadable};
use crate::diagnose::curves::Curves;
use crate::diagnose::finding::some_of;
use crate::run::{RunStatus, Split};
use std::collections::BTreeMap;

/// A column that means something, with its values: (row for the user, value); blanks left out.
struct Column {
    name: String,
    split: Split,
    metric: Metric,
    whole_epoch: bool,
    /// (position of the row, number)
    values: Vec<(usize, f64)>,
}

/// Reads a CSV with a header.
pub(super) fn read_csv(content: &[u8]) -> Result<RecordedHistory, Unreadable> {
    understand(parse(content)?)
}

fn parse(content: &[u8]) -> Result<Table, Unreadable> {
    let line = content.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|b| **b == delimiter).count();
    let delimiter = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|d| (count(*d), *d == b','))
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(content);
    let broken = |error: csv::Error| {
        let row = error.position().map_or(1, csv::Position::line);
        Unreadable(format!("row {row}: not a CSV in UTF-8 ({error})"))
    };
    let header: Vec<String> = reader
        .headers()
        .map_err(broken)?
        .iter()
        .map(|n| n.trim().to_owned())
        .collect();
    let mut table = Table::default();
    let mut places = Vec::with_capacity(header.len());
    for name in &header {
        let place = table.column(name)?;
        if place.is_some() && places.contains(&place) {
            return Unreadable::new(format!("two columns are called {name}: leave one out"));
        }
        places.push(place);
    }
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let row = record.position().map_or(0, |p| p.line() as usize);
        if record.len() > header.len() {
            return Unreadable::new(format!(
                "row {row} has {} cells and the header {}: is a comma the decimal sign? Write numbers with a point",
                record.len(),
                header.len()
            ));
        }
        let cells = table.push(row)?;
        for (i, cell) in record.iter().enumerate() {
            if let Some(place) = places[i] {
                cells[place] = number(cell, delimiter).map_err(|what| {
                    Unreadable(format!("row {row}, column {}: {what}", header[i]))
                })?;
            }
        }
    }
    Ok(table)
}

/// A cell's number; blank, `NA`, `None` and `null` are none.
fn number(cell: &str, delimiter: u8) -> Result<Option<f64>, String> {
    let cell = cell.trim();
    if ["", "na", "n/a", "none", "null", "-"].contains(&cell.to_ascii_lowercase().as_str()) {
        return Ok(None);
    }
    let plain = cell.strip_suffix('%').unwrap_or(cell).trim();
    // With another delimiter a comma can only be the decimal sign.
    let plain = if delimiter == b',' {
        plain.to_owned()
    } else {
        plain.replace(',', ".")
    };
    plain.parse().map(Some).map_err(|_| {
        let shown: String = cell.chars().take(40).collect();
        format!("'{shown}' is no number")
    })
}

/// Makes curves of a table.
pub(super) fn understand(table: Table) -> Result<RecordedHistory, Unreadable> {
    let mut notes = Vec::new();
    let has_step = table
        .header
        .iter()
        .any(|name| meaning(name) == Some(Meaning::Step));
    let (columns, running_averages) = columns(&table, &mut notes)?;
    let (epochs, place) = epochs(&table, &mut notes)?;

    let mut measured: Vec<(&str, Vec<Value>)> = Vec::new();
    for column in columns.iter().filter(|c| c.metric == Metric::Accuracy) {
        let finite = column.values.iter().filter(|(_, v)| v.is_finite());
        measured.push((
            &column.name,
            finite.map(|(row, v)| (table.rows[*row].0, *v)).collect(),
        ));
    }
    let scale = scale::scale(&measured)?;
    if scale != 1.0 {
        notes.push("Accuracies are read as percent.".to_owned());
    }

    let mut curves = Curves {
        loss: std::array::from_fn(|_| vec![None; epochs.len()]),
        accuracy: std::array::from_fn(|_| vec![None; epochs.len()]),
        epochs,
    };
    let mut images = [None; 3];
    for column in &columns {
        let split = column.split as usize;
        match column.metric {
            Metric::Images => {
                images[split] = column.values.last().and_then(|(_, n)| whole(*n));
            }
            Metric::Loss => {
                if let Some((row, loss)) = column.values.iter().find(|(_, v)| *v < 0.0) {
                    notes.push(format!(
                        "Row {}: the loss {loss} is negative, so it is no cross-entropy.",
                        table.rows[*row].0
                    ));
                }
                curves.loss[split] =
                    merged(column, &place, curves.epochs.len(), has_step, &mut notes);
            }
            Metric::Accuracy => {
                let values = merged(column, &place, curves.epochs.len(), has_step, &mut notes);
                curves.accuracy[split] = values
                    .into_iter()
                    .map(|v| v.filter(|a| a.is_finite()).map(|a| (a * scale).min(1.0)))
                    .collect();
            }
        }
    }
    for split in Split::ALL {
        let split = split as usize;
        settle_losses(&mut curves.loss[split], &curves.accuracy[split]);
    }
    // Rows that hold nothing but a learning rate end a Lightning log.
    while curves.epochs.len() > 1 && is_blank(&curves, curves.epochs.len() - 1) {
        curves.epochs.pop();
        for figures in curves.loss.iter_mut().chain(&mut curves.accuracy) {
            figures.pop();
        }
    }
    Ok(RecordedHistory {
        curves,
        images,
        classes: 0,
        status: RunStatus::Finished,
        running_averages,
        notes,
    })
}

fn is_blank(curves: &Curves, at: usize) -> bool {
    let mut figures = curves.loss.iter().chain(&curves.accuracy);
    figures.all(|figure| figure[at].is_none())
}

/// The columns that mean something, one for each split and metric; and whether training figures look like running averages.
fn columns(table: &Table, notes: &mut Vec<String>) -> Result<(Vec<Column>, bool), Unreadable> {
    let mut found: BTreeMap<(Split, Metric), Column> = BTreeMap::new();
    let mut running_averages = false;
    for (i, name) in table.header.iter().enumerate() {
        let Some(Meaning::Figure {
            split,
            metric,
            whole_epoch,
            named_split,
        }) = meaning(name)
        else {
            continue;
        };
        if split == Split::Train && metric == Metric::Accuracy && (whole_epoch || !named_split) {
            running_averages = true;
        }
        let values = table
            .rows
            .iter()
            .enumerate()
            .filter_map(|(row, (_, cells))| cells[i].map(|v| (row, v)))
            .collect();
        let column = Column {
            name: name.clone(),
            split,
            metric,
            whole_epoch,
            values,
        };
        match found.get(&(split, metric)) {
            Some(other) if other.whole_epoch == whole_epoch => {
                return Unreadable::new(format!(
                    "columns {} and {} both mean the {} {}: leave one out",
                    other.name,
                    column.name,
                    split.word(),
                    if metric == Metric::Loss {
                        "loss"
                    } else {
                        "accuracy"
                    }
                ));
            }
            Some(other) if other.whole_epoch => {}
            _ => {
                found.insert((split, metric), column);
            }
        }
    }
    let figures = found
        .keys()
        .filter(|(_, metric)| *metric != Metric::Images)
        .count();
    if figures == 0 {
        return Unreadable::new(format!(
            "no column is a loss or an accuracy (the header has {}): name columns train_loss, val_loss, test_loss, \
             train_acc, val_acc or test_acc",
            some_of(&table.ignored, 8)
        ));
    }
    if !table.ignored.is_empty() {
        notes.push(format!("Columns not used: {}.", some_of(&table.ignored, 8)));
    }
    Ok((found.into_values().collect(), running_averages))
}

/// The epochs in rising order, from 1, and the position among them of each row.
fn epochs(table: &Table, notes: &mut Vec<String>) -> Result<(Vec<u32>, Vec<usize>), Unreadable> {
    let column = table
        .header
        .iter()
        .position(|name| meaning(name) == Some(Meaning::Epoch));
    let Some(column) = column else {
        if !table.rows.is_empty() {
            notes.push("There is no column 'epoch': each row counts as one.".to_owned());
        }
        return Ok((
            (1..=table.rows.len() as u32).collect(),
            (0..table.rows.len()).collect(),
        ));
    };
    let mut numbers: Vec<u32> = Vec::with_capacity(table.rows.len());
    for (row, cells) in &table.rows {
        let number = match cells[column] {
            Some(epoch) => whole(epoch).ok_or_else(|| {
                Unreadable(format!(
                    "row {row}: epoch {epoch} is no whole number from 0"
                ))
            })?,
            // Lightning leaves the epoch out in some rows: it is still the one before.
            None => numbers.last().copied().unwrap_or(0),
        };
        numbers.push(number);
    }
    if let Some(back) = numbers.windows(2).position(|pair| pair[1] < pair[0]) {
        notes.push(format!(
            "Row {}: the epoch goes back from {} to {}. Where an epoch is there twice the later row counts.",
            table.rows[back + 1].0,
            numbers[back],
            numbers[back + 1]
        ));
    }
    let from_zero = numbers.contains(&0);
    if from_zero {
        notes.push("Epochs are counted from 0 in the file and from 1 here.".to_owned());
        numbers.iter_mut().for_each(|n| *n = n.saturating_add(1));
    }
    let mut epochs = numbers.clone();
    epochs.sort_unstable();
    epochs.dedup();
    let missing: Vec<String> = epochs
        .windows(2)
        .filter(|pair| pair[1] > pair[0] + 1)
        .map(|pair| match pair[1] - pair[0] {
            2 => (pair[0] + 1).to_string(),
            _ => format!("{} to {}", pair[0] + 1, pair[1] - 1),
        })
        .collect();
    if !missing.is_empty() {
        notes.push(format!(
            "Epochs missing in the file: {}.",
            some_of(&missing, 5)
        ));
    }
    // Found by search, so that a hostile number of epochs costs no memory.
    let place = numbers
        .iter()
        .map(|n| epochs.partition_point(|e| e < n))
        .collect();
    Ok((epochs, place))
}

/// One value an epoch: the mean over an epoch's steps where there is a column of steps, else the last one.
fn merged(
    column: &Column,
    place: &[usize],
    epochs: usize,
    has_step: bool,
    notes: &mut Vec<String>,
) -> Vec<Option<f64>> {
    let mut merged: Vec<Option<(f64, u32)>> = vec![None; epochs];
    let mut several = false;
    for (row, value) in &column.values {
        let slot = &mut merged[place[*row]];
        *slot = match slot.filter(|_| has_step) {
            Some((sum, n)) => {
                several = true;
                Some((sum + value, n + 1))
            }
            None => Some((*value, 1)),
        };
    }
    if several {
        notes.push(format!(
            "{}: several steps an epoch, averaged.",
            column.name
        ));
    }
    merged
        .into_iter()
        .map(|m| m.map(|(sum, n)| sum / f64::from(n)))
        .collect()
}

/// A loss that is NaN and later a number again was not measured; one that is blank where the accuracy beside it is not,
/// after losses were written, was not a number (JSON and our own CSV have no word for it).
fn settle_losses(loss: &mut [Option<f64>], accuracy: &[Option<f64>]) {
    let last_finite = loss.iter().rposition(|l| l.is_some_and(f64::is_finite));
    let alternates =
        last_finite.is_some_and(|last| loss[..last].iter().flatten().any(|l| l.is_nan()));
    for (at, value) in loss.iter_mut().enumerate() {
        let before = last_finite.is_some_and(|last| at < last);
        if value.is_some_and(f64::is_nan) && (before || alternates) {
            *value = None;
        } else if value.is_none() && !before && last_finite.is_some() && accuracy[at].is_some() {
            *value = Some(f64::NAN);
        }
    }
}

/// A whole number from 0 to 2³² − 2, as CSV and JSON write it.
fn whole(number: f64) -> Option<u32> {
    (number >= 0.0 && number < f64::from(u32::MAX) && number.fract() == 0.0)
        .then_some(number as u32)
}
