//! What a column of somebody else's history means, told from its name.

use crate::run::Split;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Metric {
    Loss,
    Accuracy,
    /// How many images are behind the accuracy.
    Images,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Epoch,
    Step,
    Figure {
        split: Split,
        metric: Metric,
        /// The name says that it is the whole epoch's figure.
        whole_epoch: bool,
        /// The name says `train`, where Keras writes nothing.
        named_split: bool,
    },
}

/// `train_loss`, `val_acc`, Keras' `loss` and `sparse_categorical_accuracy`, Lightning's `train_loss_epoch`, `valid/acc`;
/// None for anything else, a single step's figures among it.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    let lower = name.trim().to_lowercase();
    let parts: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect();
    match parts[..] {
        ["epoch" | "epochs"] => return Some(Meaning::Epoch),
        ["step" | "global"] | ["global", "step"] => return Some(Meaning::Step),
        _ => {}
    }
    let (parts, whole_epoch) = match parts[..] {
        [ref before @ .., "epoch"] => (before, true),
        _ => (&parts[..], false),
    };
    let (split, metric) = match parts {
        [first, rest @ ..] => match split(first) {
            Some(split) => (Some(split), rest),
            None => match (parts.split_last(), parts) {
                // `loss_val`, `accuracy/train`
                (Some((last, before)), _) if self::split(last).is_some() && !before.is_empty() => {
                    (self::split(last), before)
                }
                _ => (None, parts),
            },
        },
        [] => return None,
    };
    Some(Meaning::Figure {
        split: split.unwrap_or(Split::Train),
        metric: self::metric(metric, split.is_some())?,
        whole_epoch,
        named_split: split.is_some(),
    })
}

/// The split that a word means, in lower case.
pub(in crate::diagnose) fn split(word: &str) -> Option<Split> {
    match word {
        "train" | "training" | "tr" => Some(Split::Train),
        "val" | "valid" | "validation" | "dev" => Some(Split::Val),
        "test" | "testing" => Some(Split::Test),
        _ => None,
    }
}

fn metric(parts: &[&str], named_split: bool) -> Option<Metric> {
    match parts {
        ["loss" | "nll" | "ce"] | ["cross", "entropy"] | ["nll" | "ce", "loss"] => {
            Some(Metric::Loss)
        }
        ["acc" | "accuracy" | "acc1" | "top1"]
        | [
            "sparse" | "multiclass" | "binary" | "categorical",
            "accuracy",
        ]
        | ["sparse", "categorical", "accuracy"]
        | ["top", "1"]
        | ["top1" | "top", "acc" | "accuracy"]
        | ["top", "1", "acc" | "accuracy"] => Some(Metric::Accuracy),
        ["n" | "images" | "samples"] if named_split => Some(Metric::Images),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keras_lightning_and_plain_tables_are_understood() {
        use Metric::*;
        for (name, split, metric) in [
            ("loss", Split::Train, Loss),
            ("accuracy", Split::Train, Accuracy),
            ("sparse_categorical_accuracy", Split::Train, Accuracy),
            ("val_sparse_categorical_accuracy", Split::Val, Accuracy),
            ("val_loss", Split::Val, Loss),
            ("train_loss_epoch", Split::Train, Loss),
            ("Train/Loss", Split::Train, Loss),
            ("valid-acc", Split::Val, Accuracy),
            ("validation accuracy", Split::Val, Accuracy),
            ("test_acc", Split::Test, Accuracy),
            ("loss/val", Split::Val, Loss),
            ("val_n", Split::Val, Images),
        ] {
            let found = meaning(name);
            let Some(Meaning::Figure {
                split: s,
                metric: m,
                ..
            }) = found
            else {
                panic!("{name}: {found:?}");
            };
            assert_eq!((s, m), (split, metric), "{name}");
        }
        assert_eq!(meaning(" Epoch "), Some(Meaning::Epoch));
        for other in [
            "lr",
            "train_loss_step",
            "running_loss",
            "val_f1",
            "n",
            "",
            "top_5_accuracy",
            "val_correct",
        ] {
            assert_eq!(meaning(other), None, "{other}");
        }
    }
}
