//! What follows a convolution, row by row: normalization, ReLU, max-pooling and dropout in one pass, and back.
//!
//! Pixels are sixteen channels wide. Each function is inlined into one that enables an instruction set.

use super::lanes::Lanes;
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

/// From the rows of the convolution that a row of windows covers to that row.
///
/// # Safety
/// Only where the instruction set of `L` is there; so for all functions here.
#[inline(always)]
pub(super) unsafe fn pool<L: Lanes>(tail: &Tail, y: &[f32], row: PooledRow) {
    // SAFETY: the caller answers for the instruction set.
    unsafe {
        // The usual window is known when this is compiled.
        match tail.window {
            (2, 2) => pool_windows::<L>(tail, (2, 2), y, row),
            (1, 1) => pool_windows::<L>(tail, (1, 1), y, row),
            window => pool_windows::<L>(tail, window, y, row),
        }
    }
}

/// Panics unless `rows` rows of `pixels` pixels, `stride` numbers apart, lie in `y`.
#[inline(always)]
fn check(y: &[f32], rows: usize, pixels: usize, stride: usize) {
    assert!(rows > 0 && (rows - 1) * stride + pixels * 16 <= y.len());
}

#[inline(always)]
unsafe fn pool_windows<L: Lanes>(
    tail: &Tail,
    (height, width): (usize, usize),
    y: &[f32],
    row: PooledRow,
) {
    let pixels = row.out.len() / 16;
    check(y, height, pixels * width, row.stride);
    assert!(row.codes.is_empty() || row.codes.len() == pixels * 16);
    assert!(row.random.is_empty() || row.random.len() == pixels * 16);
    // SAFETY: the ranges were checked above, and the window's height and width are at least one.
    unsafe {
        let (scale, shift) = (L::load(tail.scale.as_ptr()), L::load(tail.shift.as_ptr()));
        let (zero, dead, keep) = (L::zero(), L::splat(&f32::from(DEAD)), L::splat(&tail.keep));
        for q in 0..pixels {
            let window = y.as_ptr().add(q * width * 16);
            let mut best = L::load(window).mul_add(scale, shift);
            let mut place = zero;
            for r in 0..height {
                for s in usize::from(r == 0)..width {
                    let z = L::load(window.add(r * row.stride + s * 16)).mul_add(scale, shift);
                    let better = z.greater_or_nan(best);
                    best = L::select(better, z, best);
                    place = L::select(better, L::splat(&((r * width + s) as f32)), place);
                }
            }
            if tail.relu {
                // NaN is not at most zero, so it passes and will be noticed.
                let off = best.at_most(zero);
                best = L::select(off, zero, best);
                place = L::select(off, dead, place);
            }
            if !row.random.is_empty() {
                let dropped = L::below(row.random.as_ptr().add(q * 16), tail.threshold);
                best = L::select(dropped, zero, best.mul(keep));
                place = L::select(dropped, dead, place);
            }
            best.store(row.out.as_mut_ptr().add(q * 16));
            if !row.codes.is_empty() {
                place.store_bytes(row.codes.as_mut_ptr().add(q * 16));
            }
        }
    }
}

/// Adds to `sums` Σ (y − pivot) and, sixteen further, Σ (y − pivot)², for each lane of a row.
#[inline(always)]
pub(super) unsafe fn moments<L: Lanes>(y: &[f32], pivot: &[f32; 16], sums: &mut [f64; 32]) {
    // SAFETY: chunks have sixteen numbers; the caller answers for the instruction set.
    unsafe {
        let pivot = L::load(pivot.as_ptr());
        let (mut sum, mut square) = (L::zero(), L::zero());
        for y in y.chunks_exact(16) {
            let d = L::load(y.as_ptr()).sub(pivot);
            sum = sum.add(d);
            square = d.mul_add(d, square);
        }
        widen(sum, square, sums);
    }
}

/// Adds two rows' sums to the totals in float64.
#[inline(always)]
unsafe fn widen<L: Lanes>(first: L, second: L, sums: &mut [f64; 32]) {
    let mut narrow = [0f32; 32];
    // SAFETY: there is room for both.
    unsafe {
        first.store(narrow.as_mut_ptr());
        second.store(narrow.as_mut_ptr().add(16));
    }
    sums.iter_mut()
        .zip(narrow)
        .for_each(|(sum, x)| *sum += f64::from(x));
}

/// Adds to `sums` Σ g and, sixteen further, Σ g · (y − pivot), over the elements of a pooled row that pass a gradient on;
/// `y` are the rows of the convolution under it (empty where only the first is wanted).
#[inline(always)]
pub(super) unsafe fn gradient_sums<L: Lanes>(
    tail: &Tail,
    pooled: Pooled,
    y: &[f32],
    stride: usize,
    pivot: &[f32; 16],
    sums: &mut [f64; 32],
) {
    // SAFETY: the caller answers for the instruction set.
    unsafe {
        match tail.window {
            (2, 2) => sums_of_windows::<L>(tail, (2, 2), pooled, y, stride, pivot, sums),
            window => sums_of_windows::<L>(tail, window, pooled, y, stride, pivot, sums),
        }
    }
}

#[inline(always)]
unsafe fn sums_of_windows<L: Lanes>(
    tail: &Tail,
    (height, width): (usize, usize),
    pooled: Pooled,
    y: &[f32],
    stride: usize,
    pivot: &[f32; 16],
    sums: &mut [f64; 32],
) {
    let pixels = pooled.gradient.len() / 16;
    assert!(pooled.codes.len() == pixels * 16);
    if !y.is_empty() {
        check(y, height, pixels * width, stride);
    }
    // SAFETY: the ranges were checked above.
    unsafe {
        let (zero, dead) = (L::zero(), L::splat(&f32::from(DEAD)));
        let (pivot, keep) = (L::load(pivot.as_ptr()), L::splat(&tail.keep));
        let (mut sum, mut product) = (zero, zero);
        for q in 0..pixels {
            let code = L::load_bytes(pooled.codes.as_ptr().add(q * 16));
            let g = L::load(pooled.gradient.as_ptr().add(q * 16)).mul(keep);
            let g = L::select(code.equal(dead), zero, g);
            sum = sum.add(g);
            if y.is_empty() {
                continue;
            }
            // A dead element has g = 0, whatever is taken for its y.
            let mut at = pivot;
            for r in 0..height {
                for s in 0..width {
                    let y = L::load(y.as_ptr().add(r * stride + (q * width + s) * 16));
                    at = L::select(code.equal(L::splat(&((r * width + s) as f32))), y, at);
                }
            }
            product = g.mul_add(at.sub(pivot), product);
        }
        widen(sum, product, sums);
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
pub(super) unsafe fn gradient<L: Lanes>(
    slope: &Slope,
    pooled: Option<Pooled>,
    place: usize,
    y: &[f32],
    out: &mut [f32],
) {
    let pixels = out.len() / 16;
    let windows = pooled.map_or(0, |pooled| pooled.gradient.len() / 16);
    assert!(y.is_empty() || y.len() == out.len());
    assert!(
        windows * slope.width <= pixels
            && pooled.is_none_or(|pooled| pooled.codes.len() == windows * 16)
    );
    // SAFETY: the ranges were checked above; the caller answers for the instruction set.
    unsafe {
        let (a, b) = (
            L::load(slope.slope.as_ptr()),
            L::load(slope.constant.as_ptr()),
        );
        let factor = L::load(slope.factor.as_ptr());
        let dense = |x: usize| {
            if y.is_empty() {
                L::zero()
            } else {
                L::load(y.as_ptr().add(x * 16)).mul_add(a, b)
            }
        };
        let mut x = 0;
        if let Some(pooled) = pooled {
            for q in 0..windows {
                let g = L::load(pooled.gradient.as_ptr().add(q * 16)).mul(factor);
                let code = L::load_bytes(pooled.codes.as_ptr().add(q * 16));
                for s in 0..slope.width {
                    let here = code.equal(L::splat(&((place + s) as f32)));
                    let sum = dense(x).add(L::select(here, g, L::zero()));
                    sum.store(out.as_mut_ptr().add(x * 16));
                    x += 1;
                }
            }
        }
        while x < pixels {
            dense(x).store(out.as_mut_ptr().add(x * 16));
            x += 1;
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
