//! The same picture twice: across splits, within one, and with two labels.

use super::copies::{Copies, copies};
use super::{Gallery, PICTURES};
use crate::diagnose::finding::{Cause, Evidence, Finding, Pictures, Severity, counted};
use crate::diagnose::gates::percent;
use crate::run::Split;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Above this share of a held-out split copies spoil its accuracy (deepchecks' default).
const MANY: f64 = 0.05;

/// How many pictures are there more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// Groups of pictures that are equal pixel for pixel.
    pub exact_groups: usize,
    /// Groups of pictures that are the same to the eye.
    pub near_groups: usize,
    /// Validation and test images that training has too, pixel for pixel.
    pub exact_in_training: usize,
    /// And those that it has nearly.
    pub near_in_training: usize,
    /// Images of training, validation and test that could be left out, for their own split has them already, pixel for pixel.
    pub surplus: [usize; 3],
}

pub(super) fn findings(gallery: &Gallery) -> (Duplicates, Vec<Finding>) {
    let Copies { exact, near } = copies(&gallery.portraits, |at| gallery.detailed(at));
    let mut findings = Vec::new();
    let mut found = Duplicates {
        exact_groups: exact.len(),
        near_groups: near.len(),
        ..Duplicates::default()
    };
    for (known, held_out) in [
        (Split::Train, Split::Val),
        (Split::Train, Split::Test),
        (Split::Val, Split::Test),
    ] {
        let (copied, pairs) = across(gallery, &exact, known, held_out, &BTreeSet::new());
        let (nearly, near_pairs) = across(gallery, &near, known, held_out, &copied);
        if known == Split::Train {
            found.exact_in_training += copied.len();
            found.near_in_training += nearly.len();
        }
        findings.extend(shared(gallery, known, held_out, copied.len(), pairs, true));
        findings.extend(shared(
            gallery,
            known,
            held_out,
            nearly.len(),
            near_pairs,
            false,
        ));
    }
    let (surplus, doubled) = within(gallery, &exact);
    found.surplus = surplus;
    findings.extend(doubled);
    findings.extend(conflicts(gallery, &exact, true));
    findings.extend(conflicts(gallery, &near, false));
    (found, findings)
}

/// The images of `held_out` that have a copy in `known`, other than those of `but`; and each with its copy.
fn across(
    gallery: &Gallery,
    groups: &[Vec<usize>],
    known: Split,
    held_out: Split,
    but: &BTreeSet<usize>,
) -> (BTreeSet<usize>, Vec<[usize; 2]>) {
    let split = |at: usize| gallery.dataset.index.entries[at].split;
    let mut copied = BTreeSet::new();
    let mut pairs = Vec::new();
    for group in groups {
        let Some(original) = group.iter().find(|at| split(**at) == known) else {
            continue;
        };
        for at in group
            .iter()
            .filter(|at| split(**at) == held_out && !but.contains(at))
        {
            copied.insert(*at);
            pairs.push([*original, *at]);
        }
    }
    (copied, pairs)
}

fn shared(
    gallery: &Gallery,
    known: Split,
    held_out: Split,
    count: usize,
    pairs: Vec<[usize; 2]>,
    exact: bool,
) -> Option<Finding> {
    let all = gallery.of(held_out).count();
    if count == 0 {
        return None;
    }
    let share = count as f64 / all.max(1) as f64;
    let from_training = known == Split::Train;
    // What is only nearly the same may be another picture after all.
    let severity = match (from_training, exact && share > MANY) {
        (true, true) => Severity::Problem,
        (true, false) => Severity::Warning,
        (false, _) => Severity::Note,
    };
    let (id, how) = match exact {
        true => ("duplicates-across-splits", "pixel for pixel"),
        false => ("near-duplicates-across-splits", "nearly the same"),
    };
    let mut finding = Finding::new(
        id,
        severity,
        format!(
            "{} has pictures that {} has too{}",
            capital(held_out.word()),
            known.word(),
            if exact { "" } else { ", nearly the same" }
        ),
    );
    finding.cause = from_training.then_some(Cause::Leakage);
    finding.measured = format!(
        "{} of the {all} {} images ({}) are in {} too, {how}.",
        count,
        held_out.word(),
        percent(share),
        known.word()
    );
    finding.why = if from_training {
        format!(
            "The network has learnt these very pictures, so the {} accuracy is too good and the gap looks smaller than it is.",
            held_out.word()
        )
    } else {
        "What was chosen by validation is tested on some of the same pictures.".to_owned()
    };
    finding.remedy = format!(
        "Take the copies out of {}, or of the other split; split by source where pictures come in series.",
        held_out.word()
    );
    finding.false_alarm = if exact {
        "Simple pictures (icons, blank forms) can be equal by chance; flat ones are left out here."
            .to_owned()
    } else {
        "Different pictures of one scene or a fixed camera can look this alike: look at the pairs."
            .to_owned()
    };
    finding.evidence.push(Evidence {
        statement: finding.measured.clone(),
        statistic: if exact {
            "share with an equal hash of the pixels"
        } else {
            "share with a perceptual hash within 4 bits, a correlation of at least .99, and of the details of .9"
        },
        value: Some(share),
        threshold: Some(MANY),
        p: None,
        reference: "any is reported, over 5 % fail: deepchecks",
    });
    let copies = pairs.iter().map(|[_, copy]| gallery.path(*copy));
    finding.name_images(copies.collect());
    finding.pictures = pairs
        .iter()
        .take(PICTURES)
        .map(|pair| Pictures {
            caption: format!("{} and {}", capital(known.word()), held_out.word()),
            paths: gallery.paths(pair.iter().copied()),
        })
        .collect();
    Some(finding)
}

/// Copies within a split: harmless but for their weight, worth knowing where they are many.
fn within(gallery: &Gallery, exact: &[Vec<usize>]) -> ([usize; 3], Option<Finding>) {
    let entries = &gallery.dataset.index.entries;
    let groups: Vec<Vec<usize>> = Split::ALL
        .into_iter()
        .flat_map(|split| {
            exact.iter().map(move |g| {
                g.iter()
                    .copied()
                    .filter(|at| entries[*at].split == split)
                    .collect::<Vec<_>>()
            })
        })
        .filter(|group| group.len() > 1)
        .collect();
    let mut by_split = [0; 3];
    for group in &groups {
        by_split[entries[group[0]].split as usize] += group.len() - 1;
    }
    let surplus: usize = by_split.iter().sum();
    if surplus == 0 {
        return (by_split, None);
    }
    let share = surplus as f64 / entries.len().max(1) as f64;
    let mut finding = Finding::new(
        "duplicates-within-split",
        if share > MANY {
            Severity::Warning
        } else {
            Severity::Note
        },
        "The same picture is there more than once within a split",
    );
    finding.measured = format!(
        "{} in {} could be left out ({} of all images).",
        counted(surplus, "copy").replace("copys", "copies"),
        counted(groups.len(), "group"),
        percent(share)
    );
    finding.why = "There are fewer different images than files: intervals and tests that count files promise too much.".to_owned();
    finding.remedy = "Keep one of each.".to_owned();
    finding.false_alarm = "Copies were made on purpose, to balance classes.".to_owned();
    finding.pictures = groups
        .iter()
        .take(PICTURES)
        .map(|group| Pictures {
            caption: "The same picture".to_owned(),
            paths: gallery.paths(group.iter().copied()),
        })
        .collect();
    (by_split, Some(finding))
}

fn conflicts(gallery: &Gallery, groups: &[Vec<usize>], exact: bool) -> Option<Finding> {
    let index = &gallery.dataset.index;
    let label = |at: usize| index.entries[at].label;
    let conflicting: Vec<&Vec<usize>> = groups
        .iter()
        .filter(|group| group.iter().any(|at| label(*at) != label(group[0])))
        .collect();
    if conflicting.is_empty() {
        return None;
    }
    let images: usize = conflicting.iter().map(|g| g.len()).sum();
    let share = images as f64 / index.entries.len().max(1) as f64;
    let mut finding = Finding::new(
        if exact {
            "conflicting-labels"
        } else {
            "conflicting-labels-near"
        },
        match (exact, share > MANY) {
            (true, true) => Severity::Problem,
            (true, false) => Severity::Warning,
            (false, _) => Severity::Note,
        },
        if exact {
            "The same picture has different labels"
        } else {
            "Pictures that are nearly the same have different labels"
        },
    );
    finding.cause = Some(Cause::LabelNoise);
    finding.measured = format!(
        "{} with more than one label, {} ({} of all).",
        counted(conflicting.len(), "picture"),
        counted(images, "image"),
        percent(share)
    );
    finding.why = "At most one of the labels is right. A network that gets such pictures all right in training has learnt them by heart."
        .to_owned();
    finding.remedy = "Look at them and correct the labels, or leave them out.".to_owned();
    finding.false_alarm = if exact {
        "A picture may show several things and truly belong to several classes.".to_owned()
    } else {
        "Classes may differ in details that a small gray picture does not show.".to_owned()
    };
    let all = conflicting.iter().flat_map(|group| group.iter());
    finding.name_images(all.map(|at| gallery.path(*at)).collect());
    finding.pictures = conflicting
        .iter()
        .take(PICTURES)
        .map(|group| {
            let names: BTreeSet<&str> = group
                .iter()
                .map(|at| index.classes[label(*at) as usize].as_str())
                .collect();
            Pictures {
                caption: names.into_iter().collect::<Vec<_>>().join(", "),
                paths: gallery.paths(group.iter().copied()),
            }
        })
        .collect();
    Some(finding)
}

/// A word with a capital letter.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
