//! Were the splits cut from files in order, unshuffled?

use super::Gallery;
use crate::data::Random;
use crate::data::names::natural;
use crate::diagnose::finding::{Cause, Evidence, Finding, Severity};
use crate::diagnose::gates::p_value;
use crate::diagnose::statistics::{permutation_p, runs_test};
use std::collections::{BTreeMap, HashSet};

/// Random orders that are drawn where there are many images, and the images drawn in all of them together.
const DRAWS: usize = 499;
const MOST_DRAWN: usize = 50_000_000;
const P: f64 = 0.01;
/// Reported where there are at most this share of the stretches that a random order has.
const STRETCHES: f64 = 0.5;
/// Where this share of a class's names stands in two splits, each split has numbers of its own, and order tells nothing.
const REPEATED: f64 = 0.02;

/// Within each class the files are put into the order of their names, and the stretches of one split are counted (Wald and
/// Wolfowitz 1940), over all classes together against random orders.
pub(super) fn finding(gallery: &Gallery, notes: &mut Vec<String>) -> Option<Finding> {
    let entries = &gallery.dataset.index.entries;
    let mut by_class: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        by_class.entry(entry.label).or_default().push(at);
    }
    let mut sequences: Vec<Vec<u32>> = Vec::new();
    let (mut repeated, mut all) = (0, 0);
    for members in by_class.values() {
        let mut named: Vec<(Vec<(u64, String)>, u32)> = members
            .iter()
            .map(|at| (natural(&entries[*at].path), entries[*at].split as u32))
            .collect();
        named.sort();
        let different: HashSet<&Vec<(u64, String)>> = named.iter().map(|(name, _)| name).collect();
        repeated += named.len() - different.len();
        all += named.len();
        sequences.push(named.into_iter().map(|(_, split)| split).collect());
    }
    if repeated as f64 > REPEATED * all as f64 {
        notes.push("File names repeat between the splits, so their order tells nothing of how they were split.".to_owned());
        return None;
    }
    let count = |sequences: &[Vec<u32>]| {
        sequences
            .iter()
            .filter_map(|s| runs_test(s))
            .fold((0, 0.0), |(runs, expected), r| {
                (runs + r.runs, expected + r.expected)
            })
    };
    let (runs, expected) = count(&sequences);
    if expected == 0.0 || runs as f64 > STRETCHES * expected {
        return None;
    }
    let draws = (MOST_DRAWN / all.max(1)).clamp(99, DRAWS);
    let mut random = Random::new(gallery.seed, 0);
    let reached = (0..draws)
        .filter(|_| {
            sequences.iter_mut().for_each(|s| random.shuffle(s));
            count(&sequences).0 <= runs
        })
        .count();
    let p = permutation_p(reached, draws);
    if p > P {
        return None;
    }
    let mut finding = Finding::new(
        "split-follows-file-order",
        Severity::Warning,
        "The splits were cut from the files in order",
    );
    finding.cause = Some(Cause::OrderedSplit);
    finding.measured = format!(
        "In the order of their names the files change {} times from one stretch of a split to the next; shuffled they would {:.0} times.",
        runs, expected
    );
    finding.why = "If neighbouring files are alike (one recording session, one video, one patient), training and the other splits \
                   are of different sessions, and the network is asked about sessions it never saw."
        .to_owned();
    finding.remedy = "Shuffle before splitting; or, if sessions are what it must generalise over, split by session on purpose.".to_owned();
    finding.false_alarm = "The numbers in the names were given at random.".to_owned();
    finding.evidence.push(Evidence {
        statement: format!(
            "{runs} stretches against {expected:.0} in random order (p = {}).",
            p_value(p)
        ),
        statistic: "runs test within each class",
        value: Some(runs as f64 / expected),
        threshold: Some(STRETCHES),
        p: Some(p),
        reference: "Wald and Wolfowitz 1940, by permutation",
    });
    Some(finding)
}
