//! The class map, and the split and label of every image.

use super::index::Unreadable;
use super::intake::{Intake, SplitRule};
use super::layout::{Layout, Placed};
use super::partition::{Item, folds, grouped, stratified};
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
    intake: &Intake,
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
    if intake.split != SplitRule::Found {
        return divide_anew(&known, intake, notes);
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
    let by = how(&known, intake);
    notes.push(if with_test {
        format!("Split 70 / 15 / 15 % into training, validation and test, {by}.")
    } else {
        format!("There is no validation part: 15 % of the training images became validation, {by}.")
    });
    let undivided = |placed: &Placed| matches!(placed.split, None | Some(Split::Train));
    divide(&known, undivided, intake, with_test)
}

/// Divides by the rule that was chosen, whatever the folders or columns say.
fn divide_anew(
    known: &[(&Placed, u32)],
    intake: &Intake,
    notes: &mut Vec<String>,
) -> Result<Vec<(usize, Split, u32)>, DataError> {
    let by = how(known, intake);
    let SplitRule::Fold { number, of } = intake.split else {
        notes.push(format!(
            "All images together were split anew, 70 / 15 / 15 %, {by}."
        ));
        return divide(known, |_| true, intake, true);
    };
    let is_test = |placed: &Placed| placed.split == Some(Split::Test);
    let pool: Vec<(&Placed, u32)> = known.iter().copied().filter(|(p, _)| !is_test(p)).collect();
    let mut items = items(&pool);
    if !keeps_groups(intake) {
        items.iter_mut().for_each(|item| item.group = None);
    }
    let folds = folds(&items, intake.seed, of as usize).map_err(DataError::Refused)?;
    notes.push(format!(
        "Fold {number} of {of}: it is validation, the others are training, {by}{}.",
        if pool.len() < known.len() {
            "; test is as found"
        } else {
            "; there is no test part"
        }
    ));
    let tests = known.iter().filter(|(p, _)| is_test(p));
    let placed = pool.iter().zip(folds).map(|((placed, label), fold)| {
        let split = if fold + 1 == number as usize {
            Split::Val
        } else {
            Split::Train
        };
        (placed.image, split, *label)
    });
    Ok(placed
        .chain(tests.map(|(placed, label)| (placed.image, Split::Test, *label)))
        .collect())
}

/// "stratified by class, by seed 1"
fn how(known: &[(&Placed, u32)], intake: &Intake) -> String {
    let groups: BTreeSet<&str> = known
        .iter()
        .filter_map(|(p, _)| p.group.as_deref())
        .collect();
    let seed = intake.seed;
    if keeps_groups(intake) {
        format!(
            "whole groups ({}), near each class's share, by seed {seed}",
            groups.len()
        )
    } else {
        format!("stratified by class, by seed {seed}")
    }
}

/// True where a group was asked for; a group column that is merely there divides nothing.
pub(super) fn keeps_groups(intake: &Intake) -> bool {
    intake.group.is_some() || intake.split == SplitRule::Group
}

fn items<'a>(images: &[(&'a Placed, u32)]) -> Vec<Item<'a>> {
    images
        .iter()
        .map(|&(placed, label)| Item {
            label,
            group: placed.group.as_deref(),
        })
        .collect()
}

/// Splits those that `undivided` picks; the others stay where they are.
fn divide(
    known: &[(&Placed, u32)],
    undivided: impl Fn(&Placed) -> bool,
    intake: &Intake,
    with_test: bool,
) -> Result<Vec<(usize, Split, u32)>, DataError> {
    let (pool, fixed): (Vec<_>, Vec<_>) = known.iter().copied().partition(|(p, _)| undivided(p));
    let items = items(&pool);
    let splits = if keeps_groups(intake) {
        grouped(&items, intake.seed, with_test).map_err(DataError::Refused)?
    } else {
        stratified(&items, intake.seed, with_test)
    };
    let divided = pool
        .iter()
        .zip(splits)
        .map(|((placed, label), split)| (placed.image, split, *label));
    let fixed = fixed
        .iter()
        .filter_map(|(placed, label)| Some((placed.image, placed.split?, *label)));
    Ok(divided.chain(fixed).collect())
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
