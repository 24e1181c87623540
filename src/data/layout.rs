//! Which split and class each image of a folder belongs to, told from its path.

use super::DataError;
use super::index::Unreadable;
use super::intake::FolderRole;
use super::listing::Listing;
use super::manifest::split_named;
use crate::run::Split;
use std::collections::{BTreeMap, BTreeSet};

/// The parts of a folder of images.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Layout {
    /// Image paths with the split that its folder names (none: the folder is not divided yet) and its class.
    pub placed: Vec<Placed>,
    /// The folder that stands for each split, as written.
    pub split_folders: BTreeMap<Split, String>,
    /// Images, or rows of a table, that have no place, with the reason.
    pub homeless: Vec<Unreadable>,
    pub notes: Vec<String>,
}

/// An image and where its path puts it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    /// Position in the paths that were given.
    pub image: usize,
    pub split: Option<Split>,
    pub class: String,
    /// What must not be divided: a patient, a speaker.
    pub group: Option<String>,
}

impl Layout {
    fn leave_out(&mut self, path: &str, reason: impl Into<String>) {
        self.homeless.push(Unreadable {
            path: path.to_owned(),
            reason: reason.into(),
        });
    }
}

/// Reads the layout from the paths of the readable images, and from the listing for folders that hold none; `roles` are
/// what the user says of top folders.
pub(super) fn layout(
    images: &[&str],
    listing: &Listing,
    roles: &BTreeMap<String, FolderRole>,
) -> Result<Layout, DataError> {
    let mut layout = Layout::default();
    // What is left out must not stand in the way of what is looked at.
    let is_out = |path: &str| {
        let top = path.split_once('/').map(|(top, _)| top);
        top.is_some_and(|top| roles.get(top) == Some(&FolderRole::None))
    };
    for path in images.iter().filter(|path| is_out(path)) {
        layout.leave_out(path, "its folder is left out, as chosen");
    }
    let positions: Vec<usize> = (0..images.len()).filter(|&i| !is_out(images[i])).collect();
    let images: Vec<&str> = positions.iter().map(|&i| images[i]).collect();
    let prefix = wrapper(&images);
    let inner: Vec<Vec<&str>> = images
        .iter()
        .map(|path| path[prefix.len()..].split('/').collect())
        .collect();
    let splits = split_folders(&inner, &prefix, listing, roles)?;
    if splits.is_empty() {
        refuse_datasets_in_a_row(&inner)?;
    }
    let mut ignored: BTreeMap<&str, usize> = BTreeMap::new();
    for (image, parts) in inner.iter().enumerate() {
        let (split, class) = match parts[..] {
            [first, _, ..] if roles.get(first) == Some(&FolderRole::None) => {
                layout.leave_out(images[image], "its folder is left out, as chosen");
                continue;
            }
            [first, class, _, ..] if splits.contains_key(first) => (Some(splits[first]), class),
            [first, _] if splits.contains_key(first) => {
                let reason = format!("lies in {first}/ itself, in no class folder");
                layout.leave_out(images[image], reason);
                continue;
            }
            [class, _, ..] if splits.is_empty() => (None, class),
            [first, _, ..] => {
                *ignored.entry(first).or_default() += 1;
                layout.leave_out(images[image], "outside the split folders");
                continue;
            }
            _ => {
                layout.leave_out(images[image], "lies in no class folder");
                continue;
            }
        };
        layout.placed.push(Placed {
            image: positions[image],
            split,
            class: class.to_owned(),
            group: None,
        });
    }
    for (folder, count) in ignored {
        layout.notes.push(format!(
            "{folder}/ stands beside the split folders: its images ({count}) are left out."
        ));
    }
    layout
        .notes
        .extend(empty_classes(&layout.placed, &prefix, &splits, listing));
    layout.split_folders = splits
        .into_iter()
        .map(|(folder, split)| (split, folder.to_owned()))
        .collect();
    Ok(layout)
}

/// The top folders below what wraps everything, each with its images and the split that its name means.
pub(super) fn top_folders(images: &[&str]) -> Vec<(String, usize, Option<Split>)> {
    let prefix = wrapper(images);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for path in images {
        if let Some((top, _)) = path[prefix.len()..].split_once('/') {
            *counts.entry(top).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .map(|(top, count)| (top.to_owned(), count, split_named(top)))
        .collect()
}

/// Notes on class folders of training in which there is no readable image.
fn empty_classes(
    placed: &[Placed],
    prefix: &str,
    splits: &BTreeMap<&str, Split>,
    listing: &Listing,
) -> Vec<String> {
    let learnt: BTreeSet<&str> = placed
        .iter()
        .filter(|p| matches!(p.split, None | Some(Split::Train)))
        .map(|p| p.class.as_str())
        .collect();
    let inner = listing
        .folders
        .iter()
        .filter_map(|folder| folder.strip_prefix(prefix));
    inner
        .filter(|folder| {
            let class = match folder.split('/').collect::<Vec<_>>()[..] {
                [split, class] if splits.get(split) == Some(&Split::Train) => class,
                [class] if splits.is_empty() => class,
                _ => return false,
            };
            !learnt.contains(class)
        })
        .map(|folder| format!("{folder}/ holds no readable image: it makes no class."))
        .collect()
}

/// The folders that wrap everything, with a `/` at the end: `digits-v2/` in `digits-v2/train/1/a.png`.
fn wrapper(images: &[&str]) -> String {
    let mut prefix = String::new();
    loop {
        let mut inner = images.iter().map(|path| &path[prefix.len()..]);
        let Some((top, _)) = inner.next().and_then(|path| path.split_once('/')) else {
            return prefix;
        };
        let all_below = images.iter().all(|p| {
            p[prefix.len()..]
                .split_once('/')
                .is_some_and(|(t, _)| t == top)
        });
        // A folder whose images lie directly in it is a class, not a wrapper.
        let has_folders = images
            .iter()
            .any(|p| p[prefix.len()..].matches('/').count() >= 2);
        if !all_below || !has_folders || split_named(top).is_some() {
            return prefix;
        }
        prefix.push_str(top);
        prefix.push('/');
    }
}

/// The top folders that are splits. They are where there is a training folder with class folders in it: a class may
/// itself be called `train` or `test`.
fn split_folders<'a>(
    inner: &[Vec<&'a str>],
    prefix: &str,
    listing: &'a Listing,
    roles: &BTreeMap<String, FolderRole>,
) -> Result<BTreeMap<&'a str, Split>, DataError> {
    let with_classes: BTreeSet<&str> = inner
        .iter()
        .filter(|parts| parts.len() >= 3)
        .map(|parts| parts[0])
        .collect();
    let tops = listing
        .folders
        .iter()
        .filter_map(|folder| folder.strip_prefix(prefix))
        .filter(|folder| !folder.contains('/'));
    let named: Vec<(&str, Split)> = tops
        .filter_map(|top| {
            let split = match roles.get(top) {
                Some(role) => role.split(),
                None => split_named(top),
            };
            Some((top, split?))
        })
        .collect();
    // Images right in train/, val/ and test/ are splits without classes, not classes called so.
    let flat = with_classes.is_empty()
        && inner
            .iter()
            .all(|parts| named.iter().any(|(top, _)| *top == parts[0]));
    let trains = named
        .iter()
        .any(|(top, split)| *split == Split::Train && (flat || with_classes.contains(top)));
    let others = named
        .iter()
        .any(|(top, split)| *split != Split::Train && with_classes.contains(top));
    if !trains {
        if others {
            return DataError::refused(
                "there is no training image in a class folder below train/: \
                 put the training images into train/CLASS/",
            );
        }
        return Ok(BTreeMap::new());
    }
    let mut splits: BTreeMap<&str, Split> = BTreeMap::new();
    for (top, split) in named {
        let twin = splits.iter().find(|(_, other)| **other == split);
        // Two folders may be one split where the user says so.
        if let Some((twin, _)) = twin.filter(|_| !roles.contains_key(top)) {
            return DataError::refused(format!(
                "both {twin}/ and {top}/ are {} folders: keep one of them",
                split.word()
            ));
        }
        splits.insert(top, split);
    }
    Ok(splits)
}

/// `random/train/…` beside `speaker/train/…` are two datasets, not two classes.
fn refuse_datasets_in_a_row(inner: &[Vec<&str>]) -> Result<(), DataError> {
    let datasets: BTreeSet<&str> = inner
        .iter()
        .filter(|parts| parts.len() >= 4 && split_named(parts[1]) == Some(Split::Train))
        .map(|parts| parts[0])
        .collect();
    if datasets.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = datasets.into_iter().take(10).collect();
    DataError::refused(format!(
        "the folder holds datasets with their own train/ ({}): choose one of them",
        names.join(", ")
    ))
}
