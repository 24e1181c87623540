//! The way back through a convolution block.

use super::batch_norm::Statistics;
use super::conv_block::{Channels, Workspace};
use super::geometry::Geometry;
use super::kernel::{Kernels, Pooled, Runs, Slope, Tail};
use super::{Backward, Gradients, blocked, from_vec, slice};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

/// A batch is cut into at most this many parts, whose sums are added in order: fixed, so that the threads change no bit.
const PARTS: usize = 16;

/// What the forward pass of a training step leaves.
pub(super) struct Back {
    pub g: Geometry,
    pub kernels: &'static Kernels,
    pub buffers: Arc<Workspace>,
    pub input: Tensor,
    pub weight: Tensor,
    /// True where the convolution has a bias.
    pub bias: bool,
    /// The batch norm's scale and ε, and the batch's statistics.
    pub norm: Option<(Vec<f32>, f64, Statistics)>,
    /// The convolution's result, where a batch norm needs it again.
    pub conv: Vec<f32>,
    /// Of each pooled element its place in its window, or that no gradient passes.
    pub codes: Vec<u8>,
    /// What dropout multiplied by.
    pub keep: f32,
}

/// Σ g and Σ g · (y − mean) a channel.
struct Sums {
    gradient: Vec<f64>,
    product: Vec<f64>,
}

impl Back {
    /// The convolution's result of image `i`, or nothing where none was kept.
    fn conv_of(&self, i: usize) -> &[f32] {
        if self.conv.is_empty() {
            &[]
        } else {
            &self.conv[i * self.g.conv_len()..(i + 1) * self.g.conv_len()]
        }
    }

    /// Pooled row `oy` of block `b` of image `i`; none below the last one.
    fn pooled_row<'a>(
        &'a self,
        gradient: &'a [f32],
        i: usize,
        b: usize,
        oy: usize,
    ) -> Option<Pooled<'a>> {
        let (height, width) = self.g.pooled();
        if oy >= height {
            return None;
        }
        let at = i * self.g.pooled_len() + (b * height + oy) * width * 16;
        Some(Pooled {
            gradient: &gradient[at..at + width * 16],
            codes: &self.codes[at..at + width * 16],
        })
    }

    fn sums(&self, gradient: &[f32]) -> Sums {
        let g = &self.g;
        let images = gradient.len() / g.pooled_len();
        let mean = match &self.norm {
            Some((_, _, statistics)) => Channels::new(statistics.mean.iter().copied()),
            None => Channels::new((0..g.out).map(|_| 0.0)),
        };
        let tail = Tail {
            scale: [1.0; 16],
            shift: [0.0; 16],
            relu: false,
            window: (g.window.height, g.window.width),
            threshold: 0,
            keep: self.keep,
        };
        let of_images: Vec<Vec<[f64; 32]>> = (0..images)
            .into_par_iter()
            .map(|i| {
                let conv = self.conv_of(i);
                (0..g.out_blocks())
                    .map(|b| {
                        let mut sums = [0f64; 32];
                        for oy in 0..g.pooled().0 {
                            let Some(row) = self.pooled_row(gradient, i, b, oy) else {
                                break;
                            };
                            let y = if conv.is_empty() {
                                conv
                            } else {
                                &conv[(b * g.oh + oy * g.window.height) * g.ow * 16..]
                            };
                            self.kernels.gradient_sums(
                                &tail,
                                row,
                                y,
                                g.ow * 16,
                                &mean.0[b],
                                &mut sums,
                            );
                        }
                        sums
                    })
                    .collect()
            })
            .collect();
        let total = |offset: usize| -> Vec<f64> {
            (0..g.out)
                .map(|c| {
                    of_images
                        .iter()
                        .map(|image| image[c / 16][offset + c % 16])
                        .sum()
                })
                .collect()
        };
        Sums {
            gradient: total(0),
            product: total(16),
        }
    }

    /// How the gradient by the convolution's result follows from the pooled gradient, a block of channels each.
    ///
    /// With batch norm: γ/σ · (g − mean g − x̂ · mean(g x̂)), x̂ = (y − mean)/σ (Ioffe and Szegedy 2015).
    fn slopes(&self, sums: &Sums, images: usize) -> Vec<Slope> {
        let g = &self.g;
        let keep = f64::from(self.keep);
        let (mut slope, mut constant, mut factor) =
            (vec![0f64; g.out], vec![0f64; g.out], vec![keep; g.out]);
        if let Some((weight, eps, statistics)) = &self.norm {
            let count = (images * g.oh * g.ow) as f64;
            for (c, inverse) in statistics.inverse(*eps).into_iter().enumerate() {
                let scale = f64::from(weight[c]) * inverse;
                slope[c] = -scale * inverse * inverse * sums.product[c] / count;
                constant[c] = -scale * sums.gradient[c] / count - slope[c] * statistics.mean[c];
                factor[c] = scale * keep;
            }
        }
        let [slope, constant, factor] =
            [slope, constant, factor].map(|numbers| Channels::new(numbers).0);
        slope
            .into_iter()
            .zip(constant)
            .zip(factor)
            .map(|((slope, constant), factor)| Slope {
                slope,
                constant,
                factor,
                width: g.window.width,
            })
            .collect()
    }

    /// One image: adds to the packed weight gradient, and writes the input's gradient (in blocks) where it is wanted.
    fn image(
        &self,
        shared: &Shared,
        i: usize,
        image: &[f32],
        dw: &mut [f32],
        dx: Option<&mut [f32]>,
    ) {
        let g = &self.g;
        let blocks = g.out_blocks();
        let row_len = g.ow * 16;
        let runs = Runs {
            starts: &shared.runs,
            length: g.run_len(),
            step: g.stride.width * g.depth(),
        };
        let mut padded = self.buffers.image.take(g.padded_len());
        let mut rows = self.buffers.rows.take(blocks * row_len);
        g.pad(image, &mut padded);
        let mut spread = match dx {
            Some(_) => self.buffers.gradient.take(shared.transposed.len()),
            None => Vec::new(),
        };
        // Borders, and the gaps that a stride leaves, are zero.
        spread.fill(0.0);
        let conv = self.conv_of(i);
        for oy in 0..g.oh {
            for (b, (slope, out)) in shared
                .slopes
                .iter()
                .zip(rows.chunks_exact_mut(row_len))
                .enumerate()
            {
                let pooled = self.pooled_row(shared.gradient, i, b, oy / g.window.height);
                let y = if conv.is_empty() {
                    conv
                } else {
                    &conv[(b * g.oh + oy) * row_len..][..row_len]
                };
                let place = oy % g.window.height * g.window.width;
                self.kernels.gradient(slope, pooled, place, y, out);
                if dx.is_some() {
                    let at = shared.transposed.row_at(b, oy, g.stride.height);
                    for (x, pixel) in out.chunks_exact(16).enumerate() {
                        let to = at + x * g.stride.width * 16;
                        spread[to..to + 16].copy_from_slice(pixel);
                    }
                }
            }
            for (first, blocks) in Geometry::groups(blocks, self.kernels.blocks) {
                let dw = &mut dw[first * 16 * runs.starts.len() * runs.length..];
                let input = &padded[g.row_start(oy)..];
                let rows = &rows[first * row_len..];
                self.kernels
                    .weight_gradient(blocks, input, &runs, rows, row_len, g.ow, dw);
            }
        }
        if let Some(dx) = dx {
            self.input_gradient(shared, &spread, dx);
            self.buffers.gradient.give(spread);
        }
        self.buffers.image.give(padded);
        self.buffers.rows.give(rows);
    }

    /// The transposed convolution of one image's gradient, in blocks.
    fn input_gradient(&self, shared: &Shared, spread: &[f32], dx: &mut [f32]) {
        let g = &self.g;
        let t = &shared.transposed;
        let starts = t.runs(g.kernel.height);
        let runs = Runs {
            starts: &starts,
            length: g.kernel.width * 16,
            step: 16,
        };
        let block = g.h * g.w * 16;
        let zero = [0f32; 32];
        for y in 0..g.h {
            for (first, blocks) in Geometry::groups(g.c.div_ceil(16), self.kernels.blocks) {
                let weights = &shared.weights[first * 16 * starts.len() * runs.length..];
                let input = &spread[t.row_start(y)..];
                let out = &mut dx[first * block + y * g.w * 16..];
                self.kernels
                    .row(blocks, input, &runs, weights, &zero, out, block, g.w);
            }
        }
    }
}

/// What all images of a batch share on the way back.
struct Shared<'a> {
    gradient: &'a [f32],
    slopes: Vec<Slope>,
    runs: Vec<usize>,
    transposed: super::geometry::Transposed,
    /// Packed for the transposed convolution; empty where no input gradient is wanted.
    weights: Vec<f32>,
}

impl Backward for Back {
    fn backward(mut self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let g = &self.g;
        let n = gradient.dim(0)?;
        let in_blocks = g.c.div_ceil(16);
        let dx_len = in_blocks * g.h * g.w * 16;
        let (sums, parts, dx) = slice(gradient, |gradient| {
            let sums = self.sums(gradient);
            let shared = Shared {
                gradient,
                slopes: self.slopes(&sums, n),
                runs: g.runs(),
                transposed: g.transposed(),
                weights: if input {
                    slice(&self.weight, |w| {
                        Ok(g.pack_transposed(w, self.kernels.blocks))
                    })?
                } else {
                    Vec::new()
                },
            };
            let mut dx = vec![0f32; if input { n * dx_len } else { 0 }];
            let part = n.div_ceil(PARTS);
            let mut dx_parts: Vec<Option<&mut [f32]>> = if input {
                dx.chunks_mut(part * dx_len).map(Some).collect()
            } else {
                (0..n.div_ceil(part)).map(|_| None).collect()
            };
            let parts: Vec<Vec<f32>> = slice(&self.input, |x| {
                Ok(x.par_chunks(part * g.input_len())
                    .zip(dx_parts.par_iter_mut())
                    .enumerate()
                    .map(|(number, (images, dx))| {
                        let mut dw = vec![0f32; g.weights_len()];
                        for (j, image) in images.chunks_exact(g.input_len()).enumerate() {
                            let dx = dx.as_mut().map(|dx| &mut dx[j * dx_len..(j + 1) * dx_len]);
                            self.image(&shared, number * part + j, image, &mut dw, dx);
                        }
                        dw
                    })
                    .collect())
            })?;
            Ok((sums, parts, dx))
        })?;

        let mut packed = vec![0f32; g.weights_len()];
        for part in &parts {
            packed
                .iter_mut()
                .zip(part)
                .for_each(|(sum, part)| *sum += part);
        }
        let mut dw = vec![0f32; self.weight.elem_count()];
        g.for_each_weight(self.kernels.blocks, |from, to| dw[to] = packed[from]);
        let mut parameters = vec![from_vec(dw, self.weight.shape())?];
        let narrow = |numbers: &[f64]| from_vec(numbers.iter().map(|&x| x as f32).collect(), g.out);
        if self.bias {
            parameters.push(match &self.norm {
                // The mean is subtracted, and any bias with it.
                Some(_) => narrow(&vec![0.0; g.out])?,
                None => narrow(&sums.gradient)?,
            });
        }
        if let Some((_, eps, statistics)) = &self.norm {
            let scaled: Vec<f64> = sums
                .product
                .iter()
                .zip(statistics.inverse(*eps))
                .map(|(product, inverse)| product * inverse)
                .collect();
            parameters.push(narrow(&scaled)?);
            parameters.push(narrow(&sums.gradient)?);
        }
        let input = match (input, g.plain) {
            (false, _) => None,
            (true, false) => Some(from_vec(dx, self.input.shape())?),
            (true, true) => {
                let mut plain = vec![0f32; n * g.input_len()];
                for (plain, dx) in plain
                    .chunks_exact_mut(g.input_len())
                    .zip(dx.chunks_exact(dx_len))
                {
                    blocked::unblock(dx, plain, g.h * g.w);
                }
                Some(from_vec(plain, self.input.shape())?)
            }
        };
        let conv = std::mem::take(&mut self.conv);
        if !conv.is_empty() {
            self.buffers.conv.give(conv);
        }
        Ok(Gradients { input, parameters })
    }
}
