//! Which pictures are the same: exactly, or nearly. No pair of all is compared with every other.

use super::perceptual_hash::correlation;
use super::portrait::Portrait;
use std::collections::{BTreeMap, HashMap};

/// Hashes that differ in at most this many bits are candidates (ours, not calibrated).
const MOST_BITS: u32 = 4;
/// Candidates whose small pictures correlate at least so are the same picture (ours, not calibrated).
const LEAST_CORRELATION: f64 = 0.99;
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

pub(super) fn copies(portraits: &[Option<Portrait>]) -> Copies {
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
    let mut sets = DisjointSets((0..firsts.len()).collect());
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
                    let (a, b) = (firsts[*one].1, firsts[*other].1);
                    if (a.hash ^ b.hash).count_ones() <= MOST_BITS
                        && sets.root(*one) != sets.root(*other)
                        && correlation(&a.small, &b.small) >= LEAST_CORRELATION
                    {
                        sets.join(*one, *other);
                    }
                }
            }
        }
    }
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
