//! The numbers that enter a network, split by split and channel by channel.

use super::super::TrainError;
use super::super::input::Batches;
use super::super::scoring::MOST_AT_ONCE;
use crate::nn::slice;
use crate::run::{InputStatistics, Split};
use rayon::prelude::*;

/// Sum, sum of squares, least and greatest of a channel's numbers.
#[derive(Clone, Copy)]
struct Moments {
    sum: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Moments {
    const NONE: Moments = Moments {
        sum: 0.0,
        squares: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };

    fn of(numbers: &[f32]) -> Moments {
        numbers.iter().fold(Moments::NONE, |m, &x| {
            let x = f64::from(x);
            m.and(Moments {
                sum: x,
                squares: x * x,
                min: x,
                max: x,
            })
        })
    }

    fn and(self, other: Moments) -> Moments {
        Moments {
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

/// Of a split as it is prepared for the network; nothing for one without images. None where `tick` ended it.
pub(super) fn statistics(
    split: Split,
    batches: &Batches,
    tick: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Vec<InputStatistics>>, TrainError> {
    let all: Vec<usize> = (0..batches.len()).collect();
    let mut totals: Vec<Moments> = Vec::new();
    let mut numbers = 0.0;
    let order = all.chunks(MOST_AT_ONCE).map(<[usize]>::to_vec).collect();
    let mut pass = batches.on_host(order);
    while let Some((images, labels)) = pass.next_batch()? {
        let (_, channels, height, width) = images.dims4()?;
        totals.resize(channels, Moments::NONE);
        numbers += (labels.len() * height * width) as f64;
        let planes: Vec<Moments> = slice(images, |x| {
            Ok(x.par_chunks_exact(height * width)
                .map(Moments::of)
                .collect())
        })?;
        // In the images' order, so that the number of threads changes no bit.
        for (i, plane) in planes.into_iter().enumerate() {
            totals[i % channels] = totals[i % channels].and(plane);
        }
        if !tick(0) {
            return Ok(None);
        }
    }
    let told = totals.into_iter().enumerate().map(|(channel, total)| {
        let mean = total.sum / numbers;
        InputStatistics {
            split,
            channel: channel as u32,
            mean,
            std: (total.squares / numbers - mean * mean).max(0.0).sqrt(),
            min: total.min,
            max: total.max,
        }
    });
    Ok(Some(told.collect()))
}
