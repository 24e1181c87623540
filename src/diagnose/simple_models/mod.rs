//! What simple models can learn from the pictures, within each split and from training to the others: is there a signal, and
//! does it carry over? Nothing of the user's network is needed.

mod kernel;
mod permuted;
mod sample;
mod two_sample;
mod verdicts;

pub use two_sample::TwoSample;

use super::audit::AuditError;
use super::finding::{Finding, rank};
use super::predictions::Pair;
use super::statistics::{permutation_p, upper_tail};
use crate::data::{Dataset, OnProgress, Random};
use crate::run::Split;
use kernel::{Scores, nearest, ridge};
use rayon::prelude::*;
use sample::{Sample, samples};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shuffles of the labels that a p-value is told from.
const SHUFFLES: usize = 199;
const FOLDS: usize = 5;
/// Steps of the progress: two models fitted and scored five ways, training again with fewer images, two two-sample tests.
const FITS: u64 = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SimpleModel {
    /// Least squares with a ridge on 16 × 16 gray pixels and the pictures' properties.
    Linear,
    /// The five nearest training pictures by the same numbers.
    NearestNeighbours,
}

/// A simple model's accuracy on images that it was not fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    pub model: SimpleModel,
    pub fitted_on: Split,
    /// The same split: by five-fold cross-validation.
    pub scored_on: Split,
    /// Images fitted on, after drawing at random where there are many.
    pub fitted: usize,
    pub scored: usize,
    pub accuracy: f64,
    /// Mean accuracy with the labels shuffled.
    pub chance: f64,
    /// Share of shuffles that did as well.
    pub p: f64,
    /// The smallest true accuracy that so many images tell from chance at p < .01 in four of five cases.
    pub detectable: f64,
}

impl Scored {
    fn is_above_chance(&self) -> bool {
        self.p < 0.01
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimpleModels {
    pub scored: Vec<Scored>,
    /// Can validation and test pictures be told from training's?
    pub two_sample: Vec<TwoSample>,
    pub findings: Vec<Finding>,
}

/// Fits the simple models: seconds, whatever the dataset's size, after its pictures have been read once. Seeded; ends soon
/// after `cancel` is set. Of the progress one half is for reading, the other for fitting.
pub fn simple_models(
    dataset: &Dataset,
    seed: u64,
    progress: OnProgress,
    cancel: &AtomicBool,
) -> Result<SimpleModels, AuditError> {
    let go_on = || match cancel.load(Ordering::Relaxed) {
        true => Err(AuditError::Cancelled),
        false => Ok(()),
    };
    let images = dataset.index.entries.len() as u64;
    let samples = samples(dataset, seed, &|done, of| progress(done, 2 * of), cancel);
    go_on()?;
    let fits = AtomicU64::new(0);
    let fitted = || {
        let done = (fits.fetch_add(1, Ordering::Relaxed) + 1).min(FITS);
        progress(images + images * done / FITS, 2 * images);
        go_on()
    };
    let mut scored = Vec::new();
    let mut transfers = Vec::new();
    for model in [SimpleModel::Linear, SimpleModel::NearestNeighbours] {
        for fitted_on in Split::ALL {
            for scored_on in [fitted_on, Split::Val, Split::Test] {
                let twice = scored_on == fitted_on
                    && scored.iter().any(|s: &Scored| {
                        (s.model, s.fitted_on, s.scored_on) == (model, fitted_on, scored_on)
                    });
                if twice || (fitted_on != Split::Train && scored_on != fitted_on) {
                    continue;
                }
                let (from, to) = (&samples[fitted_on as usize], &samples[scored_on as usize]);
                if let Some((score, pairs)) = score(model, (fitted_on, from), (scored_on, to), seed)
                {
                    if scored_on != fitted_on {
                        transfers.push((score.clone(), pairs));
                    }
                    scored.push(score);
                }
                fitted()?;
            }
        }
    }
    // Training again with as few images as validation has: are those enough for these models at all?
    let few = samples[Split::Val as usize].len();
    let train = samples[Split::Train as usize].first(few);
    let mut reference = Vec::new();
    for model in [SimpleModel::Linear, SimpleModel::NearestNeighbours] {
        let within = score(model, (Split::Train, &train), (Split::Train, &train), seed);
        reference.extend(within.map(|(score, _)| score));
        fitted()?;
    }
    let mut two_sample = Vec::new();
    for split in [Split::Val, Split::Test] {
        two_sample.extend(two_sample::compare(&samples, split, seed));
        fitted()?;
    }
    let classes = &dataset.index.classes;
    let permuted: Vec<(Split, Finding)> = [Split::Val, Split::Test]
        .into_iter()
        .filter_map(|split| Some((split, permuted::finding(&transfers, split, classes, seed)?)))
        .collect();
    go_on()?;
    let told: Vec<Split> = permuted.iter().map(|(split, _)| *split).collect();
    let mut findings: Vec<Finding> = permuted.into_iter().map(|(_, finding)| finding).collect();
    findings.extend(verdicts::findings(&scored, &reference, &two_sample, &told));
    rank(&mut findings);
    Ok(SimpleModels {
        scored,
        two_sample,
        findings,
    })
}

/// With the label and the given class of each scored image. None where there are too few images, or one class.
fn score(
    model: SimpleModel,
    (fitted_on, from): (Split, &Sample),
    (scored_on, to): (Split, &Sample),
    seed: u64,
) -> Option<(Scored, Vec<Pair>)> {
    let within = fitted_on == scored_on;
    let classes = from.classes();
    if from.len() < 2 * FOLDS || to.len() == 0 || classes < 2 {
        return None;
    }
    // For each part of the scored images: their numbers, the numbers of those fitted on, and the influence of these on them.
    let parts: Vec<(Vec<usize>, Vec<usize>)> = if within {
        let fold = |at: &usize| at % FOLDS;
        (0..FOLDS)
            .map(|k| (0..from.len()).partition(|at| fold(at) == k))
            .collect()
    } else {
        vec![((0..to.len()).collect(), (0..from.len()).collect())]
    };
    let influence: Vec<Scores> = parts
        .par_iter()
        .map(|(scored, fitted)| match model {
            SimpleModel::Linear => ridge(&from.rows(fitted), &to.rows(scored)),
            SimpleModel::NearestNeighbours => nearest(&from.rows(fitted), &to.rows(scored)),
        })
        .collect();
    let answers = |labels: &[u32]| -> Vec<Pair> {
        parts
            .iter()
            .zip(&influence)
            .flat_map(|((scored, fitted), influence)| {
                let of_fitted: Vec<u32> = fitted.iter().map(|at| labels[*at]).collect();
                let given = influence.classify(&of_fitted, classes);
                let truth = |at: usize| if within { labels[at] } else { to.labels[at] };
                scored
                    .iter()
                    .zip(given)
                    .map(|(at, given)| (truth(*at), given))
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let right = |pairs: &[Pair]| pairs.iter().filter(|(label, given)| label == given).count();
    let pairs = answers(&from.labels);
    let found = right(&pairs);
    let null: Vec<usize> = (0..SHUFFLES)
        .into_par_iter()
        .map(|shuffle| {
            let mut labels = from.labels.clone();
            Random::new(seed, shuffle as u64).shuffle(&mut labels);
            right(&answers(&labels))
        })
        .collect();
    let n = to.len();
    let chance = null.iter().sum::<usize>() as f64 / (SHUFFLES * n) as f64;
    let score = Scored {
        model,
        fitted_on,
        scored_on,
        fitted: from.len(),
        scored: n,
        accuracy: found as f64 / n as f64,
        chance,
        p: permutation_p(null.iter().filter(|x| **x >= found).count(), SHUFFLES),
        detectable: detectable(n as u32, chance.clamp(1e-3, 0.999)),
    };
    Some((score, pairs))
}

/// The smallest accuracy that the exact binomial test at .01 finds with 80 % power in `n` images.
fn detectable(n: u32, chance: f64) -> f64 {
    let Some(critical) = (0..=n).find(|k| upper_tail(*k, n, chance) < 0.01) else {
        return 1.0;
    };
    let (mut low, mut high) = (chance, 1.0);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if upper_tail(critical, n, middle) < 0.8 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::detectable;

    #[test]
    fn ninety_images_of_nine_classes_show_an_accuracy_of_a_quarter() {
        let least = detectable(90, 1.0 / 9.0);
        assert!((0.2..0.27).contains(&least), "{least}");
        assert_eq!(detectable(1, 0.5), 1.0);
    }
}
