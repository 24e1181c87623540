//! Convolution with the batch norm, ReLU, max-pooling and dropout that follow it, in as few passes as can be.
//!
//! An image is worked on row by row while it is in cache, images in parallel. Batch norm in training needs the whole
//! batch's statistics, so there the convolution's result is kept between two passes; everywhere else its rows exist
//! only until they are pooled.

use super::batch_norm::Statistics;
use super::buffers::Buffers;
use super::conv_gradient::Back;
use super::conv_pass::{Pass, combine};
use super::geometry::Geometry;
use super::kernel::{Kernels, Tail};
use super::{Backward, BatchNorm, Dropout, Mode, Operation, from_vec, slice, values};
use crate::run::Pair;
use candle_core::{Result, Tensor, Var, bail};
use rayon::prelude::*;
use std::sync::Arc;

/// `Conv2d` and what follows: takes (N, C, H, W) or sixteen-channel blocks, gives sixteen-channel blocks.
pub struct ConvBlock {
    /// (out, C, kernel height, kernel width).
    pub weight: Var,
    /// (out).
    pub bias: Option<Var>,
    pub stride: Pair,
    pub padding: Pair,
    pub norm: Option<BatchNorm>,
    pub relu: bool,
    /// Height and width of max-pooling windows that neither overlap nor are padded, at most 250 numbers each.
    pub pool: Option<Pair>,
    pub dropout: Option<Dropout>,
    pub(super) kernels: &'static Kernels,
    pub(super) buffers: Arc<Workspace>,
}

/// What one step leaves to the next.
#[derive(Default)]
pub(super) struct Workspace {
    pub conv: Buffers,
    pub image: Buffers,
    pub rows: Buffers,
    pub gradient: Buffers,
}

/// Per channel, in whole blocks: missing channels are zero.
pub(super) struct Channels(pub Vec<[f32; 16]>);

impl Channels {
    pub fn new(numbers: impl IntoIterator<Item = f64>) -> Channels {
        let mut blocks: Vec<[f32; 16]> = Vec::new();
        for (i, number) in numbers.into_iter().enumerate() {
            if i % 16 == 0 {
                blocks.push([0.0; 16]);
            }
            if let Some(block) = blocks.last_mut() {
                block[i % 16] = number as f32;
            }
        }
        Channels(blocks)
    }
}

impl ConvBlock {
    /// A convolution alone; what follows is set afterwards.
    pub fn new(weight: Var, bias: Option<Var>, stride: Pair, padding: Pair) -> ConvBlock {
        ConvBlock {
            weight,
            bias,
            stride,
            padding,
            norm: None,
            relu: false,
            pool: None,
            dropout: None,
            kernels: Kernels::best(),
            buffers: Arc::default(),
        }
    }

    pub(super) fn geometry(&self, input: &Tensor) -> Result<Geometry> {
        let (out, c, height, width) = self.weight.dims4()?;
        let (plain, h, w) = match *input.dims() {
            [_, channels, h, w] if channels == c => (true, h, w),
            [_, blocks, h, w, 16] if blocks == c.div_ceil(16) => (false, h, w),
            _ => bail!(
                "a convolution of {c} channels got images of {:?}",
                input.dims()
            ),
        };
        let (s, p) = (self.stride, self.padding);
        let fits = h + 2 * p.height >= height && w + 2 * p.width >= width;
        let window = self.pool.unwrap_or(Pair::both(1));
        if !fits || s.height * s.width == 0 || !(1..=250).contains(&(window.height * window.width))
        {
            bail!("a kernel of {height} × {width} or its stride does not fit {h} × {w} pixels");
        }
        Ok(Geometry {
            c,
            h,
            w,
            plain,
            out,
            kernel: Pair { height, width },
            stride: s,
            padding: p,
            window,
            oh: (h + 2 * p.height - height) / s.height + 1,
            ow: (w + 2 * p.width - width) / s.width + 1,
        })
    }

    /// What follows the convolution, a block of channels each.
    fn tails(
        &self,
        g: &Geometry,
        norm: Option<(&Statistics, &BatchNorm)>,
        training: bool,
    ) -> Result<Vec<Tail>> {
        let (scale, shift) = match norm {
            Some((statistics, norm)) => {
                let (weight, bias) = (values(&norm.weight)?, values(&norm.bias)?);
                let scale: Vec<f64> = weight
                    .iter()
                    .zip(statistics.inverse(norm.eps))
                    .map(|(&w, inverse)| f64::from(w) * inverse)
                    .collect();
                let shift = scale
                    .iter()
                    .zip(&statistics.mean)
                    .zip(&bias)
                    .map(|((scale, mean), &bias)| f64::from(bias) - mean * scale);
                let shift = Channels::new(shift);
                (Channels::new(scale), shift)
            }
            None => (
                Channels::new((0..g.out).map(|_| 1.0)),
                Channels::new((0..g.out).map(|_| 0.0)),
            ),
        };
        let dropout = self.dropout.as_ref().filter(|_| training);
        Ok(scale
            .0
            .into_iter()
            .zip(shift.0)
            .map(|(scale, shift)| Tail {
                scale,
                shift,
                relu: self.relu,
                window: (g.window.height, g.window.width),
                threshold: dropout.map_or(0, |d| u32::try_from(d.threshold()).unwrap_or(u32::MAX)),
                keep: dropout.map_or(1.0, Dropout::scale),
            })
            .collect())
    }
}

/// The codes of each of `n` images: empty ones where there are none.
fn parts(codes: &mut [u8], n: usize) -> Vec<&mut [u8]> {
    if codes.is_empty() {
        (0..n).map(|_| [].as_mut_slice()).collect()
    } else {
        let length = codes.len() / n;
        codes.chunks_exact_mut(length).collect()
    }
}

impl Operation for ConvBlock {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let g = self.geometry(input)?;
        let n = input.dim(0)?;
        let training = matches!(mode, Mode::Train { .. });
        let weights = slice(&self.weight, |w| Ok(g.pack(w, self.kernels.blocks)))?;
        let bias = match &self.bias {
            Some(bias) => Channels::new(values(bias)?.into_iter().map(f64::from)),
            None => Channels::new((0..g.out).map(|_| 0.0)),
        };
        let runs = g.runs();
        let pass = Pass {
            g: &g,
            kernels: self.kernels,
            buffers: &self.buffers,
            weights: &weights,
            bias: &bias.0,
            runs: &runs,
        };
        let stream = match (mode, &self.dropout) {
            (Mode::Train { step }, Some(dropout)) => Some(dropout.stream.at(step)),
            _ => None,
        };
        let (height, width) = g.pooled();
        let mut out = vec![0f32; n * g.pooled_len()];
        let mut codes = vec![0u8; if training { out.len() } else { 0 }];
        let mut conv = Vec::new();
        let mut statistics = None;
        slice(input, |x| {
            let images = x.par_chunks_exact(g.input_len());
            match &self.norm {
                Some(norm) if training => {
                    conv = self.buffers.conv.take(n * g.conv_len());
                    let moments: Vec<_> = images
                        .zip(conv.par_chunks_exact_mut(g.conv_len()))
                        .map(|(image, y)| pass.conv_image(image, y))
                        .collect();
                    let batch = combine(&moments, g.out, g.oh * g.ow);
                    norm.track(&batch, n * g.oh * g.ow)?;
                    let tails = self.tails(&g, Some((&batch, norm)), training)?;
                    conv.par_chunks_exact(g.conv_len())
                        .zip(out.par_chunks_exact_mut(g.pooled_len()))
                        .zip(parts(&mut codes, n))
                        .enumerate()
                        .for_each_init(Vec::new, |random, (number, ((y, out), codes))| {
                            for oy in 0..height {
                                let rows = &y[oy * g.window.height * g.ow * 16..];
                                let block = g.oh * g.ow * 16;
                                pass.pool_row(
                                    &tails,
                                    stream.as_ref(),
                                    number,
                                    oy,
                                    rows,
                                    block,
                                    out,
                                    codes,
                                    random,
                                );
                            }
                        });
                    statistics = Some(batch);
                }
                norm => {
                    let running = norm.as_ref().map(BatchNorm::running).transpose()?;
                    let tails = self.tails(&g, running.as_ref().zip(norm.as_ref()), training)?;
                    images
                        .zip(out.par_chunks_exact_mut(g.pooled_len()))
                        .zip(parts(&mut codes, n))
                        .enumerate()
                        .for_each(|(number, ((image, out), codes))| {
                            pass.whole_image(&tails, stream.as_ref(), number, image, out, codes);
                        });
                }
            }
            Ok(())
        })?;
        let out = from_vec(out, (n, g.out_blocks(), height, width, 16))?;
        if !training {
            return Ok((out, None));
        }
        let norm = match (&self.norm, statistics) {
            (Some(norm), Some(statistics)) => Some((values(&norm.weight)?, norm.eps, statistics)),
            _ => None,
        };
        let back = Back {
            keep: self.dropout.as_ref().map_or(1.0, Dropout::scale),
            kernels: self.kernels,
            buffers: self.buffers.clone(),
            input: input.clone(),
            weight: self.weight.as_detached_tensor(),
            bias: self.bias.is_some(),
            norm,
            conv,
            codes,
            g,
        };
        Ok((out, Some(Box::new(back))))
    }
}
