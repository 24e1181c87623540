//! Can a simple model tell which split a picture is of?

use super::kernel::ridge;
use super::sample::Sample;
use super::{FOLDS, SHUFFLES};
use crate::data::Random;
use crate::diagnose::statistics::{Auc, auc, permutation_p};
use crate::run::Split;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Images of each side at most: with so many an area of .55 is told from one half, and the time grows with their cube.
const MOST_IMAGES: usize = 500;

/// A classifier two-sample test of a split against training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoSample {
    pub split: Split,
    /// Images of each side.
    pub images: usize,
    /// Of out-of-fold scores: one half where the splits look alike.
    pub auc: Auc,
    /// Share of shuffles of which picture is of which split that did as well.
    pub p: f64,
}

/// Five-fold, balanced, by the linear model (Lopez-Paz and Oquab 2017). None where there are fewer than ten images.
pub(super) fn compare(samples: &[Sample; 3], split: Split, seed: u64) -> Option<TwoSample> {
    let (train, other) = (&samples[0], &samples[split as usize]);
    let n = train.len().min(other.len()).min(MOST_IMAGES);
    if n < 2 * FOLDS {
        return None;
    }
    let mut rows: Vec<(&[f32], bool)> = train.rows[..n].iter().map(|r| (&r[..], false)).collect();
    rows.extend(other.rows[..n].iter().map(|r| (&r[..], true)));
    Random::new(seed, 0).shuffle(&mut rows);
    let folds: Vec<_> = (0..FOLDS)
        .into_par_iter()
        .map(|k| {
            let (scored, fitted): (Vec<usize>, Vec<usize>) =
                (0..rows.len()).partition(|at| at % FOLDS == k);
            let of = |which: &[usize]| which.iter().map(|at| rows[*at].0).collect::<Vec<_>>();
            let influence = ridge(&of(&fitted), &of(&scored));
            (scored, fitted, influence)
        })
        .collect();
    let area = |sides: &[bool]| {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (scored, fitted, influence) in &folds {
            let weights: Vec<f64> = fitted
                .iter()
                .map(|at| if sides[*at] { 1.0 } else { -1.0 })
                .collect();
            for (at, score) in scored.iter().zip(influence.weigh(&weights)) {
                if sides[*at] {
                    second.push(score)
                } else {
                    first.push(score)
                }
            }
        }
        auc(&first, &second)
    };
    let sides: Vec<bool> = rows.iter().map(|(_, side)| *side).collect();
    let found = area(&sides)?;
    let reached = (0..SHUFFLES)
        .into_par_iter()
        .filter(|shuffle| {
            let mut shuffled = sides.clone();
            Random::new(seed, 1 + *shuffle as u64).shuffle(&mut shuffled);
            area(&shuffled).is_some_and(|a| a.value >= found.value)
        })
        .count();
    Some(TwoSample {
        split,
        images: n,
        auc: found,
        p: permutation_p(reached, SHUFFLES),
    })
}
