//! Batch normalization.

use super::{Backward, Gradients, Mode, Operation, from_vec, slice, values};
use candle_core::{Result, Tensor, Var, bail};
use rayon::prelude::*;

/// Normalization over the batch (Ioffe and Szegedy 2015), a channel of (N, C, H, W) or a feature of (N, F).
pub struct BatchNorm {
    /// Scale γ, (C).
    pub weight: Var,
    /// Shift β, (C).
    pub bias: Var,
    pub running_mean: Var,
    pub running_var: Var,
    pub eps: f64,
    /// The share of a new batch in the running statistics.
    pub momentum: f64,
}

/// Mean and biased variance of each channel.
pub(super) struct Statistics {
    pub mean: Vec<f64>,
    pub var: Vec<f64>,
}

impl Statistics {
    /// 1 / √(var + ε) of each channel.
    pub fn inverse(&self, eps: f64) -> Vec<f64> {
        self.var
            .iter()
            .map(|var| 1.0 / (var + eps).sqrt())
            .collect()
    }
}

impl BatchNorm {
    /// Moves the running statistics towards a batch's; `count` is the numbers a channel has, and the variance kept is unbiased.
    pub(super) fn track(&self, batch: &Statistics, count: usize) -> Result<()> {
        Self::check_count(count)?;
        let unbiased = count as f64 / (count as f64 - 1.0);
        let moved = |running: &Var, new: &[f64], factor: f64| -> Result<()> {
            let numbers: Vec<f32> = values(running)?
                .iter()
                .zip(new)
                .map(|(&old, &new)| {
                    ((1.0 - self.momentum) * f64::from(old) + self.momentum * factor * new) as f32
                })
                .collect();
            running.set(&from_vec(numbers, new.len())?)
        };
        moved(&self.running_mean, &batch.mean, 1.0)?;
        moved(&self.running_var, &batch.var, unbiased)
    }

    /// Refuses a batch whose channels have `count` numbers, where that is too few for a variance.
    pub(super) fn check_count(count: usize) -> Result<()> {
        if count < 2 {
            bail!(
                "batch norm needs more than one number a channel in training: merge a last batch of one image into the one before"
            );
        }
        Ok(())
    }

    /// The running statistics.
    pub(super) fn running(&self) -> Result<Statistics> {
        let wide =
            |v: &Var| -> Result<Vec<f64>> { Ok(values(v)?.into_iter().map(f64::from).collect()) };
        Ok(Statistics {
            mean: wide(&self.running_mean)?,
            var: wide(&self.running_var)?,
        })
    }
}

/// (images, channels, numbers of a channel in an image).
pub(super) fn extent(input: &Tensor) -> Result<(usize, usize, usize)> {
    match *input.dims() {
        [n, c] => Ok((n, c, 1)),
        [n, c, h, w] => Ok((n, c, h * w)),
        _ => bail!(
            "normalization takes (N, C, H, W) or (N, F), not {:?}",
            input.dims()
        ),
    }
}

/// The numbers of channel `c`, image by image.
fn channel(x: &[f32], c: usize, channels: usize, size: usize) -> impl Iterator<Item = &[f32]> {
    x.chunks_exact(channels * size)
        .map(move |image| &image[c * size..(c + 1) * size])
}

fn statistics(x: &[f32], channels: usize, size: usize) -> Statistics {
    let count = (x.len() / channels) as f64;
    let (mean, var) = (0..channels)
        .into_par_iter()
        .map(|c| {
            let sum = |f: &dyn Fn(f64) -> f64| -> f64 {
                channel(x, c, channels, size)
                    .map(|part| part.iter().map(|&x| f(f64::from(x))).sum::<f64>())
                    .sum()
            };
            let mean = sum(&|x| x) / count;
            (mean, sum(&|x| (x - mean) * (x - mean)) / count)
        })
        .unzip();
    Statistics { mean, var }
}

impl Operation for BatchNorm {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let (n, channels, size) = extent(input)?;
        let statistics = match mode {
            Mode::Eval => self.running()?,
            Mode::Train { .. } => {
                let batch = slice(input, |x| Ok(statistics(x, channels, size)))?;
                self.track(&batch, n * size)?;
                batch
            }
        };
        let inverse = statistics.inverse(self.eps);
        let (weight, bias) = (values(&self.weight)?, values(&self.bias)?);
        let mut normalized = slice(input, |x| Ok(x.to_vec()))?;
        normalized
            .par_chunks_exact_mut(size)
            .enumerate()
            .for_each(|(i, part)| {
                let c = i % channels;
                let (mean, inverse) = (statistics.mean[c] as f32, inverse[c] as f32);
                part.iter_mut().for_each(|x| *x = (*x - mean) * inverse);
            });
        let mut y = normalized.clone();
        y.par_chunks_exact_mut(size)
            .enumerate()
            .for_each(|(i, part)| {
                let (weight, bias) = (weight[i % channels], bias[i % channels]);
                part.iter_mut().for_each(|x| *x = *x * weight + bias);
            });
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                normalized,
                inverse,
                weight,
                size,
            })),
            Mode::Eval => None,
        };
        Ok((from_vec(y, input.shape())?, back))
    }
}

struct Back {
    /// (x − mean) / √(var + ε).
    normalized: Vec<f32>,
    /// 1 / √(var + ε) of each channel.
    inverse: Vec<f64>,
    weight: Vec<f32>,
    size: usize,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let (channels, size) = (self.weight.len(), self.size);
        let count = (self.normalized.len() / channels) as f64;
        slice(gradient, |g| {
            // Σ g and Σ g · x̂ of each channel.
            let sums: Vec<(f64, f64)> = (0..channels)
                .into_par_iter()
                .map(|c| {
                    channel(g, c, channels, size)
                        .zip(channel(&self.normalized, c, channels, size))
                        .map(|(g, x)| {
                            g.iter().zip(x).fold((0.0, 0.0), |(s, t), (&g, &x)| {
                                (s + f64::from(g), t + f64::from(g) * f64::from(x))
                            })
                        })
                        .fold((0.0, 0.0), |(s, t), (ds, dt)| (s + ds, t + dt))
                })
                .collect();
            let parameters = vec![
                from_vec(sums.iter().map(|s| s.1 as f32).collect(), channels)?,
                from_vec(sums.iter().map(|s| s.0 as f32).collect(), channels)?,
            ];
            let input = if input {
                let mut dx = vec![0f32; g.len()];
                dx.par_chunks_exact_mut(size)
                    .zip(g.par_chunks_exact(size))
                    .zip(self.normalized.par_chunks_exact(size))
                    .enumerate()
                    .for_each(|(i, ((dx, g), x))| {
                        let c = i % channels;
                        let factor = (f64::from(self.weight[c]) * self.inverse[c]) as f32;
                        let mean = (sums[c].0 / count) as f32;
                        let slope = (sums[c].1 / count) as f32;
                        for ((dx, &g), &x) in dx.iter_mut().zip(g).zip(x) {
                            *dx = factor * (g - mean - x * slope);
                        }
                    });
                Some(from_vec(dx, gradient.shape())?)
            } else {
                None
            };
            Ok(Gradients { input, parameters })
        })
    }
}
