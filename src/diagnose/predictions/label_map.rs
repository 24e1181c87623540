//! Are right answers only filed under wrong names? Matching of labels with predictions, confirmed on the other half.

use super::{Pair, Predictions};
use crate::data::Random;
use crate::diagnose::finding::{
    Cause, Evidence, Finding, Found, MatchedConfusion, Severity, counted, some_of,
};
use crate::diagnose::gates::{Answer, beats_guessing, beside_guessing, p_value, percent};
use crate::diagnose::statistics::{Assignment, assign, mcnemar_exact, permutation_p, upper_tail};
use crate::run::Split;
use rayon::prelude::*;

/// More classes are not matched: each of hundreds of random tables costs their third power.
const MOST_CLASSES: usize = 128;
/// Images that the null is drawn from at most.
const MOST_IMAGES: usize = 20_000;
/// Below this probability of chance a map is believed.
const P: f64 = 0.01;
/// Fewer images a class leave too few to fit a map on one half and try it on the other.
const LEAST_A_CLASS: usize = 4;

/// A network that gets so much less of its training images right than the renamed ones has not learnt those names (ours).
const LESS_TRAINED: f64 = 0.1;

/// What matching labels with predictions gives.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LabelMap {
    /// The predicted class that each label is matched with.
    pub columns: Vec<usize>,
    /// Share of right answers as scored, and after matching on the same images.
    pub accuracy: f64,
    pub matched: f64,
    /// 99th percentile of `matched` where predictions know nothing, with the same margins; and p.
    pub null_99: f64,
    pub p: f64,
    /// Share of right answers under a map that the other half of the images gave.
    pub confirmed: f64,
    /// McNemar's p-value of that map against the labels as they are, where it is better.
    pub confirmed_p: f64,
}

impl LabelMap {
    /// True where a map other than the given one is better than both chance and the given one, on images it was not
    /// fitted to.
    pub fn is_permuted(&self) -> bool {
        self.p < P && self.confirmed_p < P && self.confirmed > self.accuracy
    }
}

/// A map that one half of the images gives, tried on the other half, both ways.
struct Confirmation {
    /// Images that are right under such a map.
    by_map: usize,
    /// McNemar's against the labels as they are, where the map is better; 1 where not.
    p: f64,
}

fn confirm(mixed: &[Pair], classes: usize) -> Option<Confirmation> {
    let (one, other) = mixed.split_at(mixed.len() / 2);
    let (mut only_map, mut only_given, mut by_map) = (0, 0, 0);
    for (fitted_on, tried_on) in [(one, other), (other, one)] {
        let map = fit(fitted_on, classes)?.columns;
        for (label, given) in tried_on {
            let mapped = map[*label as usize] == *given as usize;
            by_map += usize::from(mapped);
            only_map += u32::from(mapped && label != given);
            only_given += u32::from(!mapped && label == given);
        }
    }
    let p = if only_map > only_given {
        mcnemar_exact(only_map, only_given)
    } else {
        1.0
    };
    Some(Confirmation { by_map, p })
}

fn mixed(pairs: &[Pair], seed: u64) -> Vec<Pair> {
    let mut mixed = pairs.to_vec();
    Random::new(seed, 0).shuffle(&mut mixed);
    mixed
}

/// Matches labels with predictions. None without images, with one class, or with more classes than are matched.
pub fn label_map(pairs: &[Pair], classes: usize, seed: u64) -> Option<LabelMap> {
    if pairs.len() < 2 || !(2..=MOST_CLASSES).contains(&classes) {
        return None;
    }
    let n = pairs.len() as f64;
    let right = |pairs: &[Pair]| pairs.iter().filter(|(l, p)| l == p).count();
    let matched = fit(pairs, classes)?;

    let mixed = mixed(pairs, seed);
    let confirmed = confirm(&mixed, classes)?;

    let draws = (300_000_000 / classes.pow(3)).clamp(99, 999);
    let drawn_from = &mixed[..mixed.len().min(MOST_IMAGES)];
    let mut null: Vec<f64> = (0..draws)
        .into_par_iter()
        .filter_map(|draw| {
            let mut given: Vec<u32> = drawn_from.iter().map(|(_, p)| *p).collect();
            Random::new(seed, 1 + draw as u64).shuffle(&mut given);
            let pairs: Vec<Pair> = drawn_from.iter().map(|(l, _)| *l).zip(given).collect();
            Some(fit(&pairs, classes)?.total as f64 / pairs.len() as f64)
        })
        .collect();
    null.sort_by(f64::total_cmp);
    let share = matched.total as f64 / n;
    let reached = null.iter().filter(|x| **x >= share).count();
    Some(LabelMap {
        columns: matched.columns,
        accuracy: right(pairs) as f64 / n,
        matched: share,
        null_99: null[(null.len() * 99 / 100).min(null.len() - 1)],
        p: permutation_p(reached, draws),
        confirmed: confirmed.by_map as f64 / n,
        confirmed_p: confirmed.p,
    })
}

fn fit(pairs: &[Pair], classes: usize) -> Option<Assignment> {
    let mut table = vec![vec![0; classes]; classes];
    for (label, given) in pairs {
        table[*label as usize][*given as usize] += 1;
    }
    // A label whose images nobody has seen keeps its name.
    for (class, row) in table.iter_mut().enumerate() {
        for (other, count) in row.iter_mut().enumerate() {
            *count = *count * (classes as u32 + 1) + u32::from(class == other);
        }
    }
    let mut found = assign(&table)?;
    let own = found
        .columns
        .iter()
        .enumerate()
        .filter(|(l, p)| l == *p)
        .count() as i64;
    found.total = (found.total - own) / (classes as i64 + 1);
    Some(found)
}

/// Looks whether one split's labels are permuted, or says why that cannot be told. `trained` is the training accuracy, where it
/// is known.
///
/// A network that has not learnt its training images gives each class some answer or other, and the same in every split: such a
/// renaming is the network's own, and no mistake of the split's labels.
pub(super) fn look(
    predictions: &Predictions,
    split: Split,
    trained: Option<f64>,
    seed: u64,
) -> Found {
    let (pairs, classes) = (predictions.of(split), predictions.classes.len());
    let mut found = Found::default();
    if pairs.is_empty() || classes < 2 {
        return found;
    }
    let untold = |why: String| format!("Whether the {} labels are permuted: {why}.", split.word());
    if classes > MOST_CLASSES {
        found.not_checked.push(untold(format!(
            "more than {MOST_CLASSES} classes are not matched"
        )));
        return found;
    }
    // The null costs hundreds of matchings, and only a map that the other half confirms needs it.
    let map = confirm(&mixed(pairs, seed), classes)
        .filter(|confirmed| confirmed.p < P)
        .and_then(|_| label_map(pairs, classes, seed))
        .filter(LabelMap::is_permuted);
    let map = match map {
        Some(map) if trained.is_none_or(|trained| trained >= map.confirmed - LESS_TRAINED) => {
            found.findings.push(finding(predictions, split, &map));
            return found;
        }
        map => map,
    };
    if map.is_some() {
        found.not_checked.push(untold(
            "the network gets fewer of its training images right than it would there with the classes renamed, so the order \
             is not that of labels"
                .to_owned(),
        ));
    } else if pairs.len() < LEAST_A_CLASS * classes {
        found.not_checked.push(untold(format!(
            "{} are too few for {classes} classes",
            counted(pairs.len(), "image")
        )));
    } else if let beside @ (Answer::Weak | Answer::No) = beside_chance(predictions, split) {
        found.not_checked.push(untold(format!(
            "the network is {} there, and then no order of the classes can be seen",
            beside_guessing(beside)
        )));
    }
    found
}

/// Whether right answers are more than luck: above max(1/K, share of the commonest class).
fn beside_chance(predictions: &Predictions, split: Split) -> Answer {
    let (right, n) = predictions.right(split);
    let mut labels = vec![0_u32; predictions.classes.len()];
    for (label, _) in predictions.of(split) {
        labels[*label as usize] += 1;
    }
    let commonest = f64::from(labels.iter().copied().max().unwrap_or(0)) / f64::from(n.max(1));
    beats_guessing(upper_tail(
        right,
        n,
        commonest.max(1.0 / labels.len() as f64),
    ))
}

fn finding(predictions: &Predictions, split: Split, map: &LabelMap) -> Finding {
    let names = &predictions.classes;
    let moved: Vec<(usize, usize)> = map
        .columns
        .iter()
        .copied()
        .enumerate()
        .filter(|(label, given)| {
            label != given
                && predictions
                    .of(split)
                    .iter()
                    .any(|(l, p)| (*l as usize, *p as usize) == (*label, *given))
        })
        .collect();
    let told: Vec<String> = moved
        .iter()
        .map(|(label, given)| format!("{} → {}", names[*label], names[*given]))
        .collect();
    let shift = shifted_by_one(&moved);
    let mut finding = Finding::new(
        "permuted-labels",
        Severity::Problem,
        format!("The {} labels are permuted", split.word()),
    );
    finding.cause = Some(Cause::LabelMapMismatch);
    finding.confusion = MatchedConfusion::of(split, names, predictions.of(split), &map.columns);
    let meant: Vec<u32> = map.columns.iter().map(|class| *class as u32).collect();
    match split {
        Split::Train => {}
        Split::Val => finding.class_map.val = meant,
        Split::Test => finding.class_map.test = meant,
    }
    finding.measured = format!(
        "As scored, {} of the {} images are right; with the labels renamed ({}) {} are. A renaming that one half of the \
         images gives makes the other half right in {}.{}",
        percent(map.accuracy),
        split.word(),
        some_of(&told, 12),
        percent(map.matched),
        percent(map.confirmed),
        if shift {
            " Every moved class is one place off, as when a class folder is missing in one split and numbers are given by folder order."
        } else {
            ""
        }
    );
    finding.why = format!(
        "The network knows these images; its answers are compared with class numbers that mean other classes in {} than in training. \
         The gap is a mistake in counting, not overfitting.",
        split.word()
    );
    finding.remedy = "Make one sorted list of class names from the training folder and use it for every split; in Keras pass \
                      class_names or classes=, in PyTorch share one class_to_idx."
        .to_owned();
    finding.false_alarm = "Two classes that look alike and are always confused in the same direction can look like a swap: look \
                           at a few of the images."
        .to_owned();
    finding.evidence = vec![
        Evidence {
            statement: format!(
                "Accuracy after matching {}; predictions that know nothing reach {} in one of a hundred cases.",
                percent(map.matched),
                percent(map.null_99)
            ),
            statistic: "accuracy after Hungarian matching",
            value: Some(map.matched),
            threshold: Some(map.null_99),
            p: Some(map.p),
            reference: "Kuhn 1955; null by Monte-Carlo with the same margins",
        },
        Evidence {
            statement: format!(
                "Fitted on one half, the renaming is right on {} of the other (p = {} against the names as they are).",
                percent(map.confirmed),
                p_value(map.confirmed_p)
            ),
            statistic: "McNemar's exact test",
            value: Some(map.confirmed),
            threshold: Some(map.accuracy),
            p: Some(map.confirmed_p),
            reference: "McNemar 1947",
        },
    ];
    finding
}

/// True where at least three classes moved, all by one place in one direction.
fn shifted_by_one(moved: &[(usize, usize)]) -> bool {
    let up = moved.iter().filter(|(l, p)| *p == l + 1).count();
    let down = moved.iter().filter(|(l, p)| p + 1 == *l).count();
    // The ends of the band may be matched anyhow.
    moved.len() >= 3 && up.max(down) + 1 >= moved.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` images of `classes` classes of which a share is classified right, the rest at random; labels renamed by `map`.
    fn scored(n: usize, classes: usize, skill: f64, map: impl Fn(u32) -> u32) -> Vec<Pair> {
        let mut random = Random::new(7, 0);
        (0..n)
            .map(|i| {
                let class = (i % classes) as u32;
                let given = if random.uniform() < skill {
                    class
                } else {
                    random.below(classes) as u32
                };
                (map(class), given)
            })
            .collect()
    }

    #[test]
    fn a_permutation_is_found_whole_and_in_part() {
        let whole = label_map(&scored(90, 9, 0.8, |c| (c + 4) % 9), 9, 1).unwrap();
        assert!(whole.is_permuted() && whole.accuracy < 0.2, "{whole:?}");
        assert_eq!(whole.columns, [5, 6, 7, 8, 0, 1, 2, 3, 4]);
        let swap = |c| match c {
            2 => 3,
            3 => 2,
            c => c,
        };
        let part = label_map(&scored(90, 9, 0.9, swap), 9, 1).unwrap();
        assert!(part.is_permuted() && part.columns[2] == 3, "{part:?}");
        let two = label_map(&scored(90, 2, 0.6, |c| 1 - c), 2, 1).unwrap();
        assert!(two.is_permuted() && two.accuracy < 0.4, "{two:?}");
    }

    #[test]
    fn the_order_of_a_network_that_has_learnt_nothing_is_not_the_labels() {
        let rows = scored(90, 9, 0.6, |c| (c + 4) % 9);
        let rows: Vec<String> = rows.iter().map(|(l, p)| format!("val,{l},{p}")).collect();
        let csv = format!("split,label,prediction\n{}\n", rows.join("\n"));
        let predictions = Predictions::read(csv.as_bytes()).unwrap();
        let of = |trained| look(&predictions, Split::Val, trained, 1);
        let found = of(None).findings;
        assert_eq!(found.len(), 1);
        let matrix = found[0].confusion.as_ref().unwrap();
        let images: u32 = matrix.images.0.iter().map(|(.., n)| n).sum();
        assert_eq!((images, matrix.split), (90, Split::Val));
        assert_eq!(matrix.matched, found[0].class_map.val);
        assert_eq!(of(Some(0.9)).findings.len(), 1);
        let unlearnt = of(Some(0.12));
        assert!(unlearnt.findings.is_empty());
        assert!(unlearnt.not_checked[0].contains("training images"));
    }

    #[test]
    fn right_labels_and_guesses_are_left_alone() {
        for seed in 0..20 {
            for skill in [0.0, 0.3, 0.9, 1.0] {
                let map = label_map(&scored(90, 9, skill, |c| c), 9, seed).unwrap();
                assert!(!map.is_permuted(), "{skill} {map:?}");
            }
        }
        assert_eq!(label_map(&[], 9, 1), None);
        assert_eq!(label_map(&[(0, 0), (0, 0)], 1, 1), None);
    }

    /// The design's own figure for 90 images, nine classes and even margins.
    #[test]
    fn the_null_of_ninety_images_has_its_percentile_at_31_percent() {
        let map = label_map(&scored(90, 9, 0.0, |c| c), 9, 3).unwrap();
        assert!((map.null_99 - 0.311).abs() < 0.025, "{map:?}");
    }
}
