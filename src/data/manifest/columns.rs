//! Which column of a table names the images, which is the label, the split, the group.

use super::super::intake::{GUESS, Intake};
use super::split_named;
use super::table::Table;
use std::collections::BTreeSet;

/// Rows that are looked at to tell what a column is.
const LOOKED_AT: usize = 300;

const LABELS: [&str; 14] = [
    "label",
    "labels",
    "class",
    "class_name",
    "classname",
    "class_id",
    "category",
    "target",
    "y",
    "fine_label",
    "tag",
    "species",
    "diagnosis",
    "digit",
];
const SPLITS: [&str; 8] = [
    "split",
    "set",
    "subset",
    "partition",
    "phase",
    "usage",
    "fold_type",
    "data_split",
];
const GROUPS: [&str; 12] = [
    "group",
    "group_id",
    "patient",
    "patient_id",
    "subject",
    "subject_id",
    "speaker",
    "speaker_id",
    "participant",
    "site",
    "session",
    "camera",
];

/// Positions of the columns that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub image: usize,
    pub label: usize,
    pub split: Option<usize>,
    pub group: Option<usize>,
    /// The label is the only column that could be one, and is not called so.
    pub by_elimination: bool,
}

/// Why a table's columns cannot be told apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// Its rows name no images: a table about something else.
    NoImages,
    /// It names images, and says nothing that could be a label.
    NoLabel,
    /// What the user asked for is not there, or there is more than one way.
    Told(String),
}

impl Columns {
    /// Finds the columns: those that are asked for by name, the image column as the one whose cells name images, the
    /// others by usual names, and the label as the only column left that could be one.
    pub fn find(
        table: &Table,
        intake: &Intake,
        is_image: impl Fn(&str) -> bool,
    ) -> Result<Columns, Unclear> {
        let asked = |wanted: &Option<String>, what: &str| match wanted {
            None => Ok(None),
            Some(name) => position(table, name).map(Some).ok_or_else(|| {
                Unclear::Told(format!(
                    "{}: there is no column '{name}' for the {what}; its columns are {}",
                    table.name,
                    table.columns.join(", ")
                ))
            }),
        };
        let image = match asked(&intake.image, "image")? {
            Some(image) => image,
            None => image_column(table, is_image).ok_or(Unclear::NoImages)?,
        };
        let mut free: Vec<usize> = (0..table.columns.len()).filter(|&c| c != image).collect();
        let label = asked(&intake.label, "label")?;
        let guessed = intake.group.as_deref() == Some(GUESS);
        let group = if guessed {
            None
        } else {
            asked(&intake.group, "group")?
        };
        free.retain(|&c| Some(c) != label && Some(c) != group);
        let split = free.iter().copied().find(|&c| is_split(table, c));
        free.retain(|&c| Some(c) != split);
        let group = group.or_else(|| named(table, &free, &GROUPS).filter(|_| !guessed));
        free.retain(|&c| Some(c) != group);
        let usual = label.or_else(|| named(table, &free, &LABELS));
        let label = match usual {
            Some(label) => label,
            None => label_column(table, &free, group)?,
        };
        Ok(Columns {
            image,
            label,
            split,
            group: group.filter(|&g| g != label),
            by_elimination: usual.is_none(),
        })
    }
}

fn position(table: &Table, name: &str) -> Option<usize> {
    let exact = table.columns.iter().position(|column| column == name);
    exact.or_else(|| {
        table
            .columns
            .iter()
            .position(|column| column.eq_ignore_ascii_case(name))
    })
}

/// The first of the free columns with one of the usual names.
fn named(table: &Table, free: &[usize], names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| {
        free.iter().copied().find(|&c| {
            let column = table.columns[c]
                .to_ascii_lowercase()
                .replace([' ', '-'], "_");
            column == *name
        })
    })
}

/// The column with the most cells that name images, at least half of those looked at.
fn image_column(table: &Table, is_image: impl Fn(&str) -> bool) -> Option<usize> {
    let looked_at = table.rows.len().min(LOOKED_AT);
    // Evenly over the table: it may begin with images that are missing.
    let step = table.rows.len().div_ceil(LOOKED_AT).max(1);
    let count = |column: usize| {
        table
            .column(column)
            .step_by(step)
            .filter(|(_, cell)| is_image(cell))
            .count()
    };
    let (hits, column) = (0..table.columns.len())
        .map(|column| (count(column), column))
        .max_by_key(|&(hits, column)| (hits, std::cmp::Reverse(column)))?;
    (hits > 0 && 2 * hits >= looked_at.min(table.rows.len().div_ceil(step))).then_some(column)
}

/// True for a column that is called like a split, or holds nothing but names of splits.
fn is_split(table: &Table, column: usize) -> bool {
    let all = |least: usize| {
        let values: BTreeSet<&str> = table.column(column).map(|(_, cell)| cell).collect();
        values.len() >= least && values.iter().all(|value| split_named(value).is_some())
    };
    named(table, &[column], &SPLITS).is_some() || all(2)
}

fn label_column(table: &Table, free: &[usize], group: Option<usize>) -> Result<usize, Unclear> {
    // Without a usual name, what repeats could be a label; in a small table nothing need repeat.
    let repeats = |&column: &usize| {
        let values: BTreeSet<&str> = table.column(column).map(|(_, cell)| cell).collect();
        values.len() >= 2 && 2 * values.len() <= table.rows.len()
    };
    let differs = |column: usize| {
        let mut cells = table.column(column).map(|(_, cell)| cell);
        let first = cells.next();
        cells.any(|cell| Some(cell) != first)
    };
    let candidates: Vec<usize> = free.iter().copied().filter(repeats).collect();
    match candidates[..] {
        [label] => Ok(label),
        [] => match (free, group) {
            (&[only], _) if differs(only) => Ok(only),
            ([], Some(group)) => Ok(group),
            _ => Err(Unclear::NoLabel),
        },
        _ => {
            let names: Vec<&str> = candidates
                .iter()
                .take(10)
                .map(|&c| table.columns[c].as_str())
                .collect();
            Err(Unclear::Told(format!(
                "{}: which column is the label? It could be {}: name it as the label",
                table.name,
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Limits;

    fn find(text: &str, intake: &Intake) -> Result<(Columns, Table), Unclear> {
        let is_image = |cell: &str| cell.starts_with('i');
        let table = Table::parse(text.as_bytes(), "t.csv", &Limits::DEFAULT, |c| {
            c.starts_with('i') && c.ends_with('1')
        })
        .unwrap();
        Columns::find(&table, intake, is_image).map(|columns| (columns, table))
    }

    fn found(text: &str, intake: &Intake) -> [Option<String>; 4] {
        let (columns, table) = find(text, intake).unwrap();
        let name = |c: usize| table.columns[c].clone();
        [
            Some(name(columns.image)),
            Some(name(columns.label)),
            columns.split.map(name),
            columns.group.map(name),
        ]
    }

    fn some(names: [&str; 4]) -> [Option<String>; 4] {
        names.map(|name| (!name.is_empty()).then(|| name.to_owned()))
    }

    #[test]
    fn columns_are_found_by_what_they_hold_and_by_their_names() {
        let auto = Intake::default();
        assert_eq!(
            found(
                "n,file,digit,speaker,part\n1,i1,3,a,train\n2,i2,4,b,val\n",
                &auto
            ),
            some(["file", "digit", "part", "speaker"])
        );
        assert_eq!(
            found("kind,what\nx,i1\ny,i2\nx,i3\ny,i4\n", &auto),
            some(["what", "kind", "", ""])
        );
        let chosen = Intake {
            label: Some("speaker".to_owned()),
            ..Intake::default()
        };
        assert_eq!(
            found("file,label,speaker\ni1,3,a\ni2,4,b\n", &chosen),
            some(["file", "speaker", "", ""])
        );
    }

    #[test]
    fn what_is_unclear_is_asked() {
        let text = "f,a,b\ni1,1,1\ni2,1,2\ni3,2,1\ni4,2,2\n";
        match find(text, &Intake::default()).err() {
            Some(Unclear::Told(said)) => assert!(said.contains("a, b"), "{said}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            find("x,y\n1,2\n", &Intake::default()).err(),
            Some(Unclear::NoImages)
        );
        let missing = Intake {
            label: Some("nope".to_owned()),
            ..Intake::default()
        };
        assert!(matches!(find(text, &missing).err(), Some(Unclear::Told(_))));
    }
}
