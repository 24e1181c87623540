//! The learning-rate range test: a hundred steps from a fresh network while the rate rises.

use super::ahead::TrainingPass;
use super::input::Input;
use super::session::{check, objective};
use super::{TrainError, device, in_pool, order};
use crate::data::Dataset;
use crate::model::{Network, StepError};
use crate::run::{RatePoint, RateTest, RunSpec, Split};

/// Steps, each with a rate of its own.
pub const RATE_STEPS: u32 = 100;
const FIRST: f64 = 1e-7;
const LAST: f64 = 1.0;
/// How much the running loss that says when to stop keeps of itself.
const KEPT: f64 = 0.9;
/// It stops where that loss is so many times its least.
const DIVERGED: f64 = 4.0;
/// Steps to each side that a point is averaged with, nearer ones more.
const REACH: usize = 5;
/// Steps to each side that a slope spans.
const SPAN: usize = 2;
/// A loss that falls by a smaller share of where it began has not learnt.
const LEAST_FALL: f64 = 0.02;

/// Trains the spec's network from its first weights with its optimizer, loss, order and augmentation of images, the rate rising from
/// 10⁻⁷ to 1 by the same factor every step, until the loss diverges. The same spec and images give the same figures.
///
/// `tick` hears of each step and ends the test by false; then there is no result. Only training images are read.
pub fn rate_test(
    spec: &RunSpec,
    dataset: &Dataset,
    threads: usize,
    tick: &mut (dyn FnMut(u32) -> bool + Send),
) -> Result<Option<RateTest>, TrainError> {
    in_pool(threads, || measure(spec, dataset, tick))
}

fn measure(
    spec: &RunSpec,
    dataset: &Dataset,
    tick: &mut (dyn FnMut(u32) -> bool + Send),
) -> Result<Option<RateTest>, TrainError> {
    let plan = check(spec, &dataset.index)?;
    let mut dataset = dataset.varied(&spec.variation)?.into_owned();
    dataset.index.entries.retain(|e| e.split == Split::Train);
    let device = device::open(spec)?;
    let mut input = Input::load(&dataset, &spec.input, &|_, _| ())?;
    input.bring_to(&device)?;
    let batches = input.of(Split::Train);
    let labels = batches.labels();
    let network = Network::new(&plan, spec.train.seed, &device)?.minimising(objective(
        spec,
        labels,
        plan.classes,
    ));
    let mut optimizer = network
        .optimizer(&spec.train.optimizer)
        .clipping(spec.train.clip_norm);

    let mut order = Vec::new();
    for epoch in 1.. {
        order.extend(order::of_epoch(labels, &spec.train, epoch));
        if order.len() >= RATE_STEPS as usize {
            break;
        }
    }
    order.truncate(RATE_STEPS as usize);
    let mut pass = TrainingPass::new(batches, order, spec, 1)?;
    let mut losses: Vec<f64> = Vec::new();
    let (mut running, mut least) = (0.0, f64::INFINITY);
    for step in 0..RATE_STEPS {
        if !tick(step) {
            return Ok(None);
        }
        let Some((images, targets)) = pass.next_batch()? else {
            break;
        };
        let shown = targets.labels.len() as f64;
        let taken = network.step(images, targets, u64::from(step), &mut optimizer, rate(step));
        let loss = match taken {
            Ok(taken) => taken.loss_sum / shown,
            Err(StepError::Diverged { .. }) => break,
            Err(StepError::Candle(error)) => return Err(error.into()),
        };
        losses.push(loss);
        running = KEPT * running + (1.0 - KEPT) * loss;
        let unbiased = running / (1.0 - KEPT.powi(step as i32 + 1));
        least = unbiased.min(least);
        if unbiased > DIVERGED * least {
            break;
        }
    }
    tick(RATE_STEPS);
    Ok(Some(read(&losses)))
}

fn rate(step: u32) -> f64 {
    FIRST * (LAST / FIRST).powf(f64::from(step) / f64::from(RATE_STEPS - 1))
}

/// What the losses of the first steps say.
fn read(losses: &[f64]) -> RateTest {
    let smoothed: Vec<f64> = (0..losses.len()).map(|i| around(losses, i)).collect();
    let points = (0..)
        .zip(losses.iter().zip(&smoothed))
        .map(|(step, (&loss, &smoothed))| RatePoint {
            lr: rate(step),
            loss,
            smoothed,
        })
        .collect();
    let proposed = steepest(&smoothed).map(|step| round(rate(step as u32)));
    let ended = match losses.len() as u32 {
        RATE_STEPS => "The loss did not diverge up to a rate of 1".to_owned(),
        0 => "The loss was not a number at the first step".to_owned(),
        n => format!(
            "The loss diverged at a rate of {:.1e}",
            rate(n.min(RATE_STEPS - 1))
        ),
    };
    let message = match proposed {
        Some(lr) => format!("{ended}; it fell most steeply at {lr:e}."),
        None => format!(
            "{ended}, and it did not fall before: no rate can be proposed. \
             Look at the network's layers and the labels, or try another optimizer."
        ),
    };
    RateTest {
        points,
        proposed,
        message,
    }
}

/// The mean around a step, weights falling to both sides in a line.
fn around(losses: &[f64], i: usize) -> f64 {
    let from = i.saturating_sub(REACH);
    let to = (i + REACH).min(losses.len() - 1);
    let (mut sum, mut weights) = (0.0, 0.0);
    for (j, loss) in losses.iter().enumerate().take(to + 1).skip(from) {
        let weight = (REACH + 1 - i.abs_diff(j)) as f64;
        sum += weight * loss;
        weights += weight;
    }
    sum / weights
}

/// The step, before the least loss, at which the loss falls most over [`SPAN`] steps to both sides.
fn steepest(smoothed: &[f64]) -> Option<usize> {
    let least = (0..smoothed.len()).min_by(|&a, &b| smoothed[a].total_cmp(&smoothed[b]))?;
    if smoothed[0] - smoothed[least] < LEAST_FALL * smoothed[0].abs() {
        return None;
    }
    let slope = |i: usize| smoothed[i + SPAN] - smoothed[i - SPAN];
    (SPAN..smoothed.len().saturating_sub(SPAN))
        .filter(|&i| i <= least)
        .min_by(|&a, &b| slope(a).total_cmp(&slope(b)))
}

/// To two digits: a test of noisy batches says no more.
fn round(lr: f64) -> f64 {
    let unit = 10f64.powf(lr.log10().floor() - 1.0);
    format!("{:.1e}", (lr / unit).round() * unit)
        .parse()
        .unwrap_or(lr)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss of 2 that falls around step `at` and then explodes.
    fn losses(at: f64) -> Vec<f64> {
        (0..90)
            .map(f64::from)
            .map(|i| 2.0 - 1.5 / (1.0 + (-(i - at) / 4.0).exp()) + (0.5 * (i - 80.0)).exp())
            .collect()
    }

    #[test]
    fn the_rate_where_the_loss_falls_most_steeply_is_proposed() {
        for at in [30_u32, 45, 60] {
            let read = read(&losses(f64::from(at)));
            let proposed = read.proposed.unwrap();
            let off = (proposed / rate(at)).log10().abs();
            // A step is a fourteenth of a power of ten.
            assert!(off < 0.15, "{proposed} for {}", rate(at));
            assert!(read.message.contains("diverged"), "{}", read.message);
        }
    }

    #[test]
    fn a_loss_that_does_not_fall_proposes_nothing_and_says_so() {
        for losses in [vec![2.2; 100], vec![], vec![2.0], vec![2.0, f64::NAN, 3.0]] {
            let read = read(&losses);
            assert_eq!(read.proposed, None, "{losses:?}");
            assert!(read.message.contains("no rate"), "{}", read.message);
        }
    }

    #[test]
    fn the_rates_go_from_ten_to_the_minus_seven_to_one_and_proposals_have_two_digits() {
        assert!((rate(0) - 1e-7).abs() < 1e-20 && (rate(RATE_STEPS - 1) - 1.0).abs() < 1e-12);
        assert_eq!(round(0.012_345), 0.012);
        assert_eq!(round(9.96e-4), 1e-3);
    }
}
