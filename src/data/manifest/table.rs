//! A table whose rows name images: read from a CSV, or made with the pictures of arrays.

use super::super::Limits;
use crate::run::Split;
use csv::{ReaderBuilder, StringRecord};
use std::fs;
use std::path::Path;

/// Rows that name images, with their columns.
#[derive(Debug)]
pub(in crate::data) struct Table {
    /// Its path below the dataset's folder, for messages: `labels.csv`.
    pub name: String,
    /// What it comes from: `CSV`, `IDX`, `CIFAR`, `NPZ`.
    pub source: &'static str,
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
    /// The split that its own name says: `val.csv`.
    pub split: Option<Split>,
}

/// One row.
#[derive(Debug)]
pub(in crate::data) struct Row {
    /// The line of the file that it begins in, from 1.
    pub line: u64,
    pub cells: StringRecord,
}

impl Table {
    /// Reads a CSV of any usual delimiter; the error names the file and the row.
    ///
    /// `is_image` tells whether a cell names an image: a first row with such a cell is no header.
    pub fn read(
        file: &Path,
        name: &str,
        limits: &Limits,
        is_image: impl Fn(&str) -> bool,
    ) -> Result<Table, String> {
        let size = fs::metadata(file)
            .map_err(|e| format!("{name}: {e}"))?
            .len();
        if size > limits.table_bytes {
            let most = limits.table_bytes >> 20;
            return Err(format!(
                "{name}: a table of more than {most} MiB is not read"
            ));
        }
        let content = fs::read(file).map_err(|e| format!("{name}: {e}"))?;
        Table::parse(&content, name, limits, is_image)
    }

    /// As [`Table::read`], from a file's content.
    pub fn parse(
        content: &[u8],
        name: &str,
        limits: &Limits,
        is_image: impl Fn(&str) -> bool,
    ) -> Result<Table, String> {
        if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") {
            return Err(format!("{name}: the table is UTF-16: save it as UTF-8"));
        }
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter(content))
            .has_headers(false)
            .flexible(true)
            .from_reader(content);
        let (mut columns, mut rows) = (Vec::new(), Vec::new());
        loop {
            let line = reader.position().line();
            let mut cells = StringRecord::new();
            match reader.read_record(&mut cells) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let line = error.position().map_or(line, csv::Position::line);
                    return Err(match error.kind() {
                        csv::ErrorKind::Utf8 { .. } => {
                            format!("{name}, row {line}: not UTF-8: save the table as UTF-8")
                        }
                        _ => format!("{name}, row {line}: {error}"),
                    });
                }
            }
            let line = cells.position().map_or(line, csv::Position::line);
            cells.trim();
            if cells.len() > limits.columns {
                return Err(format!(
                    "{name}, row {line}: {} columns, and at most {} are read: is it a table with a row an image?",
                    cells.len(),
                    limits.columns
                ));
            }
            if cells.iter().all(str::is_empty) {
                continue;
            }
            if columns.is_empty() {
                if !cells.iter().any(&is_image) {
                    columns = header(&cells, name)?;
                    continue;
                }
                columns = (1..=cells.len()).map(|n| format!("column {n}")).collect();
            }
            if cells.len() != columns.len() {
                return Err(format!(
                    "{name}, row {line}: {} cells, where the first row has {}: quote cells that hold the delimiter",
                    cells.len(),
                    columns.len()
                ));
            }
            if rows.len() >= limits.files {
                return Err(format!(
                    "{name}, row {line}: more than {} rows",
                    limits.files
                ));
            }
            rows.push(Row { line, cells });
        }
        if rows.is_empty() {
            return Err(format!("{name}: the table has no rows"));
        }
        let base = name.rsplit('/').next().unwrap_or(name);
        Ok(Table {
            split: super::split_in(base.rsplit_once('.').map_or(base, |(stem, _)| stem)),
            name: name.to_owned(),
            source: "CSV",
            columns,
            rows,
        })
    }

    /// The cells of one column with their lines.
    pub fn column(&self, column: usize) -> impl Iterator<Item = (u64, &str)> {
        self.rows
            .iter()
            .map(move |row| (row.line, row.cells.get(column).unwrap_or_default()))
    }
}

/// The header's names; a name that stands twice would make choosing a column impossible.
fn header(cells: &StringRecord, name: &str) -> Result<Vec<String>, String> {
    let columns: Vec<String> = cells.iter().map(str::to_owned).collect();
    for (place, column) in columns.iter().enumerate() {
        if !column.is_empty() && columns[..place].contains(column) {
            return Err(format!(
                "{name}, row 1: two columns are called '{column}': rename one"
            ));
        }
    }
    Ok(columns)
}

/// The delimiter that the first line holds most of, outside quotes.
fn delimiter(content: &[u8]) -> u8 {
    let line = content.split(|&b| b == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| {
        let mut quoted = false;
        line.iter()
            .filter(|&&byte| {
                quoted ^= byte == b'"';
                byte == delimiter && !quoted
            })
            .count()
    };
    [b',', b';', b'\t', b'|']
        .into_iter()
        .rev()
        .max_by_key(|&delimiter| count(delimiter))
        .unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(content: &[u8]) -> Result<Table, String> {
        Table::parse(content, "labels.csv", &Limits::DEFAULT, |cell| {
            cell.ends_with(".png")
        })
    }

    #[test]
    fn any_usual_delimiter_is_seen_and_a_missing_header_too() {
        for text in [
            "path,label\na.png,cat\n",
            "path;label\r\na.png;cat\r\n",
            "\u{feff}path\tlabel\na.png\tcat",
            "path|label\n\n\"a.png\"|cat\n",
        ] {
            let table = parse(text.as_bytes()).unwrap();
            assert_eq!(table.columns, ["path", "label"], "{text}");
            assert_eq!(table.column(1).next().unwrap().1, "cat");
        }
        let bare = parse(b"a.png,cat\nb.png,dog\n").unwrap();
        assert_eq!((bare.columns[1].as_str(), bare.rows.len()), ("column 2", 2));
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_row() {
        let wide = format!("path,label\na.png,cat{}\n", ",".repeat(1_000_000));
        for (content, says) in [
            (
                b"path,label\na.png,cat\nb.png\n".to_vec(),
                "labels.csv, row 3: 1 cells",
            ),
            (
                b"path,label\na.png,c\xe9t\n".to_vec(),
                "labels.csv, row 2: not UTF-8",
            ),
            (b"\xff\xfep\0".to_vec(), "UTF-16"),
            (b"path,label\n".to_vec(), "no rows"),
            (
                b"path,a,a\nx.png,1,2".to_vec(),
                "two columns are called 'a'",
            ),
            (wide.into_bytes(), "row 2: 1000002 columns"),
        ] {
            let said = parse(&content).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(super::super::super::fuzz_cases(256)))]

        /// Whatever the bytes: a table whose rows are all as wide as its columns, or a message that names the file.
        #[test]
        fn any_bytes_make_a_table_or_a_message(
            content in prop::collection::vec(
                prop_oneof![Just(b','), Just(b'\n'), Just(b'"'), Just(b';'), any::<u8>(), b'a'..=b'z'], 0..400),
        ) {
            match parse(&content) {
                Ok(table) => {
                    prop_assert!(!table.rows.is_empty());
                    for row in &table.rows {
                        prop_assert_eq!(row.cells.len(), table.columns.len());
                    }
                }
                Err(said) => prop_assert!(said.starts_with("labels.csv"), "{}", said),
            }
        }
    }
}
