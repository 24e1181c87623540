//! Remedies in the images: which ones, in which split, with which labels, and how they enter the network.

use super::remedy::Remediable;
use super::training;
use crate::diagnose::finding::{Cause, Finding};
use crate::run::{Augment, ClassMap, Normalize, Resplit, RunSpec, Split, TestFigures};
use std::collections::{BTreeSet, HashSet};

/// What keeps most classes: no mirror image and no turn, which can make another sign of one, and no move up or down, which is
/// another pitch in a spectrogram.
const GENTLE: Augment = Augment {
    shift_horizontal: 0.1,
    crop: 0.1,
    brightness: 0.1,
    contrast: 0.2,
    noise: 0.03,
    ..Augment::OFF
};
/// What lets brightness and contrast tell nothing.
const TONES: Augment = Augment {
    brightness: 0.3,
    contrast: 0.6,
    ..Augment::OFF
};
/// Classes are about as common as each other where none has more than so many times another's images.
const EVEN: u32 = 2;
/// Zhang et al. 2018.
const MIXUP: Augment = Augment {
    mixup: 0.2,
    ..Augment::OFF
};

pub(super) fn augment(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.augment.raise(&GENTLE);
    Some(())
}

/// Rare images that are drawn again and again are learnt by heart, unless they come changed.
pub(super) fn augmented_balanced_sampling(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    training::balanced_sampling(case, spec)?;
    augment(case, spec)
}

pub(super) fn augment_brightness(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.augment.raise(&TONES);
    Some(())
}

pub(super) fn mixup(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.augment.raise(&MIXUP);
    Some(())
}

pub(super) fn normalise_by_image(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.input.normalize = Normalize::Image;
    Some(())
}

pub(super) fn normalise_inputs(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let normalize = &mut spec.input.normalize;
    if *normalize == Normalize::Image {
        return None;
    }
    *normalize = Normalize::Train;
    Some(())
}

pub(super) fn resplit_pooled(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.variation.split = Resplit::Pooled;
    Some(())
}

/// What training lacked, the pool has no more of than validation had: a new split, and what is done about rare classes. None where
/// the new split's classes are about as common as each other.
pub(super) fn resplit_balanced(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    resplit_pooled(case, spec)?;
    let counts = case
        .index
        .varied(&spec.variation)
        .ok()?
        .class_counts(Split::Train);
    let (rarest, commonest) = (counts.iter().min()?, counts.iter().max()?);
    if rarest * EVEN >= *commonest {
        return None;
    }
    augmented_balanced_sampling(case, spec)
}

pub(super) fn validate_within_training(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.variation.split = Resplit::WithinTraining;
    Some(())
}

/// The maps that the confusion matrices show. Where the test figures are sealed nothing is known of the test images, and they
/// are taken to be numbered as validation's are.
pub(super) fn one_class_map(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    // Labels of another split are not those that the matrices show.
    if spec.variation.split != Resplit::Found {
        return None;
    }
    let found = |split| {
        let mut maps = case
            .findings
            .iter()
            .map(|finding| finding.class_map.of(split));
        maps.find(|map| !map.is_empty())
    };
    let val = found(Split::Val);
    let test = found(Split::Test).or(match spec.test {
        TestFigures::Sealed => val,
        TestFigures::Shown => None,
    });
    let known = &spec.variation.class_map;
    spec.variation.class_map = ClassMap {
        val: upon(&known.val, val)?,
        test: upon(&known.test, test)?,
    };
    Some(())
}

/// The map that does what both do, the known one first; None where they are of different lengths.
fn upon(known: &[u32], found: Option<&[u32]>) -> Option<Vec<u32>> {
    match found {
        None => Some(known.to_vec()),
        Some(found) if known.is_empty() => Some(found.to_vec()),
        Some(found) => {
            let both = known
                .iter()
                .map(|class| found.get(*class as usize).copied());
            both.collect()
        }
    }
}

/// Without the held-out images that training has as well.
pub(super) fn without_copies(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    // Of another split other images are copies.
    if spec.variation.split != Resplit::Found {
        return None;
    }
    let copies: HashSet<&str> = named(case, Cause::Leakage).collect();
    let entries = case.index.entries.iter();
    let held_out = entries.filter(|e| e.split != Split::Train && copies.contains(e.path.as_str()));
    leave_out(spec, held_out.map(|e| e.path.clone()).collect())
}

/// Trains without the images whose labels are in question; those of validation stay, so that it stays the same question.
pub(super) fn without_suspects(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let index = case.index.varied(&spec.variation).ok()?;
    let training: HashSet<&str> = index.of(Split::Train).map(|e| e.path.as_str()).collect();
    let suspects = named(case, Cause::LabelNoise).filter(|path| training.contains(path));
    let suspects: BTreeSet<String> = suspects.map(str::to_owned).collect();
    leave_out(spec, suspects)
}

/// The images that the findings of a cause name.
fn named<'a>(case: &'a Remediable, cause: Cause) -> impl Iterator<Item = &'a str> {
    let of_cause = move |finding: &&Finding| finding.cause == Some(cause);
    let findings = case.findings.iter().filter(of_cause);
    findings.flat_map(|finding| finding.images.iter().map(String::as_str))
}

fn leave_out(spec: &mut RunSpec, mut images: BTreeSet<String>) -> Option<()> {
    if images.is_empty() {
        return None;
    }
    let without = &mut spec.variation.without;
    images.extend(std::mem::take(without));
    *without = images.into_iter().collect();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::Remedy;
    use super::super::fixture::*;
    use super::*;
    use crate::run::Sampling;

    #[test]
    fn one_class_map_is_what_the_confusion_matrix_shows_upon_what_the_run_has() {
        let mut found = finding(Cause::LabelMapMismatch);
        found.class_map.val = vec![1, 2, 0];
        let mut run = RunSpec::default();
        let (id, mapped) = first(Cause::LabelMapMismatch, &run, &[found.clone()]).unwrap();
        assert_eq!(id, "one-class-map");
        let map = |val: &[u32], test: &[u32]| ClassMap {
            val: val.to_vec(),
            test: test.to_vec(),
        };
        assert_eq!(mapped.variation.class_map, map(&[1, 2, 0], &[]));
        // Nothing is known of test images whose figures are sealed.
        run.test = crate::run::TestFigures::Sealed;
        let sealed = by_id("one-class-map", &run, &[found.clone()]).unwrap();
        assert_eq!(sealed.variation.class_map, map(&[1, 2, 0], &[1, 2, 0]));
        run.variation.class_map = map(&[2, 1, 0], &[]);
        let upon = by_id("one-class-map", &run, &[found]).unwrap();
        assert_eq!(upon.variation.class_map.val, [0, 2, 1]);
        // Without a map that was seen the next one is tried.
        let (id, _) = first(Cause::LabelMapMismatch, &RunSpec::default(), &[]).unwrap();
        assert_eq!(id, "validate-within-training");
    }

    #[test]
    fn copies_are_left_out_of_held_out_splits_and_suspects_out_of_training() {
        let names = |images: &[&str]| images.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>();
        let mut copies = finding(Cause::Leakage);
        copies.images = names(&["val/0/00.png", "test/0/00.png", "train/0/00.png"]);
        let run = RunSpec::default();
        let (_, clean) = first(Cause::Leakage, &run, &[copies.clone()]).unwrap();
        assert_eq!(clean.variation.without, ["test/0/00.png", "val/0/00.png"]);
        let mut noise = finding(Cause::LabelNoise);
        noise.images = names(&["val/1/00.png", "train/2/07.png"]);
        let (id, trusted) = first(Cause::LabelNoise, &clean, &[noise, copies]).unwrap();
        assert_eq!(id, "train-without-suspects");
        assert_eq!(
            trusted.variation.without,
            ["test/0/00.png", "train/2/07.png", "val/0/00.png"]
        );
        assert_eq!(first(Cause::Leakage, &run, &[]), None);
        // Of an audit of another dataset.
        let mut gone = finding(Cause::Leakage);
        gone.images = names(&["val/9/00.png"]);
        assert_eq!(first(Cause::Leakage, &run, &[gone]), None);
    }

    #[test]
    fn rare_images_come_often_and_changed() {
        let run = by_id("augmented-balanced-sampling", &RunSpec::default(), &[]).unwrap();
        assert_eq!(run.train.sampling, Sampling::Balanced);
        assert_eq!(run.augment, GENTLE);
        // Who has one of the two is told the other; who has both, nothing.
        let more = by_id("balanced-sampling", &RunSpec::default(), &[]).unwrap();
        assert_eq!(
            by_id("augmented-balanced-sampling", &more, &[]),
            Some(run.clone())
        );
        assert_eq!(by_id("augmented-balanced-sampling", &run, &[]), None);
    }

    #[test]
    fn a_new_split_is_balanced_where_the_pool_has_few_images_of_a_class() {
        let run = RunSpec::default();
        let split = |index: &crate::data::Index| {
            let case = Remediable {
                spec: &run,
                epochs: 10,
                index,
                findings: &[],
            };
            Remedy::named("resplit-balanced").unwrap().apply(&case)
        };
        let balanced = split(&lacking()).unwrap();
        assert_eq!(balanced.variation.split, Resplit::Pooled);
        assert_eq!(balanced.train.sampling, Sampling::Balanced);
        assert_eq!(balanced.augment, GENTLE);
        let mut even = index();
        even.entries
            .retain(|e| e.path.ends_with("0.png") || e.split != Split::Train);
        assert_eq!(split(&even), None);
    }
}
