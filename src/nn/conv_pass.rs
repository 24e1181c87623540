//! A convolution block's passes over one image.

use super::Stream;
use super::batch_norm::Statistics;
use super::conv_block::Workspace;
use super::geometry::Geometry;
use super::kernel::{Kernels, PooledRow, Runs, Tail};

/// Of a block of channels in one image: a pivot, and Σ (y − pivot) and Σ (y − pivot)² side by side.
pub(super) type Moments = ([f32; 16], [f64; 32]);

/// One pass over a batch: what all images share.
pub(super) struct Pass<'a> {
    pub g: &'a Geometry,
    pub kernels: &'static Kernels,
    pub buffers: &'a Workspace,
    pub weights: &'a [f32],
    pub bias: &'a [[f32; 16]],
    pub runs: &'a [usize],
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
    pub fn conv_image(&self, image: &[f32], y: &mut [f32]) -> Vec<Moments> {
        let g = self.g;
        let block = g.oh * g.ow * 16;
        let mut padded = self.buffers.image.take(g.padded_len());
        g.pad(image, &mut padded);
        let mut moments: Vec<Moments> = Vec::new();
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
    pub fn pool_row(
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
    pub fn whole_image(
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

/// Batch statistics from each image's sums, taken together in the order of the images (Chan, Golub and LeVeque 1983).
pub(super) fn combine(images: &[Vec<Moments>], channels: usize, pixels: usize) -> Statistics {
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
