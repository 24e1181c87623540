//! A remedy: what to do in words, and the run that does it.

use super::remedies;
use crate::data::Index;
use crate::diagnose::finding::{Cause, Finding};
use crate::model::plan_for;
use crate::run::RunSpec;
use serde::{Serialize, Serializer};
use std::fmt;

/// A run that something is to be done about, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Remediable<'a> {
    pub spec: &'a RunSpec,
    /// Epochs that it took.
    pub epochs: u32,
    /// The dataset as it is.
    pub index: &'a Index,
    /// Of every look at it: which images are copies or suspects, what permuted labels mean.
    pub findings: &'a [Finding],
}

/// Changes the spec of a run; None where that cannot be done to this run by a spec.
pub(super) type Change = fn(&Remediable, &mut RunSpec) -> Option<()>;

/// Something to try against a cause.
#[derive(Clone, Copy)]
pub struct Remedy {
    /// As in the document: `global-pooling`.
    pub id: &'static str,
    /// What a network is trained with then, for the inside of a sentence: "global pooling".
    pub name: &'static str,
    /// What to do: "replace flatten and the large layers by global max pooling".
    pub words: &'static str,
    /// None where only people can do it.
    pub(super) change: Option<Change>,
}

impl Remedy {
    /// The remedy of this id, as the first cause that has it words it.
    pub fn named(id: &str) -> Option<Remedy> {
        let mut all = Cause::ALL.into_iter().flat_map(remedies);
        all.find(|remedy| remedy.id == id).copied()
    }

    /// The run's spec with this done to it, checked against its dataset. None where no spec can do it, it does not fit
    /// this run, or the run has it already.
    pub fn apply(&self, case: &Remediable) -> Option<RunSpec> {
        let mut base = case.spec.clone();
        // They describe the run, not what is tried on it.
        base.name = String::new();
        base.notes = String::new();
        base.tags = Vec::new();
        let mut spec = base.clone();
        (self.change?)(case, &mut spec)?;
        let fits = spec != base
            && spec.check().is_empty()
            && plan_for(&spec, case.index.classes.len()).is_ok()
            && case.index.varied(&spec.variation).is_ok();
        fits.then_some(spec)
    }

    /// True where it can be done to a run and would change nothing: the run has it.
    pub(super) fn is_done(&self, case: &Remediable) -> bool {
        let mut spec = case.spec.clone();
        let changed = self.change.and_then(|change| change(case, &mut spec));
        changed.is_some() && spec == *case.spec
    }

    /// True where no spec can do it, whatever the run.
    pub fn is_for_people(&self) -> bool {
        self.change.is_none()
    }
}

impl PartialEq for Remedy {
    fn eq(&self, other: &Remedy) -> bool {
        (self.id, self.words) == (other.id, other.words)
    }
}

impl fmt::Debug for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

impl Serialize for Remedy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id)
    }
}
