//! A small dataset and runs of it, for the tests of remedies.

use super::{Remediable, Remedy, remedies};
use crate::data::{Entry, Format, Index, Origin};
use crate::diagnose::finding::{Cause, Finding, Severity};
use crate::model::resolve;
use crate::run::{LayerSpec, ModelSpec, RunSpec, Split};
use serde_json::Value;

/// Three classes of 20, 12 and 8 training images and 4 of each held-out split.
pub fn index() -> Index {
    let mut entries = Vec::new();
    for (split, counts) in [
        (Split::Train, [20, 12, 8]),
        (Split::Val, [4; 3]),
        (Split::Test, [4; 3]),
    ] {
        for (label, count) in counts.into_iter().enumerate() {
            for n in 0..count {
                entries.push(Entry {
                    path: format!("{}/{label}/{n:02}.png", split.name()),
                    split,
                    label: label as u32,
                    format: Format::Png,
                    width: 16,
                    height: 16,
                    channels: 1,
                    group: None,
                });
            }
        }
    }
    Index {
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        entries,
        unreadable: Vec::new(),
        notes: Vec::new(),
        channels: Vec::new(),
        origin: Origin::default(),
        fingerprint: "f".to_owned(),
    }
}

/// The same without most training images of the last class.
pub fn lacking() -> Index {
    let mut index = index();
    let is_rare = |path: &str| path.starts_with("train/2/") && path > "train/2/02.png";
    index.entries.retain(|entry| !is_rare(&entry.path));
    index
}

pub fn spec(user: Value) -> RunSpec {
    resolve(user, Some((64, 128))).unwrap()
}

pub fn finding(cause: Cause) -> Finding {
    let mut finding = Finding::new("x", Severity::Problem, "x");
    finding.cause = Some(cause);
    finding
}

/// The first remedy of a cause that applies, with its spec.
pub fn first(
    cause: Cause,
    spec: &RunSpec,
    findings: &[Finding],
) -> Option<(&'static str, RunSpec)> {
    let index = index();
    let case = Remediable {
        spec,
        epochs: spec.train.epochs,
        index: &index,
        findings,
    };
    let applied = |remedy: &Remedy| Some((remedy.id, remedy.apply(&case)?));
    remedies(cause).iter().find_map(applied)
}

/// A run with a remedy applied.
pub fn by_id(id: &str, spec: &RunSpec, findings: &[Finding]) -> Option<RunSpec> {
    let index = index();
    let case = Remediable {
        spec,
        epochs: spec.train.epochs,
        index: &index,
        findings,
    };
    Remedy::named(id).unwrap().apply(&case)
}

/// The layers of a network that has no name.
pub fn layers_of(spec: &RunSpec) -> &[LayerSpec] {
    match &spec.model {
        ModelSpec::Layers(layers) => layers,
        ModelSpec::Preset(name) => panic!("preset {name}"),
    }
}
