//! Direct convolution of one row of pixels, and the weights' gradient from one row.
//!
//! An input pixel is a run of numbers (its channels), a row of pixels has no gaps; so what one output pixel sees in one
//! input row is a run of kernel width · channels numbers. The sixteen lanes are output channels.

use super::lanes::Lanes;

/// The runs that an output pixel sees.
pub(crate) struct Runs<'a> {
    /// Where each run starts, from the pixel's own place.
    pub starts: &'a [usize],
    /// Numbers a run.
    pub length: usize,
    /// From an output pixel's place to the next one's.
    pub step: usize,
}

impl Runs<'_> {
    /// Panics unless `pixels` output pixels from the start of `input` on see only what is in it.
    #[inline(always)]
    fn check(&self, input: &[f32], pixels: usize) {
        let last = self
            .starts
            .iter()
            .max()
            .map_or(0, |start| start + self.length);
        assert!(pixels == 0 || (pixels - 1) * self.step + last <= input.len());
    }
}

/// `out` pixels (sixteen numbers each; the second of `V` blocks `block` numbers behind the first) = `bias` + weights · input.
///
/// `weights` are in the order of the runs' numbers, `V` · 16 each; `S` is the runs' step, or 0 where it is not known in advance.
///
/// # Safety
/// Only where the instruction set of `L` is there.
#[inline(always)]
pub(super) unsafe fn row<L: Lanes, const V: usize, const P: usize, const S: usize>(
    input: &[f32],
    runs: &Runs,
    weights: &[f32],
    bias: &[f32],
    out: &mut [f32],
    block: usize,
    pixels: usize,
) {
    runs.check(input, pixels);
    assert!(S == 0 || S == runs.step);
    assert!(weights.len() >= runs.starts.len() * runs.length * V * 16 && bias.len() >= V * 16);
    assert!(out.len() >= (V - 1) * block + pixels * 16);
    let mut x = 0;
    // SAFETY: all that tiles read and write was checked above.
    unsafe {
        if pixels < P {
            while x < pixels {
                tile::<L, V, 1, S>(input, runs, weights, bias, out, block, x);
                x += 1;
            }
            return;
        }
        loop {
            tile::<L, V, P, S>(input, runs, weights, bias, out, block, x);
            if x + P == pixels {
                return;
            }
            // The last tile overlaps the one before rather than being a smaller one.
            x = (x + P).min(pixels - P);
        }
    }
}

/// `P` pixels from `x` on, all in registers.
///
/// # Safety
/// As for [`row`], and the ranges that it checks.
#[inline(always)]
unsafe fn tile<L: Lanes, const V: usize, const P: usize, const S: usize>(
    input: &[f32],
    runs: &Runs,
    weights: &[f32],
    bias: &[f32],
    out: &mut [f32],
    block: usize,
    x: usize,
) {
    let step = if S == 0 { runs.step } else { S };
    // SAFETY: the caller has checked every range.
    unsafe {
        let mut sums = [[L::zero(); P]; V];
        for (v, sums) in sums.iter_mut().enumerate() {
            *sums = [L::load(bias.as_ptr().add(v * 16)); P];
        }
        let mut weight = weights.as_ptr();
        for &start in runs.starts {
            let mut from = input.as_ptr().add(x * step + start);
            for _ in 0..runs.length {
                let mut w = [L::zero(); V];
                for (v, w) in w.iter_mut().enumerate() {
                    *w = L::load(weight.add(v * 16));
                }
                for p in 0..P {
                    let number = L::splat(from.add(p * step));
                    for (w, sums) in w.iter().zip(&mut sums) {
                        sums[p] = number.mul_add(*w, sums[p]);
                    }
                }
                weight = weight.add(V * 16);
                from = from.add(1);
            }
        }
        for (v, sums) in sums.iter().enumerate() {
            for (p, sum) in sums.iter().enumerate() {
                sum.store(out.as_mut_ptr().add(v * block + (x + p) * 16));
            }
        }
    }
}

/// Adds to `sums` (`T` · `V` · 16 numbers) what a row of output gradients gives `T` numbers of a run that starts at `start`.
///
/// # Safety
/// Only where the instruction set of `L` is there.
#[inline(always)]
pub(super) unsafe fn weight_gradient<L: Lanes, const V: usize, const T: usize>(
    input: &[f32],
    start: usize,
    step: usize,
    gradient: &[f32],
    block: usize,
    pixels: usize,
    sums: &mut [f32],
) {
    assert!(pixels > 0 && (pixels - 1) * step + start + T <= input.len());
    assert!(gradient.len() >= (V - 1) * block + pixels * 16 && sums.len() >= T * V * 16);
    // SAFETY: the ranges were checked above.
    unsafe {
        let mut total = [[L::zero(); V]; T];
        let mut from = input.as_ptr().add(start);
        let mut g = gradient.as_ptr();
        for _ in 0..pixels {
            let mut gs = [L::zero(); V];
            for (v, gs) in gs.iter_mut().enumerate() {
                *gs = L::load(g.add(v * block));
            }
            for (t, total) in total.iter_mut().enumerate() {
                let number = L::splat(from.add(t));
                for v in 0..V {
                    total[v] = number.mul_add(gs[v], total[v]);
                }
            }
            from = from.wrapping_add(step);
            g = g.wrapping_add(16);
        }
        for (t, total) in total.iter().enumerate() {
            for (v, total) in total.iter().enumerate() {
                let to = sums.as_mut_ptr().add((t * V + v) * 16);
                total.add(L::load(to)).store(to);
            }
        }
    }
}
