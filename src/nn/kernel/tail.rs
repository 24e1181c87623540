//! What follows a convolution, row by row: normalization, ReLU, max-pooling and dropout in one pass, and back.
//!
//! Pixels are sixteen channels wide. Each function is inlined into one that enables an instruction set.

use crate::nn::Stream;

/// A pooled element's code where no gradient passes: not above zero, or dropped.
const DEAD: u8 = 255;

/// The steps after the convolution, for one block of sixteen channels.
pub(crate) struct Tail {
    /// Normalization as y · scale + shift; 1 and 0 where there is none.
    pub scale: [f32; 16],
    pub shift: [f32; 16],
    pub relu: bool,
    /// Height and width of the pooling windows, which do not overlap; 1 and 1 where there are none.
    pub window: (usize, usize),
    /// A random number below this drops its element.
    pub threshold: u32,
    /// What dropout multiplies the others by.
    pub keep: f32,
}

/// Where a row of pooled pixels goes.
pub(crate) struct PooledRow<'a> {
    /// Numbers from one row of the convolution to the next.
    pub stride: usize,
    pub out: &'a mut [f32],
    /// Each element's place in its window or [`DEAD`]; empty where nobody will go back.
    pub codes: &'a mut [u8],
    /// A random number an element; empty where there is no dropout.
    pub random: &'a [u32],
}

/// A row of pooled pixels on the way back.
#[derive(Clone, Copy)]
pub(crate) struct Pooled<'a> {
    pub gradient: &'a [f32],
    pub codes: &'a [u8],
}

#[inline(always)]
fn lanes(x: &[f32], pixel: usize) -> &[f32; 16] {
    // The range has sixteen numbers.
    x[pixel * 16..pixel * 16 + 16]
        .try_into()
        .expect("sixteen numbers")
}

/// From the rows of the convolution that a row of windows covers to that row.
#[inline(always)]
pub(super) fn pool(tail: &Tail, y: &[f32], row: PooledRow) {
    let (height, width) = tail.window;
    let (scale, shift) = (tail.scale, tail.shift);
    let floor = if tail.relu { 0.0 } else { f32::NEG_INFINITY };
    for (q, out) in row.out.chunks_exact_mut(16).enumerate() {
        let mut best = [0f32; 16];
        let mut place = [0u32; 16];
        for r in 0..height {
            for s in 0..width {
                let y = lanes(&y[r * row.stride..], q * width + s);
                let code = (r * width + s) as u32;
                for l in 0..16 {
                    let z = y[l] * scale[l] + shift[l];
                    let better = code == 0 || z > best[l] || z.is_nan();
                    best[l] = if better { z } else { best[l] };
                    place[l] = if better { code } else { place[l] };
                }
            }
        }
        for l in 0..16 {
            // NaN is not at most zero, so it passes and will be noticed.
            let dead = best[l] <= floor;
            best[l] = if dead && tail.relu { 0.0 } else { best[l] };
            place[l] = if dead && tail.relu {
                u32::from(DEAD)
            } else {
                place[l]
            };
        }
        if !row.random.is_empty() {
            let random = &row.random[q * 16..q * 16 + 16];
            for l in 0..16 {
                let dropped = random[l] < tail.threshold;
                best[l] = if dropped { 0.0 } else { best[l] * tail.keep };
                place[l] = if dropped { u32::from(DEAD) } else { place[l] };
            }
        }
        out.copy_from_slice(&best);
        if !row.codes.is_empty() {
            let codes = &mut row.codes[q * 16..q * 16 + 16];
            for l in 0..16 {
                codes[l] = place[l] as u8;
            }
        }
    }
}

/// Adds to `sums` Σ (y − pivot) and, sixteen further, Σ (y − pivot)², for each lane of a row.
#[inline(always)]
pub(super) fn moments(y: &[f32], pivot: &[f32; 16], sums: &mut [f64; 32]) {
    let mut sum = [0f32; 16];
    let mut square = [0f32; 16];
    for y in y.chunks_exact(16) {
        for l in 0..16 {
            let d = y[l] - pivot[l];
            sum[l] += d;
            square[l] += d * d;
        }
    }
    for l in 0..16 {
        sums[l] += f64::from(sum[l]);
        sums[16 + l] += f64::from(square[l]);
    }
}

/// Adds to `sums` Σ g and, sixteen further, Σ g · (y − pivot), over the elements of a pooled row that pass a gradient on;
/// `y` are the rows of the convolution under it (empty where only the first is wanted).
#[inline(always)]
pub(super) fn gradient_sums(
    tail: &Tail,
    pooled: Pooled,
    y: &[f32],
    stride: usize,
    pivot: &[f32; 16],
    sums: &mut [f64; 32],
) {
    let (height, width) = tail.window;
    let mut sum = [0f32; 16];
    let mut product = [0f32; 16];
    for (q, (g, codes)) in pooled
        .gradient
        .chunks_exact(16)
        .zip(pooled.codes.chunks_exact(16))
        .enumerate()
    {
        let mut g: [f32; 16] = std::array::from_fn(|l| g[l]);
        let codes: [u32; 16] = std::array::from_fn(|l| u32::from(codes[l]));
        for l in 0..16 {
            g[l] = if codes[l] == u32::from(DEAD) {
                0.0
            } else {
                g[l] * tail.keep
            };
            sum[l] += g[l];
        }
        if y.is_empty() {
            continue;
        }
        let mut at = [0f32; 16];
        for r in 0..height {
            for s in 0..width {
                let y = lanes(&y[r * stride..], q * width + s);
                let code = (r * width + s) as u32;
                for l in 0..16 {
                    at[l] = if codes[l] == code { y[l] } else { at[l] };
                }
            }
        }
        for l in 0..16 {
            // A dead element has g = 0; its `at` may be anything finite.
            product[l] += g[l] * (at[l] - pivot[l]);
        }
    }
    for l in 0..16 {
        sums[l] += f64::from(sum[l]);
        sums[16 + l] += f64::from(product[l]);
    }
}

/// The gradient by a convolution's result as slope · y + constant + factor · g, g only where a window's maximum was.
pub(crate) struct Slope {
    pub slope: [f32; 16],
    pub constant: [f32; 16],
    pub factor: [f32; 16],
    /// Width of the pooling windows.
    pub width: usize,
}

/// One row of the gradient by a convolution's result.
///
/// `place` is the code of the row's first element in a window; `y` is the convolution's row, empty where there was no
/// normalization; `pooled` is none for a row that no window covers.
#[inline(always)]
pub(super) fn gradient(
    slope: &Slope,
    pooled: Option<Pooled>,
    place: usize,
    y: &[f32],
    out: &mut [f32],
) {
    let (a, b, factor) = (slope.slope, slope.constant, slope.factor);
    if y.is_empty() {
        out.fill(0.0);
    } else {
        for (out, y) in out.chunks_exact_mut(16).zip(y.chunks_exact(16)) {
            for l in 0..16 {
                out[l] = y[l] * a[l] + b[l];
            }
        }
    }
    let Some(Pooled { gradient, codes }) = pooled else {
        return;
    };
    for ((g, codes), out) in gradient
        .chunks_exact(16)
        .zip(codes.chunks_exact(16))
        .zip(out.chunks_exact_mut(16 * slope.width))
    {
        let g: [f32; 16] = std::array::from_fn(|l| g[l] * factor[l]);
        let codes: [u32; 16] = std::array::from_fn(|l| u32::from(codes[l]));
        for (s, out) in out.chunks_exact_mut(16).enumerate() {
            let here = (place + s) as u32;
            for l in 0..16 {
                out[l] += if codes[l] == here { g[l] } else { 0.0 };
            }
        }
    }
}

/// The stream's numbers from group `group` of sixty-four on.
#[inline(always)]
pub(super) fn random(stream: &Stream, group: u64, out: &mut [u32]) {
    for (i, out) in out.chunks_mut(64).enumerate() {
        let numbers = stream.sixteen_blocks((group + i as u64) * 16);
        out.copy_from_slice(&numbers.as_flattened()[..out.len()]);
    }
}
