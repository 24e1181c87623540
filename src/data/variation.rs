//! A dataset as a run varies it: without some images, divided anew, with fewer training images, with other labels.

use super::guessed_group::guess;
use super::index::Entry;
use super::partition::{Item, folds};
use super::random::Random;
use super::stratify::stratify;
use super::{Dataset, Index};
use crate::run::{FieldError, Resplit, SpecError, Split, Variation};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

impl Dataset {
    /// The same images as a run with this variation sees them.
    pub fn varied(&self, variation: &Variation) -> Result<Cow<'_, Dataset>, SpecError> {
        Ok(match self.index.varied(variation)? {
            Cow::Borrowed(_) => Cow::Borrowed(self),
            Cow::Owned(index) => Cow::Owned(Dataset {
                index,
                ..self.clone()
            }),
        })
    }
}

impl Index {
    /// The index as a run with this variation sees it; itself where there is none. What cannot be made of these images is an
    /// error of the spec's field. The fingerprint stays that of the dataset: the variation is part of the spec.
    pub fn varied(&self, variation: &Variation) -> Result<Cow<'_, Index>, SpecError> {
        if variation.is_none() {
            return Ok(Cow::Borrowed(self));
        }
        let mut index = self.clone();
        let seed = variation.seed;
        index.leave_out(&variation.without)?;
        for split in [Split::Val, Split::Test] {
            index.rename_classes(split, variation.class_map.of(split))?;
        }
        match variation.split {
            Resplit::Found => {}
            Resplit::Pooled => index.pool(seed)?,
            Resplit::WithinTraining => index.validate_within_training(seed)?,
            Resplit::Fold {
                number,
                of,
                by_group,
            } => index.fold(seed, number as usize, of as usize, by_group)?,
        }
        if variation.split != Resplit::Found || !variation.without.is_empty() {
            let field = match variation.split {
                Resplit::Found => "without",
                _ => "split",
            };
            index.every_class_is_learnt(field)?;
            // They were of the splits as found.
            index.channels.clear();
        }
        if variation.training_share < 1.0 {
            index.thin(seed, variation.training_share);
        }
        if variation.shuffle_labels {
            index.shuffle_labels(seed);
        }
        let place = |e: &Entry| (e.split, e.label);
        index
            .entries
            .sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.path.cmp(&b.path)));
        index.notes.push(format!("Varied: {variation}."));
        Ok(Cow::Owned(index))
    }

    /// Takes images out by their paths.
    fn leave_out(&mut self, without: &[String]) -> Result<(), SpecError> {
        if without.is_empty() {
            return Ok(());
        }
        let wanted: HashSet<&str> = without.iter().map(String::as_str).collect();
        let had = self.entries.len();
        let validates = self.of(Split::Val).next().is_some();
        let known: HashSet<String> = self
            .entries
            .extract_if(.., |entry| wanted.contains(entry.path.as_str()))
            .map(|entry| entry.path)
            .collect();
        if let Some(path) = without.iter().find(|path| !known.contains(*path)) {
            return refused(
                "without",
                format!(
                    "there is no image '{path}' among the {had} of the dataset: write paths below its folder, as its pictures \
                     are named on its page"
                ),
            );
        }
        if validates && self.of(Split::Val).next().is_none() {
            return refused("without", "leaves no validation image: set fewer aside");
        }
        Ok(())
    }

    /// Gives the images of a held-out split the classes that their numbers mean.
    fn rename_classes(&mut self, split: Split, map: &[u32]) -> Result<(), SpecError> {
        if map.is_empty() {
            return Ok(());
        }
        if map.len() != self.classes.len() {
            return refused(
                &format!("class_map.{}", split.name()),
                format!(
                    "names {} classes, and the dataset has {}: name each of them once, in their order",
                    map.len(),
                    self.classes.len()
                ),
            );
        }
        for entry in self.entries.iter_mut().filter(|e| e.split == split) {
            entry.label = map[entry.label as usize];
        }
        Ok(())
    }

    /// Draws validation from each class's training images, and sets the dataset's own aside.
    fn validate_within_training(&mut self, seed: u64) -> Result<(), SpecError> {
        self.entries.retain(|entry| entry.split != Split::Val);
        let mut drawn = 0;
        for (label, images) in self.training_by_class() {
            let splits = stratify(seed, label as usize, images.len(), false);
            for (at, split) in images.into_iter().zip(splits) {
                self.entries[at].split = split;
                drawn += usize::from(split == Split::Val);
            }
        }
        match drawn {
            0 => refused(
                "split",
                "no class has two training images, so none can be validated on: take found",
            ),
            _ => Ok(()),
        }
    }

    /// Positions of each class's training images, in order.
    fn training_by_class(&self) -> BTreeMap<u32, Vec<usize>> {
        let mut classes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            if entry.split == Split::Train {
                classes.entry(entry.label).or_default().push(at);
            }
        }
        classes
    }

    /// Positions of the training and validation images.
    fn pooled(&self) -> Vec<usize> {
        (0..self.entries.len())
            .filter(|at| self.entries[*at].split != Split::Test)
            .collect()
    }

    /// Draws validation anew, as many images as there are, each class by its share of the pool.
    fn pool(&mut self, seed: u64) -> Result<(), SpecError> {
        let pool = self.pooled();
        let wanted = self.of(Split::Val).count();
        if wanted == 0 {
            return refused(
                "split",
                "the dataset has no validation images to draw anew: take found, or a fold",
            );
        }
        let mut classes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for &at in &pool {
            classes.entry(self.entries[at].label).or_default().push(at);
        }
        // What rounding takes from one class the next ones get, so that the sum is right.
        let (mut passed, mut drawn) = (0, 0);
        for (label, mut images) in classes {
            Random::named(seed, "variation: pooled", u64::from(label)).shuffle(&mut images);
            passed += images.len();
            let due = (passed * wanted + pool.len() / 2) / pool.len();
            let share = (due - drawn).min(images.len() - 1);
            drawn += share;
            for (place, at) in images.into_iter().enumerate() {
                self.entries[at].split = match place < share {
                    true => Split::Val,
                    false => Split::Train,
                };
            }
        }
        Ok(())
    }

    /// Makes one of `of` parts of the pool validation and the others training.
    fn fold(
        &mut self,
        seed: u64,
        number: usize,
        of: usize,
        by_group: bool,
    ) -> Result<(), SpecError> {
        let pool = self.pooled();
        let groups = match by_group {
            true => Some(self.groups(&pool)?),
            false => None,
        };
        let items: Vec<Item> = pool
            .iter()
            .enumerate()
            .map(|(place, at)| Item {
                label: self.entries[*at].label,
                group: groups.as_ref().map(|groups| groups[place].as_str()),
            })
            .collect();
        let places = match folds(&items, seed, of) {
            Ok(places) => places,
            Err(reason) => return refused("split", reason),
        };
        for (at, place) in pool.into_iter().zip(places) {
            self.entries[at].split = match place + 1 == number {
                true => Split::Val,
                false => Split::Train,
            };
        }
        Ok(())
    }

    /// The group of each of these images: a table's, where it names one for all, else as the names say.
    fn groups(&self, pool: &[usize]) -> Result<Vec<String>, SpecError> {
        let entries = || pool.iter().map(|at| &self.entries[*at]);
        if let Some(named) = entries().map(|e| e.group.clone()).collect() {
            return Ok(named);
        }
        let images: Vec<(&str, &str)> = entries()
            .map(|e| (e.path.as_str(), self.classes[e.label as usize].as_str()))
            .collect();
        match guess(&images) {
            Some((groups, _)) => Ok(groups),
            None => refused(
                "split.by_group",
                "no group can be guessed from the file names or folders: take the dataset in with a table that has a group \
                 column, or set it to false",
            ),
        }
    }

    /// Refuses what leaves a class without training images; `field` is what did it.
    fn every_class_is_learnt(&self, field: &str) -> Result<(), SpecError> {
        let counts = self.class_counts(Split::Train);
        match self.classes.iter().zip(counts).find(|(_, n)| *n == 0) {
            Some((class, _)) => refused(
                field,
                format!(
                    "leaves no training image of class {class}: choose another seed or fold, or set fewer images aside"
                ),
            ),
            None => Ok(()),
        }
    }

    /// Leaves this share of each class's training images, at least one.
    fn thin(&mut self, seed: u64, share: f64) {
        let mut kept = vec![true; self.entries.len()];
        for (label, mut images) in self.training_by_class() {
            // The first ones of one order: a smaller share of the same seed is part of a larger one.
            Random::named(seed, "variation: share", u64::from(label)).shuffle(&mut images);
            let keep = ((images.len() as f64 * share).round() as usize).max(1);
            for at in images.into_iter().skip(keep) {
                kept[at] = false;
            }
        }
        let mut kept = kept.into_iter();
        self.entries.retain(|_| kept.next().unwrap_or(true));
    }

    fn shuffle_labels(&mut self, seed: u64) {
        let training = |entry: &&mut Entry| entry.split == Split::Train;
        let mut labels: Vec<u32> = self.of(Split::Train).map(|e| e.label).collect();
        Random::named(seed, "variation: labels", 0).shuffle(&mut labels);
        for (entry, label) in self.entries.iter_mut().filter(training).zip(labels) {
            entry.label = label;
        }
    }
}

fn refused<T>(field: &str, message: impl Into<String>) -> Result<T, SpecError> {
    Err(SpecError(vec![FieldError {
        field: format!("variation.{field}"),
        message: message.into(),
    }]))
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Origin};
    use super::*;
    use crate::run::ClassMap;
    use std::collections::{BTreeSet, HashMap};

    /// Classes of 20, 12 and 8 training images and 4 validation and 2 test images each, by five speakers.
    fn index() -> Index {
        let mut entries = Vec::new();
        for (split, counts) in [
            (Split::Train, [20, 12, 8]),
            (Split::Val, [4; 3]),
            (Split::Test, [2; 3]),
        ] {
            for (label, count) in counts.into_iter().enumerate() {
                for n in 0..count {
                    let speaker = ["ann", "bob", "cai", "dee", "eve"][n % 5];
                    entries.push(Entry {
                        path: format!("{}/{label}/{speaker}_{n:02}.png", split.name()),
                        split,
                        label: label as u32,
                        format: Format::Png,
                        width: 8,
                        height: 8,
                        channels: 1,
                        group: None,
                    });
                }
            }
        }
        entries.sort_by(|a, b| (a.split, a.label, &a.path).cmp(&(b.split, b.label, &b.path)));
        Index {
            classes: ["0", "1", "2"].map(str::to_owned).to_vec(),
            entries,
            unreadable: Vec::new(),
            notes: Vec::new(),
            channels: Vec::new(),
            origin: Origin::default(),
            fingerprint: "f".to_owned(),
        }
    }

    fn counts(index: &Index, split: Split) -> [usize; 3] {
        [0, 1, 2].map(|label| index.of(split).filter(|e| e.label == label).count())
    }

    fn paths(index: &Index, split: Split) -> BTreeSet<&str> {
        index.of(split).map(|e| e.path.as_str()).collect()
    }

    fn fold(number: u32, by_group: bool) -> Variation {
        Variation {
            split: Resplit::Fold {
                number,
                of: 4,
                by_group,
            },
            ..Variation::default()
        }
    }

    #[test]
    fn a_pool_keeps_the_sizes_and_the_test_images_and_another_seed_draws_others() {
        let index = index();
        let pooled = |seed| Variation {
            split: Resplit::Pooled,
            seed,
            ..Variation::default()
        };
        let varied = index.varied(&pooled(1)).unwrap();
        assert_eq!(varied.of(Split::Val).count(), 12);
        assert_eq!(counts(&varied, Split::Val), [6, 3, 3]);
        assert_eq!(paths(&varied, Split::Test), paths(&index, Split::Test));
        assert_eq!(varied, index.varied(&pooled(1)).unwrap());
        let other = index.varied(&pooled(2)).unwrap();
        assert_ne!(paths(&varied, Split::Val), paths(&other, Split::Val));
        assert_eq!(varied.fingerprint, index.fingerprint);
    }

    #[test]
    fn validation_within_training_takes_of_each_class_and_sets_the_datasets_own_aside() {
        let index = index();
        let within = |seed| Variation {
            split: Resplit::WithinTraining,
            seed,
            ..Variation::default()
        };
        let varied = index.varied(&within(1)).unwrap();
        assert_eq!(counts(&varied, Split::Val), [3, 2, 1]);
        assert_eq!(counts(&varied, Split::Train), [17, 10, 7]);
        assert!(paths(&varied, Split::Val).is_subset(&paths(&index, Split::Train)));
        assert_eq!(paths(&varied, Split::Test), paths(&index, Split::Test));
        let other = index.varied(&within(2)).unwrap();
        assert_ne!(paths(&varied, Split::Val), paths(&other, Split::Val));
    }

    #[test]
    fn images_are_set_aside_by_their_paths_and_unknown_ones_are_named() {
        let index = index();
        let without = |paths: &[&str]| {
            let variation = Variation {
                without: paths.iter().map(|path| (*path).to_owned()).collect(),
                ..Variation::default()
            };
            index.varied(&variation).map(Cow::into_owned)
        };
        let gone = ["train/0/ann_00.png", "val/2/bob_01.png"];
        let varied = without(&gone).unwrap();
        assert_eq!(counts(&varied, Split::Train), [19, 12, 8]);
        assert_eq!(counts(&varied, Split::Val), [4, 4, 3]);
        assert!(
            varied
                .entries
                .iter()
                .all(|e| !gone.contains(&e.path.as_str()))
        );
        assert_eq!(paths(&varied, Split::Test), paths(&index, Split::Test));
        let refusal = |paths: &[&str]| {
            let SpecError(errors) = without(paths).unwrap_err();
            assert_eq!(errors[0].field, "variation.without");
            errors[0].message.clone()
        };
        assert!(refusal(&["train/0/ann_00.png", "train/none.png"]).contains("'train/none.png'"));
        let of = |split: Split, label: u32| -> Vec<&str> {
            let entries = index.of(split).filter(|e| e.label == label);
            entries.map(|e| e.path.as_str()).collect()
        };
        assert!(refusal(&of(Split::Train, 1)).contains("class 1"));
        let validation: Vec<&str> = (0..3).flat_map(|label| of(Split::Val, label)).collect();
        assert!(refusal(&validation).contains("no validation image"));
    }

    #[test]
    fn a_class_map_renames_the_labels_of_its_split_alone() {
        let index = index();
        let map = |val: &[u32], test: &[u32]| Variation {
            class_map: ClassMap {
                val: val.to_vec(),
                test: test.to_vec(),
            },
            ..Variation::default()
        };
        let varied = index.varied(&map(&[1, 2, 0], &[])).unwrap();
        for entry in varied.of(Split::Val) {
            let written: u32 = entry.path.split('/').nth(1).unwrap().parse().unwrap();
            assert_eq!(entry.label, [1, 2, 0][written as usize]);
        }
        assert_eq!(counts(&varied, Split::Train), counts(&index, Split::Train));
        let others = |index: &Index, split| -> Vec<(String, u32)> {
            index.of(split).map(|e| (e.path.clone(), e.label)).collect()
        };
        for split in [Split::Train, Split::Test] {
            assert_eq!(others(&varied, split), others(&index, split));
        }
        assert!(varied.entries.is_sorted_by_key(|e| (e.split, e.label)));
        let SpecError(errors) = index.varied(&map(&[], &[1, 0])).unwrap_err();
        assert_eq!(errors[0].field, "variation.class_map.test");
    }

    #[test]
    fn every_image_of_the_pool_is_validation_in_one_fold() {
        let index = index();
        let mut seen = Vec::new();
        for number in 1..=4 {
            let varied = index.varied(&fold(number, false)).unwrap();
            assert_eq!(varied.of(Split::Val).count(), 13);
            seen.extend(varied.of(Split::Val).map(|e| e.path.clone()));
        }
        let different: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), different.len()), (52, 52));
    }

    #[test]
    fn folds_by_group_keep_a_speaker_together() {
        let index = index();
        for number in 1..=4 {
            let varied = index.varied(&fold(number, true)).unwrap();
            let speakers = |split| -> BTreeSet<String> {
                paths(&varied, split)
                    .into_iter()
                    .map(|p| p.split(['/', '_']).nth(2).unwrap().to_owned())
                    .collect()
            };
            assert!(!speakers(Split::Val).is_empty());
            assert!(speakers(Split::Val).is_disjoint(&speakers(Split::Train)));
        }
    }

    #[test]
    fn groups_that_no_name_tells_are_an_error_of_the_field() {
        let mut index = index();
        for (n, entry) in index.entries.iter_mut().enumerate() {
            entry.path = format!("{n}.png");
        }
        let SpecError(errors) = index.varied(&fold(1, true)).unwrap_err();
        assert_eq!(errors[0].field, "variation.split.by_group");
    }

    #[test]
    fn a_smaller_share_of_training_is_part_of_a_larger_one() {
        let index = index();
        let share = |training_share| {
            let variation = Variation {
                training_share,
                ..Variation::default()
            };
            index.varied(&variation).unwrap().into_owned()
        };
        let (quarter, half) = (share(0.25), share(0.5));
        assert_eq!(counts(&quarter, Split::Train), [5, 3, 2]);
        assert_eq!(counts(&half, Split::Train), [10, 6, 4]);
        assert!(paths(&quarter, Split::Train).is_subset(&paths(&half, Split::Train)));
        assert_eq!(paths(&quarter, Split::Val), paths(&index, Split::Val));
        assert_eq!(counts(&share(1e-9), Split::Train), [1, 1, 1]);
    }

    #[test]
    fn shuffled_labels_keep_their_counts_and_leave_validation_alone() {
        let index = index();
        let variation = Variation {
            shuffle_labels: true,
            ..Variation::default()
        };
        let varied = index.varied(&variation).unwrap();
        assert_eq!(counts(&varied, Split::Train), counts(&index, Split::Train));
        let labels = |index: &Index| -> HashMap<String, u32> {
            let entries = index.entries.iter();
            entries.map(|e| (e.path.clone(), e.label)).collect()
        };
        let (before, after) = (labels(&index), labels(&varied));
        let changed: Vec<_> = before.iter().filter(|(p, l)| after[*p] != **l).collect();
        assert!(changed.len() > 15, "{}", changed.len());
        assert!(changed.iter().all(|(path, _)| path.starts_with("train/")));
        assert!(varied.entries.is_sorted_by_key(|e| (e.split, e.label)));
    }

    #[test]
    fn a_dataset_without_validation_has_no_pool_but_folds() {
        let mut index = index();
        index.entries.retain(|e| e.split == Split::Train);
        let pooled = Variation {
            split: Resplit::Pooled,
            ..Variation::default()
        };
        let SpecError(errors) = index.varied(&pooled).unwrap_err();
        assert_eq!(errors[0].field, "variation.split");
        assert_eq!(
            index
                .varied(&fold(1, false))
                .unwrap()
                .of(Split::Val)
                .count(),
            10
        );
    }
}
