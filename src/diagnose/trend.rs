//! What curves alone tell where nobody knows how many images are behind them: their own wobble stands in for the noise.

use super::GL_THRESHOLD;
use super::curves::Curves;
use crate::run::Split;

/// The gap counts from this share of the training accuracy on (deepchecks' default).
const GAP_SHARE: f64 = 0.10;
/// A difference counts when it is this many times its standard error.
const ERRORS: f64 = 3.0;
/// The training loss counts as fallen from this share of its start on, and as still falling from this share of its fall.
const FALLEN: f64 = 0.05;
/// Fewer points than this show no trend.
const LEAST_POINTS: usize = 5;

/// True where the training loss ends far above where it started, or back there after it had halved.
pub(super) fn explodes(curves: &Curves) -> bool {
    let (_, loss) = curves.losses(Split::Train);
    if loss.len() < LEAST_POINTS {
        return false;
    }
    let start = loss[0].max(loss[1]);
    let end = median(&loss[loss.len() - (loss.len() / 10).max(2)..]);
    let lowest = lowest_level(&loss).1;
    end > 1.5 * start || (end > 0.9 * start && lowest < 0.5 * start)
}

/// Does the network learn its training images at all? None where the curves do not tell.
pub(super) fn learns(curves: &Curves, classes: usize) -> Option<bool> {
    let (_, accuracy) = curves.accuracies(Split::Train);
    let (_, loss) = curves.losses(Split::Train);
    let falls = (loss.len() >= 2).then(|| lowest_level(&loss).1 < (1.0 - FALLEN) * loss[0]);
    let chance = (classes > 1).then(|| 1.0 / classes as f64);
    if let Some(last) = end_level(&accuracy) {
        if let Some(chance) = chance {
            return Some(last > chance + (0.3 * chance).min(0.05) + 0.005);
        }
        let rise = last - lowest_level(&accuracy).1.min(accuracy[0]);
        let rises = rise > 0.05 && rise > 2.0 * ERRORS * wobble(&accuracy);
        return match falls {
            _ if last > 0.9 || rises => Some(true),
            Some(falls) => Some(falls),
            // One flat accuracy and no loss: perhaps it was good from the start.
            None => None,
        };
    }
    match (end_level(&loss), chance) {
        (Some(last), Some(chance)) => Some(last < 0.97 * -chance.ln()),
        _ => falls,
    }
}

/// True where the last fifth of the losses is lower than the fifth before by a twentieth of the whole fall, and by more than
/// the wobble: the run was ended while it still learnt.
pub(super) fn still_falls(losses: &[f64]) -> bool {
    let strip = losses.len() / 5;
    if strip == 0 {
        return false;
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let last = mean(&losses[losses.len() - strip..]);
    let before = mean(&losses[losses.len() - 2 * strip..losses.len() - strip]);
    let error = wobble(losses) * (2.0 / strip as f64).sqrt();
    before - last > (FALLEN * (losses[0] - last)).max(ERRORS * error)
}

/// Why training and validation part, as far as the curves show it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Parting {
    /// The validation loss ends this many percent above its lowest level, by more than its wobble.
    LossRises(f64),
    /// Training accuracy ends above validation accuracy by more than their wobble.
    AccuracyGap,
    /// Neither.
    Together,
}

/// None where there are too few points of validation.
pub(super) fn parting(curves: &Curves) -> Option<Parting> {
    let (_, val_loss) = curves.losses(Split::Val);
    let (_, train) = curves.accuracies(Split::Train);
    let (_, val) = curves.accuracies(Split::Val);
    let by_accuracy = accuracy_gap(&train, &val);
    if by_accuracy == Some(true) {
        return Some(Parting::AccuracyGap);
    }
    let by_loss = loss_rise(&val_loss);
    if let Some(percent) = by_loss.flatten() {
        // Where training gets worse with it, the optimisation is at fault and not the fit.
        let (_, train_loss) = curves.losses(Split::Train);
        let with_training = loss_rise(&train_loss).flatten().is_some();
        if !with_training {
            return Some(Parting::LossRises(percent));
        }
    }
    (by_accuracy.is_some() || by_loss.is_some()).then_some(Parting::Together)
}

/// Outer None: too few points. Inner: the rise in percent above the lowest level, where it is Prechelt's and no wobble.
fn loss_rise(loss: &[f64]) -> Option<Option<f64>> {
    if loss.len() < LEAST_POINTS {
        return None;
    }
    let (_, lowest) = lowest_level(loss);
    let last = end_level(loss)?;
    let percent = 100.0 * (last / lowest.max(f64::MIN_POSITIVE) - 1.0);
    let error = wobble(loss) * (2.0 / window(loss.len()) as f64).sqrt();
    Some((percent > GL_THRESHOLD && last - lowest > ERRORS * error).then_some(percent))
}

/// None: too few points.
fn accuracy_gap(train: &[f64], val: &[f64]) -> Option<bool> {
    let (of_train, of_val) = (end_level(train)?, end_level(val)?);
    if val.len() < LEAST_POINTS {
        return None;
    }
    let gap = of_train - of_val;
    let error =
        (wobble(train).powi(2) + wobble(val).powi(2)).sqrt() / (window(val.len()) as f64).sqrt();
    Some(gap >= GAP_SHARE * of_train && gap > ERRORS * error)
}

/// The window of Prechelt's smoothing, 5 % of the epochs, but at least three where there are ten.
fn window(n: usize) -> usize {
    (n / 20).max(if n >= 10 { 3 } else { 1 })
}

/// The mean of the last window.
fn end_level(values: &[f64]) -> Option<f64> {
    let last = &values[values.len().checked_sub(window(values.len()))?..];
    (!last.is_empty()).then(|| last.iter().sum::<f64>() / last.len() as f64)
}

/// Position and mean of the window with the lowest mean; `values` is not empty.
fn lowest_level(values: &[f64]) -> (usize, f64) {
    let window = window(values.len()).min(values.len());
    values
        .windows(window)
        .map(|part| part.iter().sum::<f64>() / window as f64)
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, f64::NAN))
}

/// The standard deviation of a point about its neighbours' trend, from the median of the second half's second
/// differences: trends up to a slope drop out, and the steep start is not taken for noise.
fn wobble(values: &[f64]) -> f64 {
    let late = &values[values.len() / 2..];
    let late = if late.len() < 5 { values } else { late };
    let bends: Vec<f64> = late
        .windows(3)
        .map(|w| (w[0] - 2.0 * w[1] + w[2]).abs())
        .collect();
    if bends.is_empty() {
        return 0.0;
    }
    // Of independent noise a second difference has six times the variance; 0.6745 is the median of |N(0, 1)|.
    median(&bends) / 0.6745 / 6.0_f64.sqrt()
}

/// The middle value; `values` is not empty.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}
