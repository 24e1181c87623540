//! Which file a table's cell names: people write paths from many places.

use std::collections::HashMap;

/// The files of a dataset, found by what tables call them.
pub(super) struct Paths<'a> {
    files: &'a [String],
    /// By last name, and by last name without its ending.
    by_name: HashMap<&'a str, Vec<usize>>,
    by_stem: HashMap<&'a str, Vec<usize>>,
}

/// What a cell names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    File(usize),
    Nothing,
    /// More than one file.
    Several,
}

impl<'a> Paths<'a> {
    pub fn new(files: &'a [String]) -> Paths<'a> {
        let mut paths = Paths {
            files,
            by_name: HashMap::new(),
            by_stem: HashMap::new(),
        };
        for (position, path) in files.iter().enumerate() {
            let name = last(path);
            paths.by_name.entry(name).or_default().push(position);
            paths.by_stem.entry(stem(name)).or_default().push(position);
        }
        paths
    }

    /// The position of a file by its own path.
    pub fn position(&self, path: &str) -> Option<usize> {
        let files = self.by_name.get(last(path))?;
        files.iter().copied().find(|&file| self.files[file] == path)
    }

    /// The file that `cell` names in a table in `folder`: the path from there, or else the one file that ends with the cell
    /// or that the cell ends with (a path from elsewhere), with or without its ending.
    pub fn find(&self, cell: &str, folder: &str) -> Named {
        let cell = cell.replace('\\', "/");
        let parts: Vec<&str> = cell
            .split('/')
            .filter(|part| !matches!(*part, "" | "." | ".."))
            .collect();
        let Some(name) = parts.last() else {
            return Named::Nothing;
        };
        let whole = parts.join("/");
        let from_here = if folder.is_empty() {
            whole.clone()
        } else {
            format!("{folder}/{whole}")
        };
        for (files, without_ending) in [
            (self.by_name.get(name), false),
            (self.by_stem.get(name), true),
        ] {
            let Some(files) = files else { continue };
            let path = |file: usize| {
                let path = self.files[file].as_str();
                if without_ending { without(path) } else { path }
            };
            if let Some(&exact) = files.iter().find(|&&file| path(file) == from_here) {
                return Named::File(exact);
            }
            let fits = |file: &usize| {
                let path = path(*file);
                ends_with(path, &whole) || ends_with(&whole, path)
            };
            let mut fitting = files.iter().copied().filter(fits);
            match (fitting.next(), fitting.next()) {
                (Some(only), None) => return Named::File(only),
                (Some(_), Some(_)) => return Named::Several,
                (None, _) => {}
            }
        }
        Named::Nothing
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// A path without the ending of its last part.
fn without(path: &str) -> &str {
    let dropped = last(path).len() - stem(last(path)).len();
    &path[..path.len() - dropped]
}

/// True where whole parts at the end are the same.
fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_from_wherever_the_path_was_written() {
        let files: Vec<String> = [
            "d/img/a.png",
            "d/img/b.jpg",
            "d/other/a.png",
            "d/img/c.d.png",
        ]
        .map(str::to_owned)
        .into();
        let paths = Paths::new(&files);
        for (cell, named) in [
            ("img/a.png", Named::File(0)),
            ("other/a.png", Named::File(2)),
            ("a.png", Named::Several),
            ("b", Named::File(1)),
            ("c.d", Named::File(3)),
            ("/home/me/d/img/b.jpg", Named::File(1)),
            (r"..\img\b.jpg", Named::File(1)),
            ("x/b.jpg", Named::Nothing),
            ("", Named::Nothing),
            ("../..", Named::Nothing),
        ] {
            assert_eq!(paths.find(cell, "d"), named, "{cell}");
        }
        assert_eq!(paths.find("a.png", "d/other"), Named::File(2));
    }
}
