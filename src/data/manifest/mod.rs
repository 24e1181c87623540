//! Tables that name images: which rows place which image where.

mod columns;
mod paths;
mod table;

pub(super) use table::{Row, Table};

use super::DataError;
use super::index::{Origin, Unreadable};
use super::intake::Intake;
use super::layout::{Layout, Placed};
use crate::run::Split;
use columns::{Columns, Unclear};
use paths::{Named, Paths};
use std::collections::{HashMap, HashSet};

/// A dataset's tables, and its files as they name them.
pub(super) struct Manifest<'a> {
    tables: &'a [Table],
    files: &'a [String],
    paths: Paths<'a>,
}

/// The tables that count, with their columns.
pub(super) struct Chosen<'a> {
    manifest: &'a Manifest<'a>,
    tables: Vec<(&'a Table, Columns)>,
}

/// The split that a word means, in any case.
pub(super) fn split_named(name: &str) -> Option<Split> {
    match name.to_ascii_lowercase().as_str() {
        "train" | "training" => Some(Split::Train),
        "val" | "valid" | "validation" | "dev" => Some(Split::Val),
        "test" | "testing" => Some(Split::Test),
        _ => None,
    }
}

/// The split that a name holds as one of its parts: `train_labels`, `t10k-images`.
pub(super) fn split_in(name: &str) -> Option<Split> {
    let mut found = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|part| match part.to_ascii_lowercase().as_str() {
            "t10k" => Some(Split::Test),
            part => split_named(part),
        });
    found.next()
}

impl<'a> Manifest<'a> {
    /// `files` are all files of the dataset's folder.
    pub fn new(tables: &'a [Table], files: &'a [String]) -> Manifest<'a> {
        Manifest {
            tables,
            files,
            paths: Paths::new(files),
        }
    }

    /// The tables whose rows name images and have a label: None where there is none.
    pub fn choose(&'a self, intake: &Intake) -> Result<Option<Chosen<'a>>, DataError> {
        let (mut tables, mut told) = (Vec::new(), None);
        for table in self.tables {
            let folder = folder_of(&table.name);
            let is_image = |cell: &str| self.paths.find(cell, folder) != Named::Nothing;
            match Columns::find(table, intake, is_image) {
                Ok(columns) => tables.push((table, columns)),
                Err(Unclear::NoImages | Unclear::NoLabel) => {}
                Err(Unclear::Told(said)) => told = Some(said),
            }
        }
        if tables.is_empty() {
            return told.map_or(Ok(None), DataError::refused);
        }
        let splits: HashSet<Option<Split>> = tables.iter().map(|(t, _)| t.split).collect();
        if tables.len() > 1 && (splits.contains(&None) || splits.len() < tables.len()) {
            let names: Vec<&str> = tables
                .iter()
                .take(10)
                .map(|(t, _)| t.name.as_str())
                .collect();
            return DataError::refused(format!(
                "{} tables name images ({}): keep one, or call them train.csv, val.csv and test.csv",
                tables.len(),
                names.join(", ")
            ));
        }
        Ok(Some(Chosen {
            manifest: self,
            tables,
        }))
    }
}

impl Chosen<'_> {
    /// Where the rows put the images; `seen` has the position in the layout of each readable file.
    pub fn layout(&self, seen: &HashMap<&str, usize>) -> Result<Layout, DataError> {
        let mut layout = Layout::default();
        let mut rows: HashMap<usize, (&str, u64, &str)> = HashMap::new();
        let mut missing = 0;
        let mut total = 0;
        for (table, columns) in &self.tables {
            let folder = folder_of(&table.name);
            // A file's name tells the split only where there are several: one `train.csv` may list everything.
            let own = table.split.filter(|_| self.tables.len() > 1);
            total += table.rows.len();
            for row in &table.rows {
                let cell = |column: usize| row.cells.get(column).unwrap_or_default();
                let at = || format!("{}, row {}", table.name, row.line);
                let mut leave_out = |reason: String| {
                    layout.homeless.push(Unreadable { path: at(), reason });
                };
                let (image, label) = (cell(columns.image), cell(columns.label));
                let file = match self.manifest.paths.find(image, folder) {
                    Named::File(file) => file,
                    Named::Nothing => {
                        missing += 1;
                        leave_out(format!("'{}' is no file of the dataset", short(image)));
                        continue;
                    }
                    Named::Several => {
                        missing += 1;
                        leave_out(format!(
                            "several files are called '{}': give its folder",
                            short(image)
                        ));
                        continue;
                    }
                };
                if label.is_empty() {
                    leave_out("no label".to_owned());
                    continue;
                }
                let split = match columns.split.map(cell) {
                    None => own,
                    Some(text) => Some(split_named(text).ok_or_else(|| {
                        DataError::Refused(format!(
                            "{}: the split '{}' (column {}) is none of train, val, test",
                            at(),
                            short(text),
                            table.columns[columns.split.unwrap_or_default()]
                        ))
                    })?),
                };
                if let Some((other, line, before)) =
                    rows.insert(file, (&table.name, row.line, label))
                {
                    if before != label {
                        return DataError::refused(format!(
                            "{}: '{}' is labelled '{}', and '{}' in {other}, row {line}: an image has one label",
                            at(),
                            short(image),
                            short(label),
                            short(before)
                        ));
                    }
                    leave_out(format!("named again: {other}, row {line} has it"));
                    continue;
                }
                // A file that cannot be decoded is listed with its own reason.
                if let Some(&image) = seen.get(self.manifest.files[file].as_str()) {
                    layout.placed.push(Placed {
                        image,
                        split,
                        class: label.to_owned(),
                        group: columns
                            .group
                            .map(|g| cell(g).to_owned())
                            .filter(|g| !g.is_empty()),
                    });
                }
            }
        }
        if 2 * missing > total {
            let first = layout
                .homeless
                .first()
                .map(|r| format!("{}: {}", r.path, r.reason));
            return DataError::refused(format!(
                "{missing} of the {total} rows name no image ({}): put the images beside the table",
                first.unwrap_or_default()
            ));
        }
        for (path, _) in seen.iter().filter(|(path, _)| {
            // Only what is an image and in no row.
            self.manifest
                .paths
                .position(path)
                .is_none_or(|file| !rows.contains_key(&file))
        }) {
            layout.homeless.push(Unreadable {
                path: (*path).to_owned(),
                reason: format!("not in {}", self.names()),
            });
        }
        layout.notes.push(self.told());
        Ok(layout)
    }

    /// True where no label column is called so: class folders, if there are any, are the better labels.
    pub fn is_weak(&self) -> bool {
        self.tables
            .iter()
            .all(|(_, columns)| columns.by_elimination)
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.tables.iter().map(|(t, _)| t.name.as_str()).collect();
        names.join(", ")
    }

    /// "Labels are the column digit of labels.csv."
    fn told(&self) -> String {
        let (table, columns) = &self.tables[0];
        let mut said = format!(
            "Labels are the column {} of {}",
            table.columns[columns.label],
            self.names()
        );
        if let Some(split) = columns.split {
            said += &format!(", splits its column {}", table.columns[split]);
        }
        if let Some(group) = columns.group {
            said += &format!(", groups its column {}", table.columns[group]);
        }
        said + "."
    }

    /// What the tables come from, and the label's and group's columns.
    pub fn origin(&self) -> Origin {
        let (table, columns) = &self.tables[0];
        let name = |column: usize| table.columns[column].clone();
        Origin {
            layout: table.source.to_owned(),
            label: Some(name(columns.label)),
            group: columns.group.map(name),
            ..Origin::default()
        }
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A cell for a message.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
