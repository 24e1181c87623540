//! Are the pictures of one split darker, blurrier, larger or stored otherwise than those of training?

use super::duplicates::capital;
use super::{Gallery, PICTURES, Portrait};
use crate::diagnose::finding::{Cause, Evidence, Finding, Pictures, Severity, some_of};
use crate::diagnose::gates::{p_value, percent};
use crate::diagnose::statistics::{cramers_v, holm, independence, kolmogorov_smirnov};
use crate::run::Split;
use serde::Serialize;
use std::collections::BTreeMap;

/// A property counts as shifted from this Kolmogorov-Smirnov distance on, where it is also more than chance.
const DISTANCE: f64 = 0.2;
/// From this distance on most pictures of the split are unlike training's.
const STRONG: f64 = 0.5;
const P: f64 = 0.01;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    Brightness,
    Contrast,
    Skewness,
    Sharpness,
    RedOverBlue,
    GreenOverRest,
    Width,
    Height,
}

impl Property {
    const ALL: [Property; 8] = [
        Property::Brightness,
        Property::Contrast,
        Property::Skewness,
        Property::Sharpness,
        Property::RedOverBlue,
        Property::GreenOverRest,
        Property::Width,
        Property::Height,
    ];

    fn of(self, portrait: &Portrait, size: (u32, u32)) -> f64 {
        match self {
            Property::Brightness => portrait.brightness,
            Property::Contrast => portrait.contrast,
            Property::Skewness => portrait.skewness,
            Property::Sharpness => portrait.sharpness,
            Property::RedOverBlue => portrait.red_over_blue,
            Property::GreenOverRest => portrait.green_over_rest,
            Property::Width => f64::from(size.0),
            Property::Height => f64::from(size.1),
        }
    }

    /// What a smaller and a larger value mean.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Property::Brightness => ("darker", "brighter"),
            Property::Contrast => ("of less contrast", "of more contrast"),
            Property::Skewness => (
                "with more bright than dark, as in a negative",
                "with more dark than bright, as in a negative",
            ),
            Property::Sharpness => ("blurrier", "sharper"),
            Property::RedOverBlue => ("bluer", "redder"),
            Property::GreenOverRest => ("less green", "greener"),
            Property::Width => ("narrower", "wider"),
            Property::Height => ("lower", "higher"),
        }
    }
}

/// One property over one split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PropertySummary {
    pub split: Split,
    pub property: Property,
    pub median: f64,
    /// 5th and 95th percentiles.
    pub low: f64,
    pub high: f64,
}

fn values(gallery: &Gallery, split: Split, property: Property) -> Vec<f64> {
    gallery
        .of(split)
        .filter_map(|at| {
            let entry = &gallery.dataset.index.entries[at];
            Some(property.of(gallery.portraits[at].as_ref()?, (entry.width, entry.height)))
        })
        .collect()
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

pub(super) fn summaries(gallery: &Gallery) -> Vec<PropertySummary> {
    Split::ALL
        .into_iter()
        .flat_map(|split| Property::ALL.map(|property| (split, property)))
        .filter_map(|(split, property)| {
            let mut values = values(gallery, split, property);
            if values.is_empty() {
                return None;
            }
            values.sort_by(f64::total_cmp);
            Some(PropertySummary {
                split,
                property,
                median: percentile(&values, 0.5),
                low: percentile(&values, 0.05),
                high: percentile(&values, 0.95),
            })
        })
        .collect()
}

pub(super) fn findings(gallery: &Gallery) -> Vec<Finding> {
    let mut findings = Vec::new();
    for split in [Split::Val, Split::Test] {
        findings.extend(shift(gallery, split));
        findings.extend(stored_otherwise(gallery, split));
    }
    findings
}

struct Shifted {
    property: Property,
    distance: f64,
    p: f64,
    /// Medians of training and of the split.
    medians: (f64, f64),
}

fn shift(gallery: &Gallery, split: Split) -> Option<Finding> {
    let compared: Vec<Shifted> = Property::ALL
        .into_iter()
        .filter_map(|property| {
            let (mut train, mut other) = (
                values(gallery, Split::Train, property),
                values(gallery, split, property),
            );
            let test = kolmogorov_smirnov(&train, &other)?;
            train.sort_by(f64::total_cmp);
            other.sort_by(f64::total_cmp);
            Some(Shifted {
                property,
                distance: test.distance,
                p: test.p,
                medians: (percentile(&train, 0.5), percentile(&other, 0.5)),
            })
        })
        .collect();
    let adjusted = holm(&compared.iter().map(|c| c.p).collect::<Vec<_>>());
    let mut shifted: Vec<Shifted> = compared
        .into_iter()
        .zip(adjusted)
        .filter(|(c, p)| c.distance > DISTANCE && *p < P)
        .map(|(c, p)| Shifted { p, ..c })
        .collect();
    shifted.sort_by(|a, b| b.distance.total_cmp(&a.distance));
    let strongest = shifted.first()?;
    let told: Vec<&str> = shifted
        .iter()
        .map(|s| {
            let (less, more) = s.property.words();
            if s.medians.1 < s.medians.0 {
                less
            } else {
                more
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
        some_of(&told, 4)
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
                "{:?}: median {:.3} in training, {:.3} in {}; distance {:.2} (p = {}, corrected).",
                s.property,
                s.medians.0,
                s.medians.1,
                split.word(),
                s.distance,
                p_value(s.p)
            ),
            statistic: "Kolmogorov-Smirnov distance",
            value: Some(s.distance),
            threshold: Some(DISTANCE),
            p: Some(s.p),
            reference: "Smirnov 1939; Holm 1979; threshold: deepchecks",
        })
        .collect();
    let lower = strongest.medians.1 < strongest.medians.0;
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
