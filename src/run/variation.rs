//! What a run is trained on in place of its dataset as it is: another split, fewer images, other labels.

use super::{FieldError, Split};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Folds at most.
pub const MOST_FOLDS: u32 = 50;
/// Images that one run sets aside at most.
pub const MOST_WITHOUT: usize = 10_000;
/// Bytes of an image's path.
const LONGEST_PATH: usize = 4096;
/// Classes of a map.
const MOST_CLASSES: usize = 65_536;

/// A variation of a dataset, made when the run begins. The images stay where they are, and test images stay test images.
/// What it says is done in the order of its fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Variation {
    /// Images that are set aside, of any split, by their paths below the dataset's folder; at most 10,000.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    #[serde(skip_serializing_if = "ClassMap::is_none")]
    pub class_map: ClassMap,
    pub split: Resplit,
    /// Share of the training images of each class that are trained on: above 0, at most 1. Of one seed, a smaller share is
    /// part of a larger one.
    pub training_share: f64,
    /// The labels of the training images are shuffled among them (Zhang et al. 2017): what is learnt then is learnt by heart.
    pub shuffle_labels: bool,
    /// Of everything that is drawn here; at most 2⁵³ − 1.
    pub seed: u64,
}

impl Default for Variation {
    fn default() -> Self {
        Variation {
            without: Vec::new(),
            class_map: ClassMap::default(),
            split: Resplit::Found,
            training_share: 1.0,
            shuffle_labels: false,
            seed: 1,
        }
    }
}

/// What the class numbers of held-out images mean where they are not those of training: an image of class j, by its split's
/// own numbers, is one of class `map[j]`. Each map names every class once; an empty one leaves the split's labels as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassMap {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub val: Vec<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<u32>,
}

impl ClassMap {
    /// True where every label stays as it is.
    pub fn is_none(&self) -> bool {
        self.val.is_empty() && self.test.is_empty()
    }

    /// The map of a split; empty where its labels stay as they are, as those of training do.
    pub fn of(&self, split: Split) -> &[u32] {
        match split {
            Split::Train => &[],
            Split::Val => &self.val,
            Split::Test => &self.test,
        }
    }
}

/// How training and validation images are divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Resplit {
    /// As the dataset has them.
    #[default]
    Found,
    /// Drawn anew from one pool, class by class, with as many validation images as the dataset has.
    Pooled,
    /// Validation is drawn from the training images, 15 % of each class, and the dataset's own validation images are set
    /// aside.
    #[serde(rename = "within-training")]
    WithinTraining,
    /// One of `of` equal parts of the pool, `number` from 1, is validation.
    Fold {
        number: u32,
        of: u32,
        /// Whole groups, as the dataset has them or as its file names say them, in place of equal parts of each class.
        #[serde(default)]
        by_group: bool,
    },
}

impl Variation {
    /// True where the dataset is taken as it is.
    pub fn is_none(&self) -> bool {
        self.without.is_empty()
            && self.class_map.is_none()
            && self.split == Resplit::Found
            && self.training_share == 1.0
            && !self.shuffle_labels
    }

    /// True where something is drawn by the seed.
    fn draws(&self) -> bool {
        self.split != Resplit::Found || self.training_share < 1.0 || self.shuffle_labels
    }

    /// Every field that is out of its limits.
    pub(super) fn check(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut say = |field: &str, message: String| {
            errors.push(FieldError {
                field: format!("variation.{field}"),
                message,
            });
        };
        if self.without.len() > MOST_WITHOUT {
            say("without", format!("at most {MOST_WITHOUT} images"));
        } else if self.without.iter().any(|path| path.len() > LONGEST_PATH) {
            say(
                "without",
                format!("a path has at most {LONGEST_PATH} bytes"),
            );
        }
        for (field, map) in [
            ("class_map.val", &self.class_map.val),
            ("class_map.test", &self.class_map.test),
        ] {
            if map.len() > MOST_CLASSES || !is_permutation(map) {
                say(
                    field,
                    format!(
                        "names every class once by its number from 0, at most {MOST_CLASSES}: [1, 0, 2] swaps the first two of \
                         three"
                    ),
                );
            }
        }
        if let Resplit::Fold { number, of, .. } = self.split {
            if !(2..=MOST_FOLDS).contains(&of) {
                say("split.of", format!("from 2 to {MOST_FOLDS} folds"));
            } else if !(1..=of).contains(&number) {
                say(
                    "split.number",
                    format!("from 1 to {of}, the number of folds"),
                );
            }
        }
        if !(self.training_share > 0.0 && self.training_share <= 1.0) {
            say(
                "training_share",
                "above 0 and at most 1, such as 0.5".to_owned(),
            );
        }
        if self.seed >= 1 << 53 {
            say("seed", format!("from 0 to {}", (1_u64 << 53) - 1));
        }
        errors
    }
}

/// True where every number below the map's length is in it once.
fn is_permutation(map: &[u32]) -> bool {
    let mut seen = vec![false; map.len()];
    map.iter().all(|class| match seen.get_mut(*class as usize) {
        Some(seen) => !std::mem::replace(seen, true),
        None => false,
    })
}

/// "fold 2 of 5 by groups is validation, 25 % of the training images, seed 1"
impl fmt::Display for Variation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("the dataset as it is");
        }
        let mut parts = Vec::new();
        match self.without.len() {
            0 => {}
            1 => parts.push("without 1 image".to_owned()),
            n => parts.push(format!("without {n} images")),
        }
        let renamed = match (
            self.class_map.val.is_empty(),
            self.class_map.test.is_empty(),
        ) {
            (true, true) => None,
            (false, true) => Some("validation"),
            (true, false) => Some("test"),
            (false, false) => Some("validation and test"),
        };
        parts.extend(renamed.map(|of| format!("classes of {of} renamed")));
        match self.split {
            Resplit::Found => {}
            Resplit::Pooled => {
                parts.push("training and validation drawn anew from one pool".to_owned());
            }
            Resplit::WithinTraining => parts.push("validation drawn from training".to_owned()),
            Resplit::Fold {
                number,
                of,
                by_group,
            } => {
                let by = if by_group { "groups" } else { "classes" };
                parts.push(format!("fold {number} of {of} by {by} is validation"));
            }
        }
        if self.training_share < 1.0 {
            let percent = 100.0 * self.training_share;
            let percent = (percent * 100.0).round() / 100.0;
            parts.push(format!("{percent} % of the training images"));
        }
        if self.shuffle_labels {
            parts.push("training labels shuffled".to_owned());
        }
        if self.draws() {
            parts.push(format!("seed {}", self.seed));
        }
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RunSpec, SpecError};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_variation_reads_as_one_phrase() {
        for (value, phrase) in [
            (json!({}), "the dataset as it is"),
            (json!({"seed": 9}), "the dataset as it is"),
            (
                json!({"training_share": 0.25, "shuffle_labels": true, "seed": 3}),
                "25 % of the training images, training labels shuffled, seed 3",
            ),
            (
                json!({"split": {"kind": "fold", "number": 2, "of": 5, "by_group": true}}),
                "fold 2 of 5 by groups is validation, seed 1",
            ),
            (
                json!({"split": {"kind": "pooled"}}),
                "training and validation drawn anew from one pool, seed 1",
            ),
            (
                json!({"split": {"kind": "within-training"}, "seed": 4}),
                "validation drawn from training, seed 4",
            ),
            (
                json!({"without": ["a.png"], "class_map": {"val": [1, 0], "test": [1, 0]}}),
                "without 1 image, classes of validation and test renamed",
            ),
            (
                json!({"without": ["a.png", "b.png"], "split": {"kind": "pooled"}}),
                "without 2 images, training and validation drawn anew from one pool, seed 1",
            ),
        ] {
            let variation: Variation = serde_json::from_value(value).unwrap();
            assert_eq!(variation.to_string(), phrase);
        }
    }

    #[test]
    fn what_is_wrong_with_a_variation_is_named_by_its_field() {
        for (variation, field) in [
            (json!({"training_share": 0.0}), "variation.training_share"),
            (json!({"training_share": 1.5}), "variation.training_share"),
            (
                json!({"split": {"kind": "fold", "number": 6, "of": 5}}),
                "variation.split.number",
            ),
            (
                json!({"split": {"kind": "fold", "number": 1, "of": 1}}),
                "variation.split.of",
            ),
            (json!({"share": 0.5}), "variation.share"),
            (
                json!({"split": {"kind": "leave-one-out"}}),
                "variation.split",
            ),
            (json!({"seed": 1_u64 << 53}), "variation.seed"),
            (
                json!({"without": vec!["a"; MOST_WITHOUT + 1]}),
                "variation.without",
            ),
            (
                json!({"without": ["a".repeat(LONGEST_PATH + 1)]}),
                "variation.without",
            ),
            (
                json!({"class_map": {"val": [0, 0]}}),
                "variation.class_map.val",
            ),
            (
                json!({"class_map": {"test": [1, 2]}}),
                "variation.class_map.test",
            ),
            (
                json!({"class_map": {"train": [1, 0]}}),
                "variation.class_map",
            ),
        ] {
            let SpecError(errors) =
                RunSpec::from_value(json!({ "variation": variation })).unwrap_err();
            assert!(errors[0].field.starts_with(field), "{errors:?}");
        }
    }

    #[test]
    fn a_spec_without_a_variation_does_not_mention_it() {
        let spec = serde_json::to_value(RunSpec::default()).unwrap();
        assert!(spec.get("variation").is_none());
    }
}
