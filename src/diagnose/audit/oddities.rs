//! Files that could not be read, pictures that show nothing, pictures unlike all others.

use super::{Gallery, PICTURES};
use crate::data::NO_TRAINING_IMAGE;
use crate::diagnose::finding::{Finding, Pictures, Severity, counted, some_of};
use crate::diagnose::gates::percent;

/// A picture is odd when a property is this many scaled median deviations from the median.
const FAR: f64 = 8.0;
/// Above this share unreadable or blank files are a warning.
const MANY: f64 = 0.01;

pub(super) fn findings(gallery: &Gallery) -> Vec<Finding> {
    [unreadable(gallery), blank(gallery), odd(gallery)]
        .into_iter()
        .flatten()
        .collect()
}

fn severity(count: usize, of: usize) -> Severity {
    if count as f64 > MANY * of as f64 {
        Severity::Warning
    } else {
        Severity::Note
    }
}

fn unreadable(gallery: &Gallery) -> Option<Finding> {
    let index = &gallery.dataset.index;
    let mut files: Vec<(String, String)> = index
        .unreadable
        .iter()
        .filter(|file| !file.reason.ends_with(NO_TRAINING_IMAGE))
        .map(|file| (file.path.clone(), file.reason.clone()))
        .collect();
    let gone = gallery
        .portraits
        .iter()
        .enumerate()
        .filter(|(_, p)| p.is_none());
    files.extend(gone.map(|(at, _)| {
        (
            gallery.path(at),
            "it was readable when the dataset was taken in".to_owned(),
        )
    }));
    if files.is_empty() {
        return None;
    }
    let told: Vec<String> = files
        .iter()
        .map(|(path, reason)| format!("{path} ({reason})"))
        .collect();
    let mut finding = Finding::new(
        "unreadable-files",
        severity(files.len(), index.entries.len()),
        "Some files could not be used",
    );
    finding.measured = format!(
        "{} left out: {}.",
        counted(files.len(), "file"),
        some_of(&told, 5)
    );
    finding.why = "Training goes on without them; where they are of one class or split, that one is smaller than its folder looks.".to_owned();
    finding.remedy = "Replace or delete them.".to_owned();
    finding.false_alarm = "They are notes and the like, no pictures.".to_owned();
    Some(finding)
}

fn blank(gallery: &Gallery) -> Option<Finding> {
    let blank: Vec<usize> = (0..gallery.portraits.len())
        .filter(|at| {
            gallery.portraits[*at]
                .as_ref()
                .is_some_and(|p| p.is_blank())
        })
        .collect();
    if blank.is_empty() {
        return None;
    }
    let share = blank.len() as f64 / gallery.portraits.len() as f64;
    let mut finding = Finding::new(
        "blank-images",
        severity(blank.len(), gallery.portraits.len()),
        "Some pictures are blank",
    );
    finding.measured = format!(
        "{} ({}) of one flat colour.",
        counted(blank.len(), "picture"),
        percent(share)
    );
    finding.why =
        "There is nothing in them to tell a class from: they can only be learnt by heart."
            .to_owned();
    finding.remedy = "Leave them out, and look how they came to be.".to_owned();
    finding.false_alarm = "Nothing to be seen is a class of its own.".to_owned();
    finding.pictures.push(Pictures {
        caption: "Blank".to_owned(),
        paths: gallery.paths(blank),
    });
    Some(finding)
}

fn odd(gallery: &Gallery) -> Option<Finding> {
    let seen: Vec<usize> = (0..gallery.portraits.len())
        .filter(|at| {
            gallery.portraits[*at]
                .as_ref()
                .is_some_and(|p| !p.is_blank())
        })
        .collect();
    // Below this the median deviation says nothing.
    if seen.len() < 20 {
        return None;
    }
    let mut scores = vec![0.0_f64; gallery.portraits.len()];
    let entries = &gallery.dataset.index.entries;
    let properties: [&dyn Fn(usize) -> f64; 4] = [
        &|at| gallery.portraits[at].as_ref().map_or(0.0, |p| p.brightness),
        &|at| gallery.portraits[at].as_ref().map_or(0.0, |p| p.contrast),
        &|at| gallery.portraits[at].as_ref().map_or(0.0, |p| p.sharpness),
        &|at| (f64::from(entries[at].width) / f64::from(entries[at].height.max(1))).ln(),
    ];
    for property in properties {
        let mut values: Vec<f64> = seen.iter().map(|at| property(*at)).collect();
        values.sort_by(f64::total_cmp);
        let median = values[values.len() / 2];
        let mut deviations: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
        deviations.sort_by(f64::total_cmp);
        // Where more than half are equal, a hundredth of the scale stands in for their deviation.
        let scale = (1.4826 * deviations[deviations.len() / 2]).max(0.01);
        for at in &seen {
            scores[*at] = scores[*at].max((property(*at) - median).abs() / scale);
        }
    }
    let mut odd: Vec<usize> = seen.into_iter().filter(|at| scores[*at] > FAR).collect();
    // A second kind of picture in numbers is no oddity.
    if odd.is_empty() || odd.len() * 20 > gallery.portraits.len() {
        return None;
    }
    odd.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut finding = Finding::new(
        "odd-images",
        Severity::Note,
        if odd.len() == 1 {
            "One picture is unlike all others"
        } else {
            "Some pictures are unlike all others"
        },
    );
    finding.measured = format!(
        "{} far from the rest in brightness, contrast, sharpness or shape{}.",
        match odd.len() {
            1 => "It is".to_owned(),
            n => format!("{} are", counted(n, "picture")),
        },
        if odd.len() > PICTURES {
            format!("; the first {PICTURES} are shown")
        } else {
            String::new()
        }
    );
    finding.why = "They may be damaged, scanned upside down, or of another source.".to_owned();
    finding.remedy = "Look at them.".to_owned();
    finding.false_alarm = "Rare is not wrong.".to_owned();
    finding.pictures.push(Pictures {
        caption: "Odd".to_owned(),
        paths: gallery.paths(odd),
    });
    Some(finding)
}
