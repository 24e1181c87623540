//! What a network makes of a split in evaluation mode.

use super::TrainError;
use super::input::Batches;
use crate::data::ImageRows;
use crate::model::{self, Network};
use crate::nn::values;
use crate::run::{Confusion, ImageResults, SplitMetrics};
use candle_core::Device;

/// Images scored at once: a network makes the same of an image in any company, so this is only a matter of time and memory.
/// So few stay in the processor's cache from their bytes to the first layer.
pub(super) const MOST_AT_ONCE: usize = 32;

/// Images scored at once on a card, as a multiple of training's batch: nothing is kept of them for a way back.
const BATCHES_AT_ONCE_ON_A_CARD: usize = 4;

/// Images that a network scores at once where they are trained on in batches of this size.
pub(super) fn at_once(network: &Network, batch_size: usize) -> usize {
    match network.device() {
        Device::Cpu => batch_size.min(MOST_AT_ONCE),
        _ => batch_size * BATCHES_AT_ONCE_ON_A_CARD,
    }
}

/// Images scored at once as rows, of which a part at a time is made of their bytes: the more, the seldomer weights are read.
const ROWS_AT_ONCE: usize = 320;

/// Loss and accuracy of a split with the result of each image, in the dataset's order.
pub(super) struct Scores {
    pub metrics: SplitMetrics,
    pub confusion: Confusion,
    pub images: ImageResults,
}

/// Scores all images, `at_once` in a batch where their numbers must be in memory; `tick` is called after each batch with its
/// size and the number done, and ends the scoring by false.
pub(super) fn score(
    network: &Network,
    batches: &Batches,
    at_once: usize,
    mut tick: impl FnMut(usize, usize) -> bool,
) -> Result<Option<Scores>, TrainError> {
    let (mut loss_sum, mut correct) = (0.0, 0);
    let mut results = ImageResults::default();
    let mut add = |scored: model::Scores| {
        let size = scored.images.loss.len();
        loss_sum += scored.loss_sum;
        correct += scored.correct;
        results.prediction.extend(scored.images.prediction);
        results.confidence.extend(scored.images.confidence);
        results.loss.extend(scored.images.loss);
        tick(size, results.loss.len())
    };
    let all: Vec<usize> = (0..batches.len()).collect();
    let takes_rows = network.takes_rows();
    let most = match takes_rows {
        // Whole batches, which are summed one by one.
        true => ROWS_AT_ONCE / at_once * at_once,
        false => all.len().max(1),
    };
    for which in all.chunks(most) {
        let rows = takes_rows.then(|| batches.rows(which)).flatten();
        let goes_on = match rows {
            Some((rows, labels)) => score_rows(network, &rows, &labels, at_once, &mut add)?,
            None => score_numbers(network, batches, which, at_once, &mut add)?,
        };
        if !goes_on {
            return Ok(None);
        }
    }
    let truth = batches.labels().iter().copied();
    Ok(Some(Scores {
        metrics: SplitMetrics::new(loss_sum, correct, all.len() as u32),
        confusion: Confusion::count(truth.zip(results.prediction.iter().copied())),
        images: results,
    }))
}

/// Scores images as rows; as many scores at once are given to `add`, and so summed, as where their numbers are made.
fn score_rows(
    network: &Network,
    images: &ImageRows,
    labels: &[u32],
    at_once: usize,
    mut add: impl FnMut(model::Scores) -> bool,
) -> Result<bool, TrainError> {
    let logits = network.logits_of_rows(images)?;
    for (i, labels) in labels.chunks(at_once).enumerate() {
        let logits = logits.narrow(0, i * at_once, labels.len())?;
        if !add(network.score_logits(&logits, labels.to_vec())?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Scores images whose numbers are made batch by batch; `add` is given each batch's scores and ends the scoring by false.
fn score_numbers(
    network: &Network,
    batches: &Batches,
    which: &[usize],
    at_once: usize,
    mut add: impl FnMut(model::Scores) -> bool,
) -> Result<bool, TrainError> {
    let order = which.chunks(at_once).map(<[usize]>::to_vec).collect();
    let mut pass = batches.in_order(order);
    let mut asked = match pass.next_batch()? {
        Some((images, labels)) => Some(network.ask_scores(images, labels)?),
        None => None,
    };
    while let Some(scores) = asked.take() {
        // While a card works on this batch, the next is made.
        let next = pass.next_batch()?;
        if !add(scores.wait()?) {
            return Ok(false);
        }
        if let Some((images, labels)) = next {
            asked = Some(network.ask_scores(images, labels)?);
        }
    }
    Ok(true)
}

/// The name of the first parameter or running statistic that holds a number that is not finite.
pub(super) fn not_finite(network: &Network) -> candle_core::Result<Option<String>> {
    for (name, tensor) in network.tensors()? {
        if !values(&tensor)?.iter().all(|x| x.is_finite()) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
