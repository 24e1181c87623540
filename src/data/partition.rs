//! Dividing images anew: class by class, by groups that stay whole, into folds.

use super::random::Random;
use super::stratify::{HELD_OUT, stratify};
use crate::run::Split;
use std::collections::BTreeMap;

/// An image that is to be placed.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    pub label: u32,
    pub group: Option<&'a str>,
}

/// Divides into training, validation and, with `with_test`, test, stratified by class; each image's split in order.
pub(super) fn stratified(items: &[Item], seed: u64, with_test: bool) -> Vec<Split> {
    let mut splits = vec![Split::Train; items.len()];
    for (label, images) in by_class(items) {
        let parts = stratify(seed, label as usize, images.len(), with_test);
        for (image, split) in images.into_iter().zip(parts) {
            splits[image] = split;
        }
    }
    splits
}

/// As [`stratified`], with every group in one part. Err where there are fewer groups than parts.
pub(super) fn grouped(items: &[Item], seed: u64, with_test: bool) -> Result<Vec<Split>, String> {
    let parts: &[(Split, f64)] = if with_test {
        &[
            (Split::Train, 1.0 - 2.0 * HELD_OUT),
            (Split::Val, HELD_OUT),
            (Split::Test, HELD_OUT),
        ]
    } else {
        &[(Split::Train, 1.0 - HELD_OUT), (Split::Val, HELD_OUT)]
    };
    let shares: Vec<f64> = parts.iter().map(|(_, share)| *share).collect();
    let places = whole_groups(items, seed, &shares)?;
    Ok(places.into_iter().map(|place| parts[place].0).collect())
}

/// The fold of each image, 0 to `folds` − 1: equal parts of every class, or whole groups where there are groups.
pub(super) fn folds(items: &[Item], seed: u64, folds: usize) -> Result<Vec<usize>, String> {
    if items.iter().any(|item| item.group.is_some()) {
        return whole_groups(items, seed, &vec![1.0 / folds as f64; folds]);
    }
    let mut places = vec![0; items.len()];
    // Each class goes on where the one before stopped, so that folds differ by one image at most.
    let mut next = 0;
    for (label, mut images) in by_class(items) {
        Random::new(seed, u64::from(label)).shuffle(&mut images);
        for image in images {
            places[image] = next % folds;
            next += 1;
        }
    }
    Ok(places)
}

/// The images of each class, in order.
fn by_class(items: &[Item]) -> BTreeMap<u32, Vec<usize>> {
    let mut classes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (image, item) in items.iter().enumerate() {
        classes.entry(item.label).or_default().push(image);
    }
    classes
}

/// Puts whole groups into parts, so that each class comes as near as can be to each part's share.
///
/// Groups go, the largest first and equal ones in random order, where they lessen the squared distance from the shares
/// most, as scikit-learn's StratifiedGroupKFold does. An image without a group is one of its own.
fn whole_groups(items: &[Item], seed: u64, shares: &[f64]) -> Result<Vec<usize>, String> {
    let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (image, item) in items.iter().enumerate() {
        match item.group {
            Some(group) => named.entry(group).or_default().push(image),
            None => groups.push(vec![image]),
        }
    }
    groups.extend(named.into_values());
    if groups.len() < shares.len() {
        return Err(format!(
            "there are {} groups for {} parts: choose another column for the group, or another split",
            groups.len(),
            shares.len()
        ));
    }
    Random::new(seed, 0).shuffle(&mut groups);
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));

    let classes = items
        .iter()
        .map(|item| item.label as usize + 1)
        .max()
        .unwrap_or(0);
    let mut totals = vec![0.0; classes];
    for item in items {
        totals[item.label as usize] += 1.0;
    }
    // Of each part and class: the share it has beyond the one it should have.
    let mut excess: Vec<Vec<f64>> = shares.iter().map(|share| vec![-share; classes]).collect();
    let mut sizes = vec![0_usize; shares.len()];
    let mut place_of = vec![0; groups.len()];
    for (place, group) in place_of.iter_mut().zip(&groups) {
        let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
        for &image in group {
            let label = items[image].label as usize;
            *counts.entry(label).or_default() += 1.0 / totals[label];
        }
        let cost = |part: usize| -> f64 {
            let of = |(label, share): (&usize, &f64)| share * (share + 2.0 * excess[part][*label]);
            counts.iter().map(of).sum()
        };
        let costs: Vec<f64> = (0..shares.len()).map(cost).collect();
        let best = (1..shares.len()).fold(0, |best, part| {
            if costs[part] < costs[best] {
                part
            } else {
                best
            }
        });
        for (label, share) in counts {
            excess[best][label] += share;
        }
        sizes[best] += 1;
        *place = best;
    }
    // A part that got nothing takes the smallest group of the one with the most.
    for part in 0..shares.len() {
        let richest = (0..shares.len()).max_by_key(|&p| sizes[p]).unwrap_or(0);
        if sizes[part] == 0
            && let Some(smallest) = place_of.iter().rposition(|&place| place == richest)
        {
            place_of[smallest] = part;
            sizes[richest] -= 1;
            sizes[part] += 1;
        }
    }
    let mut places = vec![0; items.len()];
    for (group, place) in groups.iter().zip(place_of) {
        for &image in group {
            places[image] = place;
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn items<'a>(labels: &[u32], groups: &'a [String]) -> Vec<Item<'a>> {
        labels
            .iter()
            .enumerate()
            .map(|(i, &label)| Item {
                label,
                group: groups.get(i).map(String::as_str),
            })
            .collect()
    }

    #[test]
    fn groups_of_every_class_come_near_the_shares() {
        let labels: Vec<u32> = (0..900).map(|i| i % 3).collect();
        let groups: Vec<String> = (0..900).map(|i| format!("g{}", i % 60)).collect();
        let splits = grouped(&items(&labels, &groups), 1, true).unwrap();
        let count = |split, label| {
            let both = splits.iter().zip(&labels);
            both.filter(|(s, l)| **s == split && **l == label).count()
        };
        for label in 0..3 {
            assert_eq!(
                [Split::Train, Split::Val, Split::Test].map(|split| count(split, label)),
                [210, 45, 45]
            );
        }
        assert_ne!(splits, grouped(&items(&labels, &groups), 2, true).unwrap());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(super::super::fuzz_cases(128)))]

        /// Whatever the classes and groups: no group is divided, and no part is empty.
        #[test]
        fn no_group_is_divided_and_no_part_is_empty(
            images in prop::collection::vec((0u32..5, 0u8..12), 1..80),
            seed in 0u64..5,
            parts in 2usize..6,
        ) {
            let labels: Vec<u32> = images.iter().map(|(label, _)| *label).collect();
            let names: Vec<String> = images.iter().map(|(_, group)| group.to_string()).collect();
            let items = items(&labels, &names);
            let different: std::collections::BTreeSet<_> = names.iter().collect();
            match folds(&items, seed, parts) {
                Err(_) => prop_assert!(different.len() < parts),
                Ok(places) => {
                    let mut of: BTreeMap<&str, usize> = BTreeMap::new();
                    for (name, place) in names.iter().zip(&places) {
                        prop_assert_eq!(*of.entry(name).or_insert(*place), *place);
                    }
                    for part in 0..parts {
                        prop_assert!(places.contains(&part));
                    }
                }
            }
        }

        /// Every image is in one fold, and the folds of each class are equal to one image.
        #[test]
        fn folds_are_equal(labels in prop::collection::vec(0u32..4, 0..100), parts in 2usize..7) {
            let places = folds(&items(&labels, &[]), 3, parts).unwrap();
            for class in 0..4 {
                let counts: Vec<usize> = (0..parts)
                    .map(|p| places.iter().zip(&labels).filter(|(f, l)| **f == p && **l == class).count())
                    .collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
            }
        }
    }
}
