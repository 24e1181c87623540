//! Do rare classes pay for frequent ones?

use super::Predictions;
use crate::diagnose::finding::{Cause, Evidence, Finding, Severity};
use crate::diagnose::gates::{percent, points};
use crate::run::Split;

/// The rarest training class against the commonest (deepchecks' default).
const RAREST: f64 = 0.1;
/// The number of even classes that training is worth, against the number of classes.
const PERPLEXITY: f64 = 0.5;
/// Plain accuracy may be this much above the mean over classes.
const FLATTERED: f64 = 0.10;

/// True where the training classes are so uneven that guessing the common ones pays.
pub(super) fn uneven(counts: &[u32]) -> bool {
    measure(counts).is_some_and(|(rarest, perplexity)| rarest < RAREST || perplexity < PERPLEXITY)
}

/// Rarest over commonest class, and the exponential of the entropy over the number of classes.
fn measure(counts: &[u32]) -> Option<(f64, f64)> {
    let all = f64::from(counts.iter().sum::<u32>());
    let most = f64::from(*counts.iter().max()?);
    if counts.len() < 2 || all == 0.0 {
        return None;
    }
    let least = f64::from(*counts.iter().min()?);
    let entropy: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let p = f64::from(*count) / all;
            -p * p.ln()
        })
        .sum();
    Some((least / most, entropy.exp() / counts.len() as f64))
}

/// Uneven training classes that show in a held-out split: accuracy is above its mean over the classes.
pub(super) fn finding(predictions: &Predictions, split: Split) -> Option<Finding> {
    let counts = predictions.class_counts();
    let of = |wanted| counts.iter().find(|(s, _)| *s == wanted).map(|(_, c)| c);
    let train = of(Split::Train)?;
    let labels = of(split)?;
    let (rarest, perplexity) = measure(train)?;
    if !uneven(train) {
        return None;
    }
    let mut right = vec![0_u32; labels.len()];
    for (label, given) in predictions.of(split) {
        right[*label as usize] += u32::from(label == given);
    }
    let recalls: Vec<f64> = right
        .iter()
        .zip(labels)
        .filter(|(_, n)| **n > 0)
        .map(|(right, n)| f64::from(*right) / f64::from(*n))
        .collect();
    let balanced = recalls.iter().sum::<f64>() / recalls.len() as f64;
    let (right, n) = predictions.right(split);
    let plain = f64::from(right) / f64::from(n);
    if plain - balanced <= FLATTERED {
        return None;
    }
    let mut finding = Finding::new(
        "imbalanced-classes",
        Severity::Warning,
        "Frequent classes are learnt at the expense of rare ones",
    );
    finding.cause = Some(Cause::ClassImbalance);
    finding.measured = format!(
        "The commonest training class has {:.0} times the images of the rarest. On {} images {} are right; the mean over the \
         classes is {}.",
        1.0 / rarest.max(1.0 / f64::from(train.iter().sum::<u32>().max(1))),
        split.word(),
        percent(plain),
        percent(balanced)
    );
    finding.evidence = vec![
        Evidence {
            statement: format!(
                "Plain accuracy is {} points above the mean over the classes.",
                points(plain - balanced)
            ),
            statistic: "accuracy − balanced accuracy",
            value: Some(plain - balanced),
            threshold: Some(FLATTERED),
            p: None,
            reference: "Brodersen et al. 2010; ten points are a starting point of ours",
        },
        Evidence {
            statement: format!(
                "Training's classes are worth {} of as many even ones.",
                percent(perplexity)
            ),
            statistic: "rarest / commonest training class",
            value: Some(rarest),
            threshold: Some(RAREST),
            p: None,
            reference: "deepchecks",
        },
    ];
    finding.why =
        "To a loss that counts images, a class with few of them hardly matters; the accuracy hides it as long as validation is as \
         uneven."
            .to_owned();
    finding.remedy = "Weigh the classes in the loss, draw them equally often, or collect more of the rare ones; and judge by the \
                      mean over the classes."
        .to_owned();
    finding.false_alarm =
        "Rare classes may be harder as well as rare, and few images fix their share badly."
            .to_owned();
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Confusion;

    #[test]
    fn a_rare_class_that_is_given_up_is_found_and_one_that_is_learnt_is_not() {
        let with = |rare_right: u32, rare: u32| {
            let train = Confusion(vec![(0, 0, 200), (1, 1, rare)]);
            let val = Confusion(vec![
                (0, 0, 40),
                (1, 0, 10 - rare_right),
                (1, 1, rare_right),
            ]);
            let read = Predictions::of_confusion(&[], &[(Split::Train, train), (Split::Val, val)])
                .unwrap();
            finding(&read, Split::Val)
        };
        let found = with(1, 10).unwrap();
        assert!(found.measured.contains("20 times"), "{}", found.measured);
        assert_eq!(with(9, 10), None);
        assert_eq!(with(1, 190), None, "even classes");
    }
}
