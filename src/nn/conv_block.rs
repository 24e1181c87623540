//! Convolution with the batch norm, ReLU, max-pooling and dropout that follow it, in as few passes as can be.
//!
//! An image is worked on row by row while it is in cache, images in parallel. Batch norm in training needs the whole
//! batch's statistics, so there the convolution's result is kept between two passes; everywhere else its rows exist
//! only until they are pooled.

use super::batch_norm::Statistics;
use super::buffers::Buffers;
use super::conv_gradient::Back;
use super::geometry::Geometry;
use super::kernel::{Kernels, PooledRow, Runs, Tail};
use super::{Backward, BatchNorm, Dropout, Mode, Operation, Stream, from_vec, slice, values};
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

/// One pass over a batch: what all images share.
struct Pass<'a> {
    g: &'a Geometry,
    kernels: &'static Kernels,
    buffers: &'a Workspace,
    weights: &'a [f32],
    bias: &'a [[f32; 16]],
    runs: &'a [usize],
}

impl Pass<'_> {
    /// Row `oy` of the convolution into `out`, whose blocks are `block` numbers apart.
    fn conv_row(&self, padded: &[f32], oy: usize, out: &mut [f32], block: usize) {
        let g = self.g;
        let depth = g.depth();
        let runs = Runs {
            starts: self.runs,
            length: g.run_len(),
            step: g.stride.width * depth,
        };
        for (first, blocks) in Geometry::groups(g.out_blocks(), self.kernels.blocks) {
            let weights = &self.weights[first * 16 * self.runs.len() * g.run_len()..];
            let bias = self.bias[first..first + blocks].as_flattened();
            let input = &padded[g.row_start(oy)..];
            let out = &mut out[first * block..];
            self.kernels
                .row(blocks, input, &runs, weights, bias, out, block, g.ow);
        }
    }

    /// The whole convolution of an image into `y`, and per block Σ (y − pivot) and Σ (y − pivot)²; the pivot is the
    /// first pixel's.
    fn conv_image(&self, image: &[f32], y: &mut [f32]) -> Vec<([f32; 16], [f64; 32])> {
        let g = self.g;
        let block = g.oh * g.ow * 16;
        let mut padded = self.buffers.image.take(g.padded_len());
        g.pad(image, &mut padded);
        let mut moments: Vec<([f32; 16], [f64; 32])> = Vec::new();
        for oy in 0..g.oh {
            self.conv_row(&padded, oy, &mut y[oy * g.ow * 16..], block);
            for b in 0..g.out_blocks() {
                let row = &y[b * block + oy * g.ow * 16..][..g.ow * 16];
                if oy == 0 {
                    moments.push((std::array::from_fn(|l| row[l]), [0.0; 32]));
                }
                let (pivot, sums) = &mut moments[b];
                self.kernels.moments(row, pivot, sums);
            }
        }
        self.buffers.image.give(padded);
        moments
    }

    /// Pools the rows under pooled row `oy` of image number `number`; `rows` holds them for all blocks, `block` numbers apart.
    #[expect(clippy::too_many_arguments, reason = "a row's places")]
    fn pool_row(
        &self,
        tails: &[Tail],
        stream: Option<&Stream>,
        number: usize,
        oy: usize,
        rows: &[f32],
        block: usize,
        out: &mut [f32],
        codes: &mut [u8],
        random: &mut Vec<u32>,
    ) {
        let (height, width) = self.g.pooled();
        for (b, tail) in tails.iter().enumerate() {
            let at = (b * height + oy) * width * 16;
            if let Some(stream) = stream {
                random.resize(width * 16, 0);
                let row = (number * tails.len() + b) * height + oy;
                let group = row as u64 * (width as u64 * 16).div_ceil(64);
                self.kernels.random(stream, group, random);
            }
            let codes = if codes.is_empty() {
                &mut []
            } else {
                &mut codes[at..at + width * 16]
            };
            let row = PooledRow {
                stride: self.g.ow * 16,
                out: &mut out[at..at + width * 16],
                codes,
                random,
            };
            self.kernels.pool(tail, &rows[b * block..], row);
        }
    }

    /// Convolution and pooling of one image together, its rows kept only until they are pooled.
    fn whole_image(
        &self,
        tails: &[Tail],
        stream: Option<&Stream>,
        number: usize,
        image: &[f32],
        out: &mut [f32],
        codes: &mut [u8],
    ) {
        let g = self.g;
        let block = g.window.height * g.ow * 16;
        let mut padded = self.buffers.image.take(g.padded_len());
        let mut rows = self.buffers.rows.take(g.out_blocks() * block);
        let mut random = Vec::new();
        g.pad(image, &mut padded);
        for oy in 0..g.pooled().0 {
            for r in 0..g.window.height {
                let row = &mut rows[r * g.ow * 16..];
                self.conv_row(&padded, oy * g.window.height + r, row, block);
            }
            self.pool_row(
                tails,
                stream,
                number,
                oy,
                &rows,
                block,
                out,
                codes,
                &mut random,
            );
        }
        self.buffers.image.give(padded);
        self.buffers.rows.give(rows);
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

/// Batch statistics from each image's sums, taken together in the order of the images (Chan, Golub and LeVeque 1983).
fn combine(images: &[Vec<([f32; 16], [f64; 32])>], channels: usize, pixels: usize) -> Statistics {
    let pixels = pixels as f64;
    let (mut mean, mut square) = (vec![0f64; channels], vec![0f64; channels]);
    for (n, image) in images.iter().enumerate() {
        let before = n as f64 * pixels;
        for c in 0..channels {
            let (pivot, sums) = &image[c / 16];
            let (sum, squares) = (sums[c % 16], sums[16 + c % 16]);
            let own = f64::from(pivot[c % 16]) + sum / pixels;
            let delta = own - mean[c];
            mean[c] += delta * pixels / (before + pixels);
            square[c] +=
                squares - sum * sum / pixels + delta * delta * before * pixels / (before + pixels);
        }
    }
    let count = images.len() as f64 * pixels;
    Statistics {
        mean,
        // Rounding must not make it negative; NaN stays.
        var: square
            .into_iter()
            .map(|s| if s < 0.0 { 0.0 } else { s / count })
            .collect(),
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
