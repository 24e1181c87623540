//! The audit of a dataset: what its splits, labels, pictures and file names tell before anything is trained.

mod checks;
mod classes;
mod copies;
mod detail;
mod duplicates;
mod groups;
mod oddities;
mod order;
mod perceptual_hash;
mod portrait;
mod properties;
mod shift;

pub(super) use perceptual_hash::SIDE as SMALL_SIDE;
pub(super) use portrait::{Portrait, portraits};

pub use duplicates::Duplicates;
pub use properties::{Distribution, Property, PropertyComparison, PropertySummary};

use super::finding::{Cause, Finding, Severity, rank};
use crate::data::{Dataset, Limits, OnProgress, read_image};
use crate::run::Split;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};

/// A list of pictures is cut after this many.
const PICTURES: usize = 12;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    pub images: usize,
    /// In the order of the class map: name, and images in training, validation and test.
    pub classes: Vec<ClassImages>,
    /// Brightness, contrast and so on of each split that has images.
    pub properties: Vec<PropertySummary>,
    /// Validation and test beside training, property by property.
    pub comparisons: Vec<PropertyComparison>,
    pub duplicates: Duplicates,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What was looked at and is in order, in sentences.
    pub in_order: Vec<String>,
    /// What could not be told, in sentences.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassImages {
    pub name: String,
    pub train: usize,
    pub val: usize,
    pub test: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the audit was cancelled")]
    Cancelled,
}

/// The images as an audit sees them, in the index's order, with the random numbers' seed.
struct Gallery<'a> {
    dataset: &'a Dataset,
    /// None for an image that could not be read any more.
    portraits: Vec<Option<Portrait>>,
    seed: u64,
    cancel: &'a AtomicBool,
}

impl Gallery<'_> {
    /// Positions of a split's images that could be read.
    fn of(&self, split: Split) -> impl Iterator<Item = usize> {
        self.dataset
            .index
            .entries
            .iter()
            .zip(&self.portraits)
            .enumerate()
            .filter(move |(_, (entry, portrait))| entry.split == split && portrait.is_some())
            .map(|(at, _)| at)
    }

    /// The picture again, finely; None where it is gone, or the audit cancelled.
    fn detailed(&self, at: usize) -> Option<Vec<f32>> {
        if self.cancel.load(Ordering::Relaxed) {
            return None;
        }
        let path = self.dataset.root.join(&self.dataset.index.entries[at].path);
        let image = read_image(&path, &Limits::DEFAULT).ok()?;
        Some(portrait::detailed(&image, detail::SIDE))
    }

    fn path(&self, at: usize) -> String {
        self.dataset.index.entries[at].path.clone()
    }

    fn paths(&self, at: impl IntoIterator<Item = usize>) -> Vec<String> {
        at.into_iter()
            .take(PICTURES)
            .map(|i| self.path(i))
            .collect()
    }
}

/// Looks at every image of a dataset, in parallel: seconds for 10,000. `progress` hears of images done; setting `cancel`
/// ends it soon. The same dataset and seed give the same document.
pub fn audit(
    dataset: &Dataset,
    seed: u64,
    progress: OnProgress,
    cancel: &AtomicBool,
) -> Result<Audit, AuditError> {
    let go_on = || match cancel.load(Ordering::Relaxed) {
        true => Err(AuditError::Cancelled),
        false => Ok(()),
    };
    let portraits = portraits(dataset, progress, cancel);
    go_on()?;
    let gallery = Gallery {
        dataset,
        portraits,
        seed,
        cancel,
    };
    let mut notes = Vec::new();
    let grouped = groups::finding(&gallery);
    go_on()?;
    let ordered = match grouped {
        // Groups that lie in one split put the files in order too, and say more.
        Some(_) => None,
        None => order::finding(&gallery, &mut notes),
    };
    go_on()?;
    let (duplicates, copied) = duplicates::findings(&gallery);
    go_on()?;
    let properties = shift::Properties {
        summaries: properties::summaries(&gallery),
        comparisons: properties::comparisons(&gallery),
    };
    go_on()?;
    let mut shifted = shift::findings(&gallery, &properties);
    if let Some(groups) = grouped.as_ref().filter(|f| f.severity == Severity::Problem) {
        explain(&mut shifted, groups);
    }
    // The causes before what comes of them: those that weigh the same keep this order.
    let mut findings: Vec<Finding> = grouped.into_iter().chain(ordered).collect();
    findings.extend(classes::findings(&gallery));
    findings.extend(copied);
    findings.extend(shifted);
    go_on()?;
    findings.extend(oddities::findings(&gallery));
    rank(&mut findings);
    Ok(Audit {
        images: dataset.index.entries.len(),
        classes: classes::table(dataset),
        properties: properties.summaries,
        comparisons: properties.comparisons,
        duplicates,
        in_order: checks::in_order(&gallery, &findings, &notes),
        findings,
        notes,
    })
}

/// Where training lacks a split's groups, that its pictures look otherwise is no second fault.
fn explain(shifted: &mut [Finding], groups: &Finding) {
    for finding in shifted {
        if finding.cause == Some(Cause::SplitShift) {
            finding.severity = Severity::Warning;
            finding.measured = format!(
                "{} This goes with the groups, and is no second fault: “{}”.",
                finding.measured, groups.title
            );
        }
    }
}
