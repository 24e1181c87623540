//! The audit of a dataset: what its splits, labels, pictures and file names tell before anything is trained.

mod classes;
mod copies;
mod duplicates;
mod groups;
mod names;
mod oddities;
mod order;
mod perceptual_hash;
mod portrait;
mod properties;

pub(super) use perceptual_hash::SIDE as SMALL_SIDE;
pub(super) use portrait::{Portrait, portraits};

pub use duplicates::Duplicates;
pub use properties::{Property, PropertySummary};

use super::finding::{Finding, rank};
use crate::data::{Dataset, OnProgress};
use crate::run::Split;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};

/// A list of pictures is cut after this many.
const PICTURES: usize = 12;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Audit {
    pub images: usize,
    /// In the order of the class map: name, and images in training, validation and test.
    pub classes: Vec<ClassImages>,
    /// Brightness, contrast and so on of each split that has images.
    pub properties: Vec<PropertySummary>,
    pub duplicates: Duplicates,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What was looked at without a finding, and what could not be, in sentences.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    };
    let mut notes = Vec::new();
    let mut findings = classes::findings(&gallery);
    go_on()?;
    let (duplicates, found) = duplicates::findings(&gallery);
    findings.extend(found);
    go_on()?;
    findings.extend(properties::findings(&gallery));
    go_on()?;
    let grouped = groups::finding(&gallery);
    if grouped.is_none() {
        // Groups that lie in one split put the files in order too, and say more.
        findings.extend(order::finding(&gallery, &mut notes));
    }
    findings.extend(grouped);
    go_on()?;
    findings.extend(oddities::findings(&gallery));
    rank(&mut findings);
    Ok(Audit {
        images: dataset.index.entries.len(),
        classes: classes::table(dataset),
        properties: properties::summaries(&gallery),
        duplicates,
        findings,
        notes,
    })
}
