//! What an audit looked at and found in order: silence alone would not say that it looked.

use super::Gallery;
use crate::diagnose::finding::Finding;
use crate::run::Split;

/// A thing that is looked at, and the findings that speak against it.
struct Check {
    found: &'static [&'static str],
    /// True where there must be validation or test images to compare with.
    compares: bool,
    in_order: &'static str,
}

const fn check(found: &'static [&'static str], compares: bool, in_order: &'static str) -> Check {
    Check {
        found,
        compares,
        in_order,
    }
}

const CHECKS: [Check; 11] = [
    check(
        &["classes-not-in-training", "missing-classes"],
        true,
        "Every split has the same classes.",
    ),
    check(
        &["classes-mixed-otherwise"],
        true,
        "The classes are mixed alike in every split.",
    ),
    check(
        &["class-imbalance"],
        false,
        "No class is far rarer than the others.",
    ),
    check(
        &["duplicates-across-splits", "near-duplicates-across-splits"],
        true,
        "No picture is in two splits, neither pixel for pixel nor nearly.",
    ),
    check(
        &["duplicates-within-split"],
        false,
        "No picture is there twice within a split.",
    ),
    check(
        &["conflicting-labels", "conflicting-labels-near"],
        false,
        "No picture has two labels.",
    ),
    check(
        &["split-shift"],
        true,
        "Brightness, contrast, sharpness, colour and size are distributed alike in the splits.",
    ),
    check(
        &["stored-otherwise"],
        true,
        "The splits are stored in the same formats.",
    ),
    check(
        &["groups-in-one-split", "split-follows-file-order"],
        true,
        "By the file names, no group lies in one split only, and the splits were not cut from files in order.",
    ),
    check(&["unreadable-files"], false, "Every file could be read."),
    check(
        &["blank-images", "odd-images"],
        false,
        "No picture is blank, and none is far from all others.",
    ),
];

/// Sentences on what was looked at without a finding. Where the notes say that the files' order tells nothing, nothing is
/// said of it.
pub(super) fn in_order(gallery: &Gallery, findings: &[Finding], notes: &[String]) -> Vec<String> {
    let has = |split| gallery.of(split).next().is_some();
    let comparable = has(Split::Train) && (has(Split::Val) || has(Split::Test));
    CHECKS
        .iter()
        .filter(|check| comparable || !check.compares)
        .filter(|check| notes.is_empty() || !check.found.contains(&"split-follows-file-order"))
        .filter(|check| !findings.iter().any(|f| check.found.contains(&f.id)))
        .map(|check| check.in_order.to_owned())
        .collect()
}
