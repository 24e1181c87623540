//! Cross-entropy and its gradient: what the targets are goes to the card, four numbers an image come back.

use super::launch::{Launch, empty, floats};
use crate::nn::{CrossEntropy, Objective, Targets};
use candle_core::{DType, Result, Tensor};

/// What a batch is worth, asked for and perhaps not there yet.
pub struct Losses {
    /// (N, 4): loss, prediction, confidence, share of the objective.
    results: Tensor,
    gradient: Tensor,
    all_weights: f64,
}

/// Asks for what [`Objective::of`] gives, for targets that it has checked; `all_weights` is the sum of what the images count.
pub fn cross_entropy(
    objective: &Objective,
    logits: &Tensor,
    targets: &Targets,
    all_weights: f64,
) -> Result<Losses> {
    let (n, classes) = logits.dims2()?;
    let device = logits.device();
    let mut numbers = Vec::with_capacity(4 * n + classes);
    for i in 0..n {
        let [(own, share), (other, rest)] = targets.of(i);
        numbers.extend([f64::from(own), f64::from(other), share, rest]);
    }
    let weights = match &objective.weights {
        Some(weights) => weights.clone(),
        None => vec![1.0; classes],
    };
    let all_spread = objective.smoothing * weights.iter().sum::<f64>() / classes as f64;
    numbers.extend(weights);
    let length = numbers.len();
    let targets = Tensor::from_vec(numbers, length, device)?;
    let results = empty((n, 4), DType::F64, device)?;
    let gradient = floats((n, classes), device)?;
    Launch::blocks("cross_entropy", n, 1)
        .read(logits)
        .read(&targets)
        .write(&results)
        .write(&gradient)
        .ints([n, classes])
        .double(objective.smoothing)
        .double(all_spread)
        .double(all_weights)
        .run()?;
    Ok(Losses {
        results,
        gradient,
        all_weights,
    })
}

impl Losses {
    /// Waits for the card: the one time in a step.
    pub fn wait(self) -> Result<CrossEntropy> {
        let results = self.results.flatten_all()?.to_vec1::<f64>()?;
        let (images, _) = results.as_chunks::<4>();
        Ok(CrossEntropy {
            loss: images.iter().map(|image| image[0]).collect(),
            prediction: images.iter().map(|image| image[1] as u32).collect(),
            confidence: images.iter().map(|image| image[2]).collect(),
            objective: images.iter().map(|image| image[3]).sum::<f64>() / self.all_weights,
            gradient: self.gradient,
        })
    }
}
