//! The class map, and the split and label of every image.

use super::index::Unreadable;
use super::layout::{Layout, Placed};
use super::stratify::{SEED, stratify};
use super::{DataError, Limits};
use crate::run::Split;
use std::collections::{BTreeMap, BTreeSet};

/// How the reason ends for images of a class that only other splits have.
pub(crate) const NO_TRAINING_IMAGE: &str = " has no training image";

/// The class map: names of the classes that have training images, in the order of their bytes.
pub(super) fn classes(layout: &Layout, limits: &Limits) -> Result<Vec<String>, DataError> {
    let classes: BTreeSet<&str> = layout
        .placed
        .iter()
        .filter(|placed| matches!(placed.split, None | Some(Split::Train)))
        .map(|placed| placed.class.as_str())
        .collect();
    if classes.len() > limits.classes {
        return DataError::refused(format!(
            "{} classes: at most {} are possible (does each image have a folder of its own?)",
            classes.len(),
            limits.classes
        ));
    }
    let mut names = classes.iter();
    match (names.next(), names.next()) {
        (Some(_), Some(_)) => Ok(classes.into_iter().map(str::to_owned).collect()),
        (Some(only), None) => DataError::refused(format!(
            "only one class has training images ({only}): there is nothing to tell apart; \
             a folder of images for each of two or more classes is needed"
        )),
        (None, _) => DataError::refused(
            "no image lies in a class folder: put the images of each class into a folder with its name",
        ),
    }
}

/// Gives every image its split and label (image, split, label), and says what was decided.
pub(super) fn place(
    layout: &Layout,
    classes: &[String],
    paths: &[&str],
    unreadable: &mut Vec<Unreadable>,
    notes: &mut Vec<String>,
) -> Result<Vec<(usize, Split, u32)>, DataError> {
    let label_of: BTreeMap<&str, u32> = (0..).zip(classes).map(|(i, c)| (c.as_str(), i)).collect();
    let mut unknown: BTreeMap<(Split, &str), usize> = BTreeMap::new();
    let mut known: Vec<(&Placed, u32)> = Vec::with_capacity(layout.placed.len());
    for placed in &layout.placed {
        match label_of.get(placed.class.as_str()) {
            Some(&label) => known.push((placed, label)),
            None => {
                let split = placed.split.unwrap_or(Split::Train);
                *unknown.entry((split, &placed.class)).or_default() += 1;
                unreadable.push(Unreadable {
                    path: paths[placed.image].to_owned(),
                    reason: format!("class {}{NO_TRAINING_IMAGE}", placed.class),
                });
            }
        }
    }
    for ((split, class), count) in unknown {
        notes.push(format!(
            "Class {class} has no training image: its {count} images in {} are left out.",
            split.word()
        ));
    }
    let has = |split| known.iter().any(|(placed, _)| placed.split == Some(split));
    for (&split, folder) in &layout.split_folders {
        if !has(split) {
            return DataError::refused(format!(
                "{folder}/ holds no readable image of a training class ({}): \
                 put {} images into {folder}/CLASS/, or leave the folder out",
                some_of(classes),
                split.word()
            ));
        }
    }
    if has(Split::Val) {
        notes.extend(classes_not_in(&known, classes, &[Split::Val, Split::Test]));
        return Ok(known
            .into_iter()
            .map(|(placed, label)| (placed.image, placed.split.unwrap_or(Split::Train), label))
            .collect());
    }
    let with_test = !has(Split::Test);
    notes.push(if with_test {
        format!(
            "Split 70 / 15 / 15 % into training, validation and test, stratified by class, by seed {SEED}."
        )
    } else {
        format!(
            "There is no validation folder: 15 % of the training images became validation, stratified by class, by seed {SEED}."
        )
    });
    Ok(divide(&known, classes.len(), with_test))
}

/// Splits what lies in training (or in no split) class by class.
fn divide(known: &[(&Placed, u32)], classes: usize, with_test: bool) -> Vec<(usize, Split, u32)> {
    let mut by_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    let mut placed = Vec::with_capacity(known.len());
    for (image, label) in known {
        match image.split {
            Some(split @ (Split::Val | Split::Test)) => placed.push((image.image, split, *label)),
            Some(Split::Train) | None => by_class[*label as usize].push(image.image),
        }
    }
    for (label, images) in (0..).zip(by_class) {
        let splits = stratify(label as usize, images.len(), with_test);
        placed.extend(
            images
                .into_iter()
                .zip(splits)
                .map(|(image, split)| (image, split, label)),
        );
    }
    placed
}

/// Notes on training classes that a held-out split lacks.
fn classes_not_in(known: &[(&Placed, u32)], classes: &[String], splits: &[Split]) -> Vec<String> {
    let mut notes = Vec::new();
    for &split in splits {
        let there: BTreeSet<u32> = known
            .iter()
            .filter(|(placed, _)| placed.split == Some(split))
            .map(|(_, label)| *label)
            .collect();
        let missing: Vec<String> = (0..)
            .zip(classes)
            .filter(|(label, _)| !there.is_empty() && !there.contains(label))
            .map(|(_, class)| class.clone())
            .collect();
        if !missing.is_empty() {
            notes.push(format!(
                "No {} image of {}: how well they are recognised cannot be told.",
                split.word(),
                some_of(&missing)
            ));
        }
    }
    notes
}

/// A list for a sentence, cut after ten.
fn some_of(names: &[String]) -> String {
    let shown = names[..names.len().min(10)].join(", ");
    match names.len().saturating_sub(10) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
