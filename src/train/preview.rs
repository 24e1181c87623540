//! The first images of a run before and after augmentation, as its training will see them.

use super::{TrainError, order};
use crate::augment::{Augmenter, Batch, Looks};
use crate::data::{DataError, Dataset, Entry, Images, Normalization};
use crate::run::{Normalize, RunSpec, Split};

/// At most this many images are shown.
pub const MOST_PREVIEWED: usize = 16;

/// One image at the network's size: planes of 0 to 255, (C, H, W).
pub struct Previewed {
    /// Below the dataset's folder.
    pub path: String,
    pub before: Vec<f32>,
    pub after: Vec<f32>,
}

/// The first `count` images of the first batch of an epoch, which counts from 1.
///
/// They are those that a run of this spec trains on, changed to the bit as there; only what covers a part has the mean
/// of the images shown instead of that of all training images.
pub fn preview(
    dataset: &Dataset,
    spec: &RunSpec,
    epoch: u32,
    count: usize,
) -> Result<Vec<Previewed>, TrainError> {
    let train: Vec<&Entry> = dataset.index.of(Split::Train).collect();
    let labels: Vec<u32> = train.iter().map(|entry| entry.label).collect();
    let order = order::of_epoch(&labels, &spec.train, epoch);
    let Some(batch) = order.first() else {
        return Err(DataError::Refused("the dataset has no training images".to_owned()).into());
    };
    // One more than is shown: the last one shown may be mixed with it.
    let numbers = &batch[..batch.len().min(count.clamp(1, MOST_PREVIEWED) + 1)];
    let shown = numbers.len().min(count.clamp(1, MOST_PREVIEWED));
    let entries: Vec<Entry> = numbers.iter().map(|&i| train[i].clone()).collect();
    let input = &spec.input;
    let images = Images::of(dataset, entries, input, &mut u64::MAX.clone(), &|_, _| ())?;
    let fitted = crate::run::InputSpec {
        normalize: Normalize::Train,
        ..input.clone()
    };
    // Divided by 1: what comes out is easily made pixels again.
    let around_mean = Normalization {
        std: vec![1.0; input.channels],
        ..images.normalization(&fitted, &|_, _| ())?
    };
    let places: Vec<usize> = (0..numbers.len()).collect();
    let read = images.read_ahead(&[]).next_batch()?;
    let size = input.channels * input.height * input.width;
    let mut before = vec![0.0; numbers.len() * size];
    images.batch(&places, &read, &around_mean, &mut before);
    let mut after = vec![0.0; before.len()];
    let mut augmenter = Augmenter::new(&spec.augment, input, around_mean.clone(), spec.train.seed);
    let steps = Looks::new(epoch, train.len()).next(numbers);
    let batch = Batch {
        steps: &steps,
        places: &places,
        images: &images,
        read: &read,
    };
    augmenter.batch(&batch, &mut after);
    let pixels = |numbers: &[f32]| pixels(numbers, &around_mean, input.height * input.width);
    let pairs = before.chunks_exact(size).zip(after.chunks_exact(size));
    Ok(pairs
        .zip(numbers)
        .take(shown)
        .map(|((before, after), &number)| Previewed {
            path: train[number].path.clone(),
            before: pixels(before),
            after: pixels(after),
        })
        .collect())
}

/// Channels without their mean as planes of 0 to 255.
fn pixels(numbers: &[f32], normalization: &Normalization, area: usize) -> Vec<f32> {
    let planes = numbers.chunks_exact(area).zip(&normalization.mean);
    planes
        .flat_map(|(plane, mean)| {
            plane
                .iter()
                .map(move |x| ((x + mean) * 255.0).clamp(0.0, 255.0))
        })
        .collect()
}
