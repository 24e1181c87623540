//! What a run is trained on in place of its dataset as it is: another split, fewer images, shuffled labels.

use super::FieldError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Folds at most.
pub const MOST_FOLDS: u32 = 50;

/// A variation of a dataset, made when the run begins. The images stay where they are, and test images stay test images.
/// What it says is done in the order of its fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Variation {
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
            split: Resplit::Found,
            training_share: 1.0,
            shuffle_labels: false,
            seed: 1,
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
        self.split == Resplit::Found && self.training_share == 1.0 && !self.shuffle_labels
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

/// "fold 2 of 5 by groups is validation, 25 % of the training images, seed 1"
impl fmt::Display for Variation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("the dataset as it is");
        }
        match self.split {
            Resplit::Found => {}
            Resplit::Pooled => {
                f.write_str("training and validation drawn anew from one pool, ")?;
            }
            Resplit::Fold {
                number,
                of,
                by_group,
            } => {
                let by = if by_group { "groups" } else { "classes" };
                write!(f, "fold {number} of {of} by {by} is validation, ")?;
            }
        }
        if self.training_share < 1.0 {
            let percent = 100.0 * self.training_share;
            let percent = (percent * 100.0).round() / 100.0;
            write!(f, "{percent} % of the training images, ")?;
        }
        if self.shuffle_labels {
            f.write_str("training labels shuffled, ")?;
        }
        write!(f, "seed {}", self.seed)
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
