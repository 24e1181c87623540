//! Remedies in the images: which ones, in which split, with which labels, and how they enter the network.

use super::remedy::Remediable;
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
/// Zhang et al. 2018.
const MIXUP: Augment = Augment {
    mixup: 0.2,
    ..Augment::OFF
};

pub(super) fn augment(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    spec.augment.raise(&GENTLE);
    Some(())
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
