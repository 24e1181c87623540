//! Looks at every file of a folder and makes its index: decodes, places, splits, counts, fingerprints.

use super::guessed_group::guess;
use super::index::{Index, Origin, Unreadable};
use super::intake::{GUESS, Intake, LabelSource, SplitRule};
use super::layout::{Layout, layout, top_folders};
use super::listing::Listing;
use super::manifest::{Manifest, Table};
use super::placement::{classes, keeps_groups, place};
use super::seen::{Kept, Seen, entry, fingerprint, look, notes_on, statistics};
use super::{DataError, Limits, OnProgress};
use crate::run::Split;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A folder whose files have been looked at; its index can be made in more than one way.
#[derive(Debug)]
pub(super) struct Survey {
    listing: Listing,
    seen: Vec<Seen>,
    unreadable: Vec<Unreadable>,
    tables: Vec<Table>,
    /// Tables that cannot be read, with the reason: it matters only where nothing else gives labels.
    bad_tables: Vec<Unreadable>,
}

impl Survey {
    /// Decodes the images below `root`; tables lie there too, or apart in `raw`. `array_table` are the labels of pictures
    /// that came from arrays, `left_out` files that were not taken.
    pub fn of(
        root: &Path,
        raw: &Path,
        array_table: Option<Table>,
        left_out: Vec<Unreadable>,
        limits: &Limits,
        progress: OnProgress,
    ) -> Result<Survey, DataError> {
        let mut listing = Listing::of(root, limits)?;
        let of_tables = if root == raw {
            std::mem::take(&mut listing.files)
        } else {
            Listing::of(raw, limits)?.files
        };
        let (csvs, images): (Vec<String>, Vec<String>) =
            of_tables.into_iter().partition(|path| is_table(path));
        if root == raw {
            listing.files = images;
        }
        let (seen, mut unreadable) = look(root, &listing.files, limits, progress);
        unreadable.append(&mut listing.unreadable);
        unreadable.extend(left_out);
        let mut survey = Survey {
            listing,
            seen,
            unreadable,
            tables: Vec::new(),
            bad_tables: Vec::new(),
        };
        match array_table {
            Some(table) => survey.tables.push(table),
            None => survey.read_tables(raw, &csvs, limits)?,
        }
        if survey.seen.is_empty() {
            return DataError::refused(nothing_readable(&survey.unreadable));
        }
        Ok(survey)
    }

    fn read_tables(
        &mut self,
        raw: &Path,
        csvs: &[String],
        limits: &Limits,
    ) -> Result<(), DataError> {
        if csvs.len() > MOST_TABLES {
            return DataError::refused(format!(
                "{} tables (.csv), and at most {MOST_TABLES} are read: keep the one that names the images",
                csvs.len()
            ));
        }
        let files: HashSet<&str> = self.listing.files.iter().map(|path| last(path)).collect();
        for path in csvs {
            let is_image = |cell: &str| files.contains(last(&cell.replace('\\', "/")));
            match Table::read(&raw.join(path), path, limits, is_image) {
                Ok(table) => self.tables.push(table),
                Err(reason) => self.bad_tables.push(Unreadable {
                    path: path.clone(),
                    reason,
                }),
            }
        }
        Ok(())
    }

    /// The index, as `intake` wants it.
    pub fn index(&self, intake: &Intake, limits: &Limits) -> Result<Index, DataError> {
        let paths: Vec<&str> = self.seen.iter().map(|image| image.path.as_str()).collect();
        let (mut layout, mut origin) = self.layout(&paths, intake)?;
        origin.intake = intake.clone();
        origin.split = split_words(&layout, intake);
        group(&mut layout, &paths, intake, &mut origin)?;
        for placed in &mut layout.placed {
            // What is divided anew has no split yet; a test part stays where only folds are made.
            let stays = match intake.split {
                SplitRule::Found => true,
                SplitRule::Stratified | SplitRule::Group => false,
                SplitRule::Fold { .. } => placed.split == Some(Split::Test),
            };
            placed.split = placed.split.filter(|_| stays);
        }
        let mut notes = std::mem::take(&mut layout.notes);
        let mut unreadable = self.unreadable.clone();
        unreadable.append(&mut layout.homeless);
        let classes = classes(&layout, limits)?;
        let placed = place(
            &layout,
            &classes,
            &paths,
            intake,
            &mut unreadable,
            &mut notes,
        )?;
        let groups: HashMap<usize, &str> = layout
            .placed
            .iter()
            .filter_map(|p| Some((p.image, p.group.as_deref()?)))
            .collect();
        let mut kept: Vec<Kept> = placed
            .into_iter()
            .map(|(image, split, label)| Kept {
                seen: &self.seen[image],
                split,
                label,
                group: groups.get(&image).copied(),
            })
            .collect();
        kept.sort_by(|a, b| {
            (a.split, a.label, &a.seen.path).cmp(&(b.split, b.label, &b.seen.path))
        });
        every_class_is_learnt(&kept, &classes, intake)?;
        unreadable.sort_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
        notes.extend(notes_on(&kept, &classes));
        Ok(Index {
            channels: statistics(&kept),
            fingerprint: fingerprint(&classes, &kept),
            entries: kept.iter().map(entry).collect(),
            classes,
            unreadable,
            notes,
            origin,
        })
    }

    /// Where a table, or else the folders, put the images.
    fn layout(&self, paths: &[&str], intake: &Intake) -> Result<(Layout, Origin), DataError> {
        let manifest = Manifest::new(&self.tables, &self.listing.files);
        let chosen = match intake.labels {
            LabelSource::Folders => None,
            LabelSource::Auto | LabelSource::Table => manifest.choose(intake)?,
        };
        let folders = layout(paths, &self.listing, &intake.folders);
        let folders_tell = folders.as_ref().is_ok_and(has_classes);
        let auto = intake.labels == LabelSource::Auto;
        if let Some(chosen) = chosen.filter(|chosen| !(auto && chosen.is_weak() && folders_tell)) {
            let seen = (0..).zip(paths).map(|(i, path)| (*path, i)).collect();
            let layout = chosen.layout(&seen)?;
            return Ok((layout, chosen.origin()));
        }
        let bad = self.bad_tables.first();
        let asked = [&intake.label, &intake.image].into_iter().flatten().next();
        let told = |what: String| match bad {
            Some(table) => table.reason.clone(),
            None => what,
        };
        if intake.labels == LabelSource::Table {
            return DataError::refused(told(
                "there is no table (.csv) whose rows name the images and have a label column"
                    .to_owned(),
            ));
        }
        if let Some(column) = asked.filter(|_| intake.labels == LabelSource::Auto) {
            return DataError::refused(told(format!(
                "there is no table (.csv) that names the images, so no column '{column}'"
            )));
        }
        // No class folders either: then it is the table that is wrong.
        if let Some(table) = bad.filter(|_| !folders_tell) {
            return DataError::refused(table.reason.clone());
        }
        let mut layout = folders?;
        layout.homeless.extend(self.bad_tables.iter().cloned());
        layout
            .homeless
            .extend(self.tables.iter().map(|table| Unreadable {
                path: table.name.clone(),
                reason: "a table that gives no labels: the folders do".to_owned(),
            }));
        let origin = Origin {
            layout: "folders".to_owned(),
            ..Origin::default()
        };
        Ok((layout, origin))
    }

    /// The top folders, each with its images and the split that its name means.
    pub fn top_folders(&self) -> Vec<(String, usize, Option<Split>)> {
        let paths: Vec<&str> = self.seen.iter().map(|image| image.path.as_str()).collect();
        top_folders(&paths)
    }

    /// The columns of all tables, in order, each once.
    pub fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        for column in self.tables.iter().flat_map(|table| &table.columns) {
            if !columns.contains(column) {
                columns.push(column.clone());
            }
        }
        columns
    }
}

/// True where the folders make two classes or more.
fn has_classes(layout: &Layout) -> bool {
    let mut classes = layout.placed.iter().map(|placed| placed.class.as_str());
    let first = classes.next();
    classes.any(|class| Some(class) != first)
}

/// Tables beside the images at most.
const MOST_TABLES: usize = 100;

fn is_table(path: &str) -> bool {
    let ending = Path::new(path).extension().map(|e| e.to_ascii_lowercase());
    ending.is_some_and(|ending| ending == "csv" || ending == "tsv")
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// How the splits come about: "split as found".
fn split_words(layout: &Layout, intake: &Intake) -> String {
    let has = |split| {
        layout
            .placed
            .iter()
            .any(|placed| placed.split == Some(split))
    };
    let by = if keeps_groups(intake) {
        "by group"
    } else {
        "by class"
    };
    match intake.split {
        SplitRule::Found if has(Split::Val) => "split as found".to_owned(),
        SplitRule::Found if has(Split::Test) => {
            format!("test as found, validation split off training {by}")
        }
        SplitRule::Found => format!("split 70 / 15 / 15 % {by}"),
        SplitRule::Stratified | SplitRule::Group => format!("split anew 70 / 15 / 15 % {by}"),
        SplitRule::Fold { number, of } => format!("fold {number} of {of} {by}"),
    }
}

/// Guesses groups from the names where that is wanted, and refuses where groups are wanted and there are none.
fn group(
    layout: &mut Layout,
    paths: &[&str],
    intake: &Intake,
    origin: &mut Origin,
) -> Result<(), DataError> {
    let has_column = layout.placed.iter().any(|placed| placed.group.is_some());
    if !keeps_groups(intake) || (has_column && intake.group.as_deref() != Some(GUESS)) {
        return Ok(());
    }
    let wanted = intake.group.as_deref().unwrap_or(GUESS);
    if wanted != GUESS {
        return DataError::refused(format!(
            "there is no table with a column '{wanted}' for the group: name another, or let it be guessed (guess)"
        ));
    }
    let images: Vec<(&str, &str)> = layout
        .placed
        .iter()
        .map(|placed| (paths[placed.image], placed.class.as_str()))
        .collect();
    let Some((groups, from)) = guess(&images) else {
        return DataError::refused(
            "no group can be guessed from the file names or folders: a table with a group column can say it",
        );
    };
    for (placed, group) in layout.placed.iter_mut().zip(groups) {
        placed.group = Some(group);
    }
    layout.notes.push(format!("Groups are guessed: {from}."));
    origin.group = Some(from);
    Ok(())
}

/// Refuses a split made here that leaves a class without training images.
fn every_class_is_learnt(
    kept: &[Kept],
    classes: &[String],
    intake: &Intake,
) -> Result<(), DataError> {
    let mut learnt = vec![false; classes.len()];
    for k in kept.iter().filter(|k| k.split == Split::Train) {
        learnt[k.label as usize] = true;
    }
    match classes.iter().zip(learnt).find(|(_, learnt)| !learnt) {
        Some((class, _)) => DataError::refused(format!(
            "by seed {} no image of class {class} is in training: choose another seed or another split",
            intake.seed
        )),
        None => Ok(()),
    }
}

fn nothing_readable(unreadable: &[Unreadable]) -> String {
    let wanted = "put images into a folder a class";
    match unreadable {
        [] => format!("it is empty: {wanted}"),
        [first, ..] => format!(
            "none of its {} files is a readable image ({}: {}): {wanted}",
            unreadable.len(),
            first.path,
            first.reason
        ),
    }
}
