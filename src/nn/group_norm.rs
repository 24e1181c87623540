//! Group normalization.

use super::batch_norm::extent;
use super::{Backward, Gradients, Mode, Operation, from_vec, slice, values};
use candle_core::{Result, Tensor, Var};
use rayon::prelude::*;

/// Normalization of each image over groups of channels (Wu and He 2018), of (N, C, H, W) or (N, F): the same in training
/// and in evaluation.
pub struct GroupNorm {
    /// Scale γ, (C).
    pub weight: Var,
    /// Shift β, (C).
    pub bias: Var,
    /// A divisor of C.
    pub groups: usize,
    pub eps: f64,
}

/// Σ term(i) for i below `count`, in an order that leaves room for eight sums at once.
fn sum(count: usize, term: impl Fn(usize) -> f64) -> f64 {
    let mut sums = [0f64; 8];
    let whole = count - count % 8;
    for start in (0..whole).step_by(8) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += term(start + lane);
        }
    }
    sums.iter().sum::<f64>() + (whole..count).map(term).sum::<f64>()
}

impl Operation for GroupNorm {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let (n, channels, size) = extent(input)?;
        let (weight, bias) = (values(&self.weight)?, values(&self.bias)?);
        let of_group = channels / self.groups;
        let length = of_group * size;
        let training = matches!(mode, Mode::Train { .. });
        let mut y = vec![0f32; n * channels * size];
        let mut statistics = vec![(0f32, 0f32); n * self.groups];
        slice(input, |x| {
            x.par_chunks_exact(length)
                .zip(y.par_chunks_exact_mut(length))
                .zip(statistics.par_iter_mut())
                .enumerate()
                .for_each(|(i, ((x, y), statistics))| {
                    let mean = sum(length, |i| f64::from(x[i])) / length as f64;
                    let var = sum(length, |i| (f64::from(x[i]) - mean).powi(2)) / length as f64;
                    let inverse = 1.0 / (var + self.eps).sqrt();
                    *statistics = (mean as f32, inverse as f32);
                    let first = i % self.groups * of_group;
                    for (c, (x, y)) in x
                        .chunks_exact(size)
                        .zip(y.chunks_exact_mut(size))
                        .enumerate()
                    {
                        let scale = f64::from(weight[first + c]) * inverse;
                        let shift = (f64::from(bias[first + c]) - mean * scale) as f32;
                        let scale = scale as f32;
                        y.iter_mut()
                            .zip(x)
                            .for_each(|(y, &x)| *y = x * scale + shift);
                    }
                });
            Ok(())
        })?;
        let back: Option<Box<dyn Backward>> = training.then(|| {
            Box::new(Back {
                input: input.clone(),
                statistics,
                weight,
                groups: self.groups,
                size,
            }) as Box<dyn Backward>
        });
        Ok((from_vec(y, input.shape())?, back))
    }
}

struct Back {
    input: Tensor,
    /// Mean and 1 / √(var + ε) of each image's groups.
    statistics: Vec<(f32, f32)>,
    weight: Vec<f32>,
    groups: usize,
    size: usize,
}

impl Back {
    /// Of one group: Σ g and Σ g · x̂ of each of its channels; with them the gradient by its input, where that is wanted.
    ///
    /// 1/σ · (γ g − mean(γ g) − x̂ · mean(γ g x̂)), as for batch norm over the group's numbers.
    fn group(&self, i: usize, x: &[f32], g: &[f32], dx: Option<&mut [f32]>) -> Vec<(f64, f64)> {
        let (mean, inverse) = self.statistics[i];
        let size = self.size;
        let sums: Vec<(f64, f64)> = x
            .chunks_exact(size)
            .zip(g.chunks_exact(size))
            .map(|(x, g)| {
                let product = |i: usize| f64::from(g[i]) * f64::from((x[i] - mean) * inverse);
                (sum(size, |i| f64::from(g[i])), sum(size, product))
            })
            .collect();
        let Some(dx) = dx else {
            return sums;
        };
        let weight = &self.weight[i % self.groups * sums.len()..][..sums.len()];
        let count = x.len() as f64;
        let (mut constant, mut slope) = (0f64, 0f64);
        for (&weight, (gradient, product)) in weight.iter().zip(&sums) {
            constant += f64::from(weight) * gradient / count;
            slope += f64::from(weight) * product / count;
        }
        let (constant, slope) = (constant as f32, slope as f32);
        for (c, dx) in dx.chunks_exact_mut(size).enumerate() {
            let (x, g) = (&x[c * size..], &g[c * size..]);
            for ((dx, &x), &g) in dx.iter_mut().zip(x).zip(g) {
                *dx = inverse * (weight[c] * g - constant - (x - mean) * inverse * slope);
            }
        }
        sums
    }
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let channels = self.weight.len();
        let length = channels / self.groups * self.size;
        let mut dx = vec![0f32; if input { gradient.elem_count() } else { 0 }];
        let sums: Vec<Vec<(f64, f64)>> = slice(&self.input, |x| {
            slice(gradient, |g| {
                let groups = x.par_chunks_exact(length).zip(g.par_chunks_exact(length));
                Ok(if input {
                    groups
                        .zip(dx.par_chunks_exact_mut(length))
                        .enumerate()
                        .map(|(i, ((x, g), dx))| self.group(i, x, g, Some(dx)))
                        .collect()
                } else {
                    groups
                        .enumerate()
                        .map(|(i, (x, g))| self.group(i, x, g, None))
                        .collect()
                })
            })
        })?;
        // Over the images in their order, so that the number of threads changes no bit.
        let (mut shift, mut scale) = (vec![0f64; channels], vec![0f64; channels]);
        for image in sums.chunks_exact(self.groups) {
            for (c, (gradient, product)) in image.iter().flatten().enumerate() {
                shift[c] += gradient;
                scale[c] += product;
            }
        }
        let narrow =
            |sums: Vec<f64>| from_vec(sums.into_iter().map(|x| x as f32).collect(), channels);
        let parameters = vec![narrow(scale)?, narrow(shift)?];
        let input = input.then(|| from_vec(dx, gradient.shape())).transpose()?;
        Ok(Gradients { input, parameters })
    }
}
