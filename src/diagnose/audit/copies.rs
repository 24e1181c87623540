//! Which pictures are the same: exactly, or nearly. No pair of all is compared with every other.

use super::detail::{LEAST_AGREEMENT, agreement};
use super::perceptual_hash::correlation;
use super::portrait::Portrait;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Hashes that differ in at most this many bits are candidates (ours, not calibrated).
const MOST_BITS: u32 = 4;
/// Candidates whose small pictures correlate at least so are suspects (ours, not calibrated).
const LEAST_CORRELATION: f64 = 0.99;
/// Suspects that are looked at finely at most: 16 KB each.
const MOST_SUSPECTS: usize = 10_000;
/// Pictures of one bucket are compared with so many of their neighbours in it: a bucket of thousands is one scene, and
/// copies of one picture chain through it.
const NEIGHBOURS: usize = 256;

/// Pictures in groups of the same: each has at least two members, in rising order; the groups by their first member.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Copies {
    pub exact: Vec<Vec<usize>>,
    /// Not exact, but the same to the eye; a group may hold exact copies as well.
    pub near: Vec<Vec<usize>>,
}

/// `detailed` reads a picture again, finely, by its position; only those are read that may have a near copy, side by side.
pub(super) fn copies(
    portraits: &[Option<Portrait>],
    detailed: impl Fn(usize) -> Option<Vec<f32>> + Sync,
) -> Copies {
    // Flat pictures are all alike and copies of nothing.
    let seen: Vec<(usize, &Portrait)> = portraits
        .iter()
        .enumerate()
        .filter_map(|(i, p)| Some((i, p.as_ref()?)))
        .filter(|(_, p)| !p.is_blank())
        .collect();
    let mut by_digest: HashMap<[u8; 16], Vec<usize>> = HashMap::new();
    for (i, portrait) in &seen {
        by_digest.entry(portrait.digest).or_default().push(*i);
    }
    let mut exact: Vec<Vec<usize>> = by_digest
        .values()
        .filter(|g| g.len() > 1)
        .cloned()
        .collect();
    exact.sort_unstable();

    // One of each exact copy is enough to find what is near.
    let mut firsts: Vec<(usize, &Portrait)> = seen
        .into_iter()
        .filter(|(i, p)| by_digest[&p.digest][0] == *i)
        .collect();
    firsts.sort_by_key(|(i, p)| (p.hash, *i));
    let mut suspects = BTreeSet::new();
    each_pair(&firsts, |one, other| {
        // Pairs of suspects are looked at again below.
        if !(suspects.contains(&one) && suspects.contains(&other))
            && alike(firsts[one].1, firsts[other].1)
        {
            suspects.extend([one, other]);
        }
    });
    let suspects: Vec<usize> = suspects.into_iter().take(MOST_SUSPECTS).collect();
    let details: HashMap<usize, Vec<f32>> = suspects
        .into_par_iter()
        .filter_map(|at| Some((at, detailed(firsts[at].0)?)))
        .collect();
    let mut sets = DisjointSets((0..firsts.len()).collect());
    each_pair(&firsts, |one, other| {
        if let (Some(a), Some(b)) = (details.get(&one), details.get(&other))
            && sets.root(one) != sets.root(other)
            && alike(firsts[one].1, firsts[other].1)
            && agreement(a, b) >= LEAST_AGREEMENT
        {
            sets.join(one, other);
        }
    });
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..firsts.len() {
        groups.entry(sets.root(at)).or_default().push(at);
    }
    let mut near: Vec<Vec<usize>> = groups
        .into_values()
        .filter(|group| group.len() > 1)
        .map(|group| {
            let mut members: Vec<usize> = group
                .into_iter()
                .flat_map(|at| by_digest[&firsts[at].1.digest].clone())
                .collect();
            members.sort_unstable();
            members
        })
        .collect();
    near.sort_unstable();
    Copies { exact, near }
}

/// Hears of every pair whose hashes differ in few bits, some more than once.
fn each_pair(firsts: &[(usize, &Portrait)], mut hear: impl FnMut(usize, usize)) {
    // Of five bands of the hash at least one is equal where at most four bits differ.
    for band in 0..5 {
        let bits = |hash: u64| (hash >> (13 * band)) & 0x1fff;
        let mut buckets: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, (_, portrait)) in firsts.iter().enumerate() {
            buckets.entry(bits(portrait.hash)).or_default().push(at);
        }
        for bucket in buckets.values() {
            for (place, one) in bucket.iter().enumerate() {
                for other in bucket[place + 1..].iter().take(NEIGHBOURS) {
                    let bits = (firsts[*one].1.hash ^ firsts[*other].1.hash).count_ones();
                    if bits <= MOST_BITS {
                        hear(*one, *other);
                    }
                }
            }
        }
    }
}

fn alike(one: &Portrait, other: &Portrait) -> bool {
    correlation(&one.small, &other.small) >= LEAST_CORRELATION
}

/// Union-find with halving of paths.
struct DisjointSets(Vec<usize>);

impl DisjointSets {
    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (a, b) = (self.root(one), self.root(other));
        self.0[a.max(b)] = a.min(b);
    }
}
