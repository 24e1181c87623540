//! Groups guessed from file names (speaker, patient, camera), and whether they lie in one split only.

use super::{Gallery, PICTURES};
use crate::data::Random;
use crate::data::names::parts;
use crate::diagnose::finding::{Cause, Evidence, Finding, Pictures, Severity, some_of};
use crate::diagnose::gates::{p_value, percent};
use crate::diagnose::statistics::permutation_p;
use crate::run::Split;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Groups need this many images on average to be groups.
const LEAST_IMAGES: usize = 3;
/// This share of the names must have the part.
const COVERED: f64 = 0.9;
/// From this share of a held-out split's images in groups that training lacks on, it is reported; from the second on the
/// whole split is foreign.
const FOREIGN: f64 = 0.2;
const WHOLLY_FOREIGN: f64 = 0.9;
const DRAWS: usize = 499;
/// Images that the permutations shuffle at most in all draws together.
const MOST_DRAWN: usize = 50_000_000;
const P: f64 = 0.01;
/// Parts of a name that are tried, from its start.
const MOST_PARTS: usize = 6;

/// A way to put the images into groups: the group of each image, by the index's order; None where its name lacks the part.
struct Grouping {
    /// "the 1st part of the file name"
    what: String,
    names: Vec<String>,
    of: Vec<Option<u32>>,
}

/// How foreign held-out images are to training, by group.
struct Foreign {
    /// For validation and test: images in groups without a training image, of all.
    counts: [(usize, usize); 2],
    p: f64,
    draws: usize,
}

impl Foreign {
    fn share(&self) -> f64 {
        self.counts
            .iter()
            .filter(|(_, all)| *all > 0)
            .map(|(foreign, all)| *foreign as f64 / *all as f64)
            .fold(0.0, f64::max)
    }
}

/// The strongest grouping that the split follows, as a finding.
pub(super) fn finding(gallery: &Gallery) -> Option<Finding> {
    let (grouping, foreign) = groupings(gallery)
        .into_iter()
        .filter_map(|grouping| {
            let foreign = foreign(gallery, &grouping)?;
            Some((grouping, foreign))
        })
        // Where two parts say the same, the one with fewer groups says it in fewer words.
        .max_by(|(a, x), (b, y)| {
            x.share()
                .total_cmp(&y.share())
                .then(b.names.len().cmp(&a.names.len()))
        })?;
    Some(tell(gallery, &grouping, &foreign))
}

fn groupings(gallery: &Gallery) -> Vec<Grouping> {
    let entries = &gallery.dataset.index.entries;
    let split_names: Vec<Vec<&str>> = entries.iter().map(|e| parts(&e.path)).collect();
    let mut all = Vec::new();
    for place in 0..MOST_PARTS {
        let what = format!("the {} part of the file name", ordinal(place + 1));
        all.extend(grouping(
            gallery,
            what,
            split_names.iter().map(|p| p.get(place).copied()),
        ));
    }
    // A folder within the class folder: train/cat/patient7/1.png
    let folder = |path: &'_ str| -> Option<String> {
        let mut folders: Vec<&str> = path.split('/').collect();
        folders.pop();
        (folders.len() >= 3).then(|| folders[folders.len() - 1].to_owned())
    };
    let folders: Vec<Option<String>> = entries.iter().map(|e| folder(&e.path)).collect();
    all.extend(grouping(
        gallery,
        "the folder within the class folder".to_owned(),
        folders.iter().map(Option::as_deref),
    ));
    all
}

/// A grouping by a value of each image, if it makes groups: several images each, and not the classes again.
fn grouping<'a>(
    gallery: &Gallery,
    what: String,
    values: impl Iterator<Item = Option<&'a str>>,
) -> Option<Grouping> {
    let entries = &gallery.dataset.index.entries;
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut names = Vec::new();
    let of: Vec<Option<u32>> = values
        .map(|value| {
            let value = value?;
            Some(*numbers.entry(value).or_insert_with(|| {
                names.push(value.to_owned());
                names.len() as u32 - 1
            }))
        })
        .collect();
    let covered = of.iter().flatten().count();
    if names.len() < 2
        || names.len() * LEAST_IMAGES > covered
        || (covered as f64) < COVERED * entries.len() as f64
    {
        return None;
    }
    // A part that goes with the class is its name.
    let pairs: BTreeSet<(u32, u32)> = of
        .iter()
        .zip(entries)
        .filter_map(|(g, e)| Some(((*g)?, e.label)))
        .collect();
    if pairs.len() == names.len() {
        return None;
    }
    Some(Grouping { what, names, of })
}

/// Counts held-out images of groups that training lacks, and compares with splits drawn at random within each class. None
/// where there are few, or no more than chance gives.
fn foreign(gallery: &Gallery, grouping: &Grouping) -> Option<Foreign> {
    let entries = &gallery.dataset.index.entries;
    let splits: Vec<Split> = entries.iter().map(|e| e.split).collect();
    let mut in_training = vec![false; grouping.names.len()];
    let mut count = |splits: &[Split]| {
        in_training.fill(false);
        for (group, split) in grouping.of.iter().zip(splits) {
            if let (Some(group), Split::Train) = (group, split) {
                in_training[*group as usize] = true;
            }
        }
        let mut counts = [(0, 0); 2];
        for (group, split) in grouping.of.iter().zip(splits) {
            let slot = match split {
                Split::Train => continue,
                Split::Val => &mut counts[0],
                Split::Test => &mut counts[1],
            };
            slot.1 += 1;
            slot.0 += usize::from(group.is_some_and(|g| !in_training[g as usize]));
        }
        counts
    };
    let counts = count(&splits);
    let mut found = Foreign {
        counts,
        p: 1.0,
        draws: 0,
    };
    if found.share() < FOREIGN {
        return None;
    }
    let total = |counts: [(usize, usize); 2]| counts[0].0 + counts[1].0;
    let mut by_class: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        by_class.entry(entry.label).or_default().push(at);
    }
    found.draws = (MOST_DRAWN / entries.len().max(1)).clamp(99, DRAWS);
    let mut random = Random::new(gallery.seed, 0);
    let mut mixed = splits.clone();
    let mut reached = 0;
    for _ in 0..found.draws {
        for members in by_class.values() {
            let mut drawn: Vec<Split> = members.iter().map(|at| splits[*at]).collect();
            random.shuffle(&mut drawn);
            for (at, split) in members.iter().zip(drawn) {
                mixed[*at] = split;
            }
        }
        reached += usize::from(total(count(&mixed)) >= total(counts));
    }
    found.p = permutation_p(reached, found.draws);
    // With as many draws as time allows, the smallest p is 1 / (draws + 1).
    (found.p <= P).then_some(found)
}

fn tell(gallery: &Gallery, grouping: &Grouping, foreign: &Foreign) -> Finding {
    let entries = &gallery.dataset.index.entries;
    let mut where_: BTreeMap<u32, [usize; 3]> = BTreeMap::new();
    for (group, entry) in grouping.of.iter().zip(entries) {
        if let Some(group) = group {
            where_.entry(*group).or_default()[entry.split as usize] += 1;
        }
    }
    let only = |split: Split| {
        let mut groups: Vec<(&str, usize)> = where_
            .iter()
            .filter(|(_, counts)| {
                counts[split as usize] > 0 && counts.iter().filter(|c| **c > 0).count() == 1
            })
            .map(|(group, counts)| {
                (
                    grouping.names[*group as usize].as_str(),
                    counts[split as usize],
                )
            })
            .collect();
        groups.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        groups
    };
    let lists: Vec<String> = Split::ALL
        .into_iter()
        .filter_map(|split| {
            let groups = only(split);
            let names: Vec<String> = groups
                .iter()
                .map(|(name, n)| format!("{name} ({n})"))
                .collect();
            (!names.is_empty()).then(|| format!("only in {}: {}", split.word(), some_of(&names, 8)))
        })
        .collect();
    let shares: Vec<String> = [Split::Val, Split::Test]
        .into_iter()
        .zip(foreign.counts)
        .filter(|(_, (_, all))| *all > 0)
        .map(|(split, (n, all))| format!("{n} of {all} {} images", split.word()))
        .collect();
    let share = foreign.share();
    let numbered = grouping
        .names
        .iter()
        .all(|name| name.parse::<u64>().is_ok());
    let foreign_names: Vec<&str> = [Split::Val, Split::Test]
        .into_iter()
        .flat_map(only)
        .map(|(name, _)| name)
        .collect();
    let mut finding = Finding::new(
        "groups-in-one-split",
        if share >= WHOLLY_FOREIGN && !numbered {
            Severity::Problem
        } else {
            Severity::Warning
        },
        match &foreign_names[..] {
            [] => "Whole groups of files lie in one split".to_owned(),
            names => format!(
                "Training never saw {}: whole groups of files lie in one split",
                some_of(names, 4)
            ),
        },
    );
    finding.cause = Some(Cause::GroupShift);
    finding.measured = format!(
        "By {} there are {} groups. {} are of groups that training has no image of; {}.",
        grouping.what,
        grouping.names.len(),
        shares.join(" and "),
        lists.join("; ")
    );
    finding.why = "If a group is a speaker, patient, camera or place, the network may have learnt how these groups' pictures look \
                   along with the classes. On new groups it then does worse, which is no mistake of the network: the splits ask \
                   a harder question than training answers."
        .to_owned();
    finding.remedy = "Decide which question you ask. If it must work for new groups: keep the split, collect more groups, augment, \
                      and expect this gap. If the groups are always the same: split at random within each group."
        .to_owned();
    finding.false_alarm = if numbered {
        "The part is a running number and means nothing: then files were split in order, which is harmless if their order is random."
    } else {
        "The part of the name means nothing for how the pictures look."
    }
    .to_owned();
    finding.evidence.push(Evidence {
        statement: format!(
            "{} of a held-out split are in groups that training lacks; in {} random splits of the same classes p = {}.",
            percent(share),
            foreign.draws,
            p_value(foreign.p)
        ),
        statistic: "share of held-out images in groups without a training image",
        value: Some(share),
        threshold: Some(FOREIGN),
        p: Some(foreign.p),
        reference: "permutation of the splits within each class",
    });
    finding.pictures = Split::ALL
        .into_iter()
        .filter_map(|split| {
            let (name, _) = *only(split).first()?;
            let of_group = (0..entries.len()).filter(|at| {
                grouping.of[*at].is_some_and(|g| grouping.names[g as usize] == name)
                    && entries[*at].split == split
            });
            Some(Pictures {
                caption: format!("{name}, only in {}", split.word()),
                paths: gallery.paths(of_group.take(PICTURES / 2)),
            })
        })
        .collect();
    finding
}

fn ordinal(n: usize) -> String {
    match n {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        n => format!("{n}th"),
    }
}
