//! Are the pictures of one split darker, blurrier, larger or stored otherwise than those of training?

use super::duplicates::capital;
use super::properties::{Property, PropertyComparison, PropertySummary};
use super::{Gallery, PICTURES};
use crate::diagnose::finding::{Cause, Evidence, Finding, Pictures, Severity, some_of};
use crate::diagnose::gates::{p_value, percent};
use crate::diagnose::statistics::{cramers_v, independence};
use crate::run::Split;
use std::collections::BTreeMap;

/// A property counts as shifted from this Kolmogorov-Smirnov distance on, where it is also more than chance.
const DISTANCE: f64 = 0.2;
/// From this distance on most pictures of the split are unlike training's.
const STRONG: f64 = 0.5;
const P: f64 = 0.01;
/// Properties that a finding names and draws; of the others it has the numbers.
const NAMED: usize = 4;

/// What was measured of every split.
pub(super) struct Properties {
    pub summaries: Vec<PropertySummary>,
    pub comparisons: Vec<PropertyComparison>,
}

pub(super) fn findings(gallery: &Gallery, properties: &Properties) -> Vec<Finding> {
    let mut findings = Vec::new();
    for split in [Split::Val, Split::Test] {
        findings.extend(shift(gallery, properties, split));
        findings.extend(stored_otherwise(gallery, split));
    }
    findings
}

fn shift(gallery: &Gallery, properties: &Properties, split: Split) -> Option<Finding> {
    let mut shifted: Vec<&PropertyComparison> = properties
        .comparisons
        .iter()
        .filter(|c| c.split == split && c.distance > DISTANCE && c.p < P)
        .collect();
    shifted.sort_by(|a, b| b.distance.total_cmp(&a.distance));
    let median = |of: Split, property: Property| {
        properties
            .summaries
            .iter()
            .find(|s| s.split == of && s.property == property)
            .map_or(0.0, |s| s.median)
    };
    let strongest = shifted.first()?;
    let told: Vec<String> = shifted
        .iter()
        .map(|s| {
            let (less, more) = s.property.words();
            let word = if s.superiority < 0.5 { less } else { more };
            let turned = median(Split::Train, s.property) * median(split, s.property) < 0.0;
            match s.property {
                // Only a sign that turns speaks for a negative.
                Property::Skewness if turned => format!("{word}, as in a negative"),
                _ => word.to_owned(),
            }
        })
        .collect();
    let mut finding = Finding::new(
        "split-shift",
        if strongest.distance > STRONG {
            Severity::Problem
        } else {
            Severity::Warning
        },
        format!(
            "{} pictures look unlike those of training",
            capital(split.word())
        ),
    );
    finding.cause = Some(Cause::SplitShift);
    finding.measured = format!(
        "{} pictures are {}.",
        capital(split.word()),
        some_of(&told, NAMED)
    );
    finding.why = "A network learns what its training pictures look like, brightness and sharpness included; on others it may fail \
                   though it has learnt the classes."
        .to_owned();
    finding.remedy = "Find out how the splits were made; mix and split anew, or augment training by what differs (brightness, \
                      blur, colour)."
        .to_owned();
    finding.false_alarm = "Different is not yet harmful: a network that reads shapes may not care. Only a run on a pooled, newly split \
                           dataset decides."
        .to_owned();
    finding.evidence = shifted
        .iter()
        .map(|s| Evidence {
            statement: format!(
                "{}: median {:.3} in training, {:.3} in {}; a {} picture has the larger value in {} of the cases.",
                s.property.title(),
                median(Split::Train, s.property),
                median(split, s.property),
                split.word(),
                split.word(),
                percent(s.superiority)
            ),
            statistic: "Kolmogorov-Smirnov distance",
            value: Some(s.distance),
            threshold: Some(DISTANCE),
            p: Some(s.p),
            reference: "Smirnov 1939, p corrected by Holm 1979; threshold: deepchecks",
        })
        .collect();
    finding.histograms = shifted
        .iter()
        .take(NAMED)
        .flat_map(|s| {
            let all = properties.summaries.iter();
            all.filter(|summary| summary.property == s.property)
        })
        .cloned()
        .collect();
    let lower = strongest.superiority < 0.5;
    finding.pictures = [(Split::Train, false), (split, lower)]
        .map(|(of, lowest)| {
            let mut at: Vec<usize> = gallery.of(of).collect();
            let value = |at: &usize| {
                let entry = &gallery.dataset.index.entries[*at];
                gallery.portraits[*at].as_ref().map_or(0.0, |p| {
                    strongest.property.of(p, (entry.width, entry.height))
                })
            };
            at.sort_by(|a, b| value(a).total_cmp(&value(b)));
            // Of training the typical ones, of the split the most extreme.
            let shown: Vec<usize> = match of {
                Split::Train => at[at.len() / 2..]
                    .iter()
                    .copied()
                    .take(PICTURES / 2)
                    .collect(),
                _ if lowest => at.into_iter().take(PICTURES / 2).collect(),
                _ => at.into_iter().rev().take(PICTURES / 2).collect(),
            };
            Pictures {
                caption: capital(of.word()),
                paths: gallery.paths(shown),
            }
        })
        .to_vec();
    Some(finding)
}

/// File format, or gray against colour, by split.
fn stored_otherwise(gallery: &Gallery, split: Split) -> Option<Finding> {
    let entries = &gallery.dataset.index.entries;
    let kind = |at: usize| {
        let entry = &entries[at];
        (
            entry.format.name(),
            if entry.channels == 1 {
                "gray"
            } else {
                "colour"
            },
        )
    };
    let mut counts: BTreeMap<(&str, &str), [u32; 2]> = BTreeMap::new();
    for (row, of) in [Split::Train, split].into_iter().enumerate() {
        for at in gallery.of(of) {
            counts.entry(kind(at)).or_default()[row] += 1;
        }
    }
    let rows: Vec<Vec<u32>> = (0..2)
        .map(|row| counts.values().map(|c| c[row]).collect())
        .collect();
    let totals: Vec<u32> = rows.iter().map(|r| r.iter().sum()).collect();
    if counts.len() < 2 || totals.contains(&0) {
        return None;
    }
    let v = cramers_v(&rows)?;
    let test = independence(&rows, gallery.seed)?;
    if v <= 0.15 || test.p > 0.001 {
        return None;
    }
    let (kind, share) = counts
        .iter()
        .map(|(kind, c)| {
            (
                kind,
                [0, 1].map(|row| f64::from(c[row]) / f64::from(totals[row])),
            )
        })
        .max_by(|a, b| (a.1[1] - a.1[0]).abs().total_cmp(&(b.1[1] - b.1[0]).abs()))?;
    let mut finding = Finding::new(
        "stored-otherwise",
        Severity::Warning,
        format!(
            "{} pictures are stored otherwise than those of training",
            capital(split.word())
        ),
    );
    finding.cause = Some(Cause::PreprocessingMismatch);
    finding.measured = format!(
        "{} of the training pictures are {} {}, and {} of the {} ones.",
        percent(share[0]),
        kind.1,
        kind.0,
        percent(share[1]),
        split.word()
    );
    finding.why = "Compression leaves traces and gray has no colour: a network can learn from them which split a picture is of, and \
                   miss them where they are not."
        .to_owned();
    finding.remedy = "Make all splits from the same originals by the same program.".to_owned();
    finding.false_alarm = "PNG copies of the same originals hold the same pixels.".to_owned();
    finding.evidence.push(Evidence {
        statement: format!(
            "Split and storage go together with V = {v:.2} (p = {}).",
            p_value(test.p)
        ),
        statistic: "Cramér's V, bias-corrected",
        value: Some(v),
        threshold: Some(0.15),
        p: Some(test.p),
        reference: "Bergsma 2013",
    });
    Some(finding)
}
