//! A finding: what was measured, why it matters, what to do, and when it is a false alarm.

use super::audit::PropertySummary;
use crate::run::{ClassMap, Confusion, MOST_WITHOUT, Split};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// A word of this program's own: the id of a finding, the name of a statistic.
pub type Name = &'static str;

/// More different names than every version of Gapwatch has had.
const MOST_NAMES: usize = 4096;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Can widen the gap, or spoil the figures.
    Warning,
    /// Explains a gap, or makes the figures worthless.
    Problem,
}

impl Severity {
    /// As in the document: `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        }
    }
}

/// What a finding speaks for, by the ids of the diagnosis document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    Memorisation,
    NoSignal,
    LabelMapMismatch,
    ScrambledLabels,
    SplitShift,
    GroupShift,
    OrderedSplit,
    MissingClasses,
    PreprocessingMismatch,
    BnEvalDiscrepancy,
    Leakage,
    LabelNoise,
    ClassImbalance,
    WeakerThanBaseline,
    UnstableOptimisation,
    FrozenLayers,
    NotLearning,
    EvaluationBug,
}

impl Cause {
    pub const ALL: [Cause; 18] = [
        Cause::Memorisation,
        Cause::NoSignal,
        Cause::LabelMapMismatch,
        Cause::ScrambledLabels,
        Cause::SplitShift,
        Cause::GroupShift,
        Cause::OrderedSplit,
        Cause::MissingClasses,
        Cause::PreprocessingMismatch,
        Cause::BnEvalDiscrepancy,
        Cause::Leakage,
        Cause::LabelNoise,
        Cause::ClassImbalance,
        Cause::WeakerThanBaseline,
        Cause::UnstableOptimisation,
        Cause::FrozenLayers,
        Cause::NotLearning,
        Cause::EvaluationBug,
    ];

    /// As in the diagnosis document: `split-shift`.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Memorisation => "memorisation",
            Cause::NoSignal => "no-signal",
            Cause::LabelMapMismatch => "label-map-mismatch",
            Cause::ScrambledLabels => "scrambled-labels",
            Cause::SplitShift => "split-shift",
            Cause::GroupShift => "group-shift",
            Cause::OrderedSplit => "ordered-split",
            Cause::MissingClasses => "missing-classes",
            Cause::PreprocessingMismatch => "preprocessing-mismatch",
            Cause::BnEvalDiscrepancy => "bn-eval-discrepancy",
            Cause::Leakage => "leakage",
            Cause::LabelNoise => "label-noise",
            Cause::ClassImbalance => "class-imbalance",
            Cause::WeakerThanBaseline => "weaker-than-baseline",
            Cause::UnstableOptimisation => "unstable-optimisation",
            Cause::FrozenLayers => "frozen-layers",
            Cause::NotLearning => "not-learning",
            Cause::EvaluationBug => "evaluation-bug",
        }
    }
}

/// One number behind a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    pub statement: String,
    #[serde(deserialize_with = "name")]
    pub statistic: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    #[serde(deserialize_with = "name")]
    pub reference: Name,
}

/// Pictures that show a finding, together: two copies, the darkest of a split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pictures {
    pub caption: String,
    /// Below the dataset's folder, parts joined by `/`.
    pub paths: Vec<String>,
}

/// The images of a split by true and predicted class, with what its labels seem to mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedConfusion {
    pub split: Split,
    /// In the order of the classes' numbers.
    pub classes: Vec<String>,
    pub images: Confusion,
    /// The predicted class that each true class is matched with.
    pub matched: Vec<u32>,
}

impl MatchedConfusion {
    /// Of more classes there is none: nobody reads a table of so many, here or of a run.
    pub const MOST_CLASSES: usize = 40;

    /// Counts the pairs of true and predicted class.
    pub(super) fn of(
        split: Split,
        classes: &[String],
        pairs: &[(u32, u32)],
        columns: &[usize],
    ) -> Option<MatchedConfusion> {
        (classes.len() <= MatchedConfusion::MOST_CLASSES).then(|| MatchedConfusion {
            split,
            classes: classes.to_vec(),
            images: Confusion::count(pairs.iter().copied()),
            matched: columns.iter().map(|class| *class as u32).collect(),
        })
    }

    /// True for a cell that the labels' own names make wrong, and what they seem to mean right.
    pub fn is_moved(&self, truth: usize, predicted: usize) -> bool {
        let matched = self.matched.get(truth).map(|class| *class as usize);
        truth != predicted && matched == Some(predicted)
    }
}

/// What was found, in words for a beginner, with the numbers and pictures behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// A stable name: `duplicates-across-splits`.
    #[serde(deserialize_with = "name")]
    pub id: Name,
    pub severity: Severity,
    /// The cause of a gap that it speaks for; none for a plain fact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    pub title: String,
    pub measured: String,
    pub why: String,
    pub remedy: String,
    pub false_alarm: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Pictures>,
    /// Of the properties of the images that it names, the strongest first: each by split, in the same bars.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub histograms: Vec<PropertySummary>,
    /// What is taken for what, where labels are permuted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<MatchedConfusion>,
    /// Every image that a remedy would set aside, by its path below the dataset's folder; empty where it is about none, or
    /// about more than a run can be told of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// What the class numbers of held-out images seem to mean, where they are permuted.
    #[serde(default, skip_serializing_if = "ClassMap::is_none")]
    pub class_map: ClassMap,
    /// Position in the model's list of layers, from 0, where a layer is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
}

impl Finding {
    /// A finding without cause, numbers or pictures, which are added to it.
    pub(super) fn new(id: &'static str, severity: Severity, title: impl Into<String>) -> Finding {
        Finding {
            id,
            severity,
            cause: None,
            title: title.into(),
            measured: String::new(),
            why: String::new(),
            remedy: String::new(),
            false_alarm: String::new(),
            evidence: Vec::new(),
            pictures: Vec::new(),
            histograms: Vec::new(),
            confusion: None,
            images: Vec::new(),
            class_map: ClassMap::default(),
            layer: None,
        }
    }

    /// Names every image behind it for a remedy, unless they are more than a run can be told of.
    pub(super) fn name_images(&mut self, images: Vec<String>) {
        if images.len() <= MOST_WITHOUT {
            self.images = images;
        }
    }

    /// True where it says that the figures are not those of what was learnt: right and wrong were counted wrongly, or
    /// evaluation mode undoes it.
    pub fn breaks_evaluation(&self) -> bool {
        self.severity == Severity::Problem
            && matches!(
                self.cause,
                Some(Cause::EvaluationBug | Cause::LabelMapMismatch | Cause::BnEvalDiscrepancy)
            )
    }
}

/// What a look gives: findings, and what could not be looked at, in sentences for the user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub findings: Vec<Finding>,
    pub not_checked: Vec<String>,
}

impl Found {
    pub(super) fn extend(&mut self, other: Found) {
        self.findings.extend(other.findings);
        self.not_checked.extend(other.not_checked);
    }
}

/// Reads a name back from a stored document. Each is kept once, for good: they are this program's own, so there are few.
fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Name, D::Error> {
    static NAMES: Mutex<BTreeSet<Name>> = Mutex::new(BTreeSet::new());
    let text = String::deserialize(from)?;
    // The set is whole at every step, so a panic elsewhere leaves it usable.
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(text.as_str()) {
        return Ok(known);
    }
    if names.len() >= MOST_NAMES {
        return Err(serde::de::Error::custom("too many different names"));
    }
    let kept: Name = text.leak();
    names.insert(kept);
    Ok(kept)
}

/// The worst first; equally bad ones keep their order.
pub(super) fn rank(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
}

/// "1 image", "12 images"
pub(super) fn counted(n: usize, one: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else if let Some(stem) = one.strip_suffix("ss") {
        format!("{n} {stem}sses")
    } else {
        format!("{n} {one}s")
    }
}

/// A list for a sentence, cut after `most`: "a, b and 3 more".
pub(super) fn some_of<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    match (names.len() - shown.len(), &shown[..]) {
        (0, [.., before, last]) => {
            let start = shown[..shown.len() - 2]
                .iter()
                .map(|name| format!("{name}, "))
                .collect::<String>();
            format!("{start}{before} and {last}")
        }
        (0, _) => shown.join(", "),
        (more, _) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_counts_read_like_sentences() {
        assert_eq!(some_of(&["a"], 3), "a");
        assert_eq!(some_of(&["a", "b", "c"], 3), "a, b and c");
        assert_eq!(some_of(&["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(some_of::<&str>(&[], 2), "");
        assert_eq!(counted(1, "class"), "1 class");
        assert_eq!(counted(2, "class"), "2 classes");
        assert_eq!(counted(0, "image"), "0 images");
    }

    #[test]
    fn a_stored_finding_is_read_back_as_it_was() {
        let mut finding = Finding::new("blank-images", Severity::Note, "Some pictures are blank");
        finding.cause = Some(Cause::LabelNoise);
        finding.evidence.push(Evidence {
            statement: "two".to_owned(),
            statistic: "count",
            value: Some(2.0),
            threshold: None,
            p: Some(0.01),
            reference: "nobody",
        });
        finding.images = vec!["a.png".to_owned()];
        finding.class_map.val = vec![1, 0];
        let names = ["a".to_owned(), "b".to_owned()];
        finding.confusion = MatchedConfusion::of(Split::Val, &names, &[(0, 1), (1, 0)], &[1, 0]);
        for finding in [finding, Finding::new("odd", Severity::Problem, "")] {
            let text = serde_json::to_string(&finding).unwrap();
            assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), finding);
        }
    }

    #[test]
    fn a_matrix_marks_what_moved_and_is_left_out_of_many_classes() {
        let names: Vec<String> = (0..41).map(|class| class.to_string()).collect();
        let pairs = [(0, 1), (0, 1), (1, 0), (2, 2)];
        let of = |classes| MatchedConfusion::of(Split::Val, classes, &pairs, &[1, 0, 2]);
        let matrix = of(&names[..3]).unwrap();
        assert_eq!(matrix.images.0, [(0, 1, 2), (1, 0, 1), (2, 2, 1)]);
        assert!(matrix.is_moved(0, 1) && matrix.is_moved(1, 0));
        // A class that keeps its name has not moved, and what was confused otherwise is no part of the map.
        assert!(!matrix.is_moved(2, 2) && !matrix.is_moved(0, 2));
        assert_eq!(of(&names), None);
    }

    #[test]
    fn causes_have_the_documents_ids() {
        for cause in [Cause::BnEvalDiscrepancy, Cause::NoSignal, Cause::Leakage] {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.name());
        }
    }
}
