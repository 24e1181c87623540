//! The inner loops, built for each instruction set and chosen when the program starts.

mod bytes;
mod dots;
mod lanes;
#[cfg(target_arch = "x86_64")]
mod lanes_x86;
mod tail;
mod taps;

pub(crate) use dots::Rows;
pub(crate) use tail::{Pooled, PooledRow, Slope, Tail};
pub(crate) use taps::Runs;

use super::Stream;
use std::sync::OnceLock;

type RowFn = unsafe fn(&[f32], &Runs, &[f32], &[f32], &mut [f32], usize, usize);
type WeightFn = unsafe fn(&[f32], usize, usize, &[f32], usize, usize, &mut [f32]);

type DotsFn = unsafe fn(Rows, Rows, usize, &mut Vec<f32>, &mut [f32]);

type SumsFn = unsafe fn(&Tail, Pooled, &[f32], usize, &[f32; 16], &mut [f64; 32]);

/// The loops for one instruction set. Each instance is made only where its set is there, so that calls are safe.
pub(crate) struct Kernels {
    /// `avx512`, `avx2` or `portable`.
    pub name: &'static str,
    /// Blocks of sixteen output channels that are worked on at once, at most.
    pub blocks: usize,
    /// By blocks − 1 and by step: 16, 3, 1, any other.
    row: [[RowFn; 4]; 2],
    /// By blocks − 1: numbers of a run that are worked on at once, the most first.
    weights: [&'static [(usize, WeightFn)]; 2],
    pool: unsafe fn(&Tail, &[f32], PooledRow),
    gradient: unsafe fn(&Slope, Option<Pooled>, usize, &[f32], &mut [f32]),
    moments: unsafe fn(&[f32], &[f32; 16], &mut [f64; 32]),
    gradient_sums: SumsFn,
    random: unsafe fn(&Stream, u64, &mut [u32]),
    dots: DotsFn,
    scale_bytes: unsafe fn(&[u8], f32, f32, &mut [f32]),
}

macro_rules! kernels {
    ($name:ident, $text:literal, $from:ident::$lanes:ident, [$($feature:literal),*], blocks $blocks:literal,
     pixels $one:literal $two:literal, weights [$($t1:literal),*] [$($t2:literal),*], dots $register:ty, $r:literal $c:literal) => {
        mod $name {
            use super::{Kernels, $from, bytes, dots, tail, taps};
            use super::{Pooled, PooledRow, Rows, Runs, Slope, Tail};
            use crate::nn::Stream;

            // SAFETY of all that follows: only called through `Kernels`, which exists where the features do.

            $(#[target_feature(enable = $feature)])*
            unsafe fn row<const V: usize, const P: usize, const S: usize>(
                input: &[f32], runs: &Runs, weights: &[f32], bias: &[f32], out: &mut [f32], block: usize, pixels: usize,
            ) {
                // SAFETY: see above.
                unsafe { taps::row::<$from::$lanes, V, P, S>(input, runs, weights, bias, out, block, pixels) }
            }

            $(#[target_feature(enable = $feature)])*
            unsafe fn weight<const V: usize, const T: usize>(
                input: &[f32], start: usize, step: usize, gradient: &[f32], block: usize, pixels: usize, sums: &mut [f32],
            ) {
                // SAFETY: see above.
                unsafe { taps::weight_gradient::<$from::$lanes, V, T>(input, start, step, gradient, block, pixels, sums) }
            }

            $(#[target_feature(enable = $feature)])*
            unsafe fn pool(tail: &Tail, y: &[f32], row: PooledRow) {
                // SAFETY: see above.
                unsafe { tail::pool::<$from::$lanes>(tail, y, row) }
            }

            $(#[target_feature(enable = $feature)])*
            unsafe fn gradient(slope: &Slope, pooled: Option<Pooled>, place: usize, y: &[f32], out: &mut [f32]) {
                // SAFETY: see above.
                unsafe { tail::gradient::<$from::$lanes>(slope, pooled, place, y, out) }
            }

            $(#[target_feature(enable = $feature)])*
            unsafe fn moments(y: &[f32], pivot: &[f32; 16], sums: &mut [f64; 32]) {
                // SAFETY: see above.
                unsafe { tail::moments::<$from::$lanes>(y, pivot, sums) }
            }

            $(#[target_feature(enable = $feature)])*
            unsafe fn gradient_sums(
                tail: &Tail, pooled: Pooled, y: &[f32], stride: usize, pivot: &[f32; 16], sums: &mut [f64; 32],
            ) {
                // SAFETY: see above.
                unsafe { tail::gradient_sums::<$from::$lanes>(tail, pooled, y, stride, pivot, sums) }
            }

            $(#[target_feature(enable = $feature)])*
            unsafe fn random(stream: &Stream, group: u64, out: &mut [u32]) {
                tail::random(stream, group, out)
            }

            $(#[target_feature(enable = $feature)])*
            unsafe fn dots(a: Rows, b: Rows, length: usize, packed: &mut Vec<f32>, out: &mut [f32]) {
                // SAFETY: see above.
                unsafe { dots::dots::<$register, $r, $c>(a, b, length, packed, out) }
            }

            $(#[target_feature(enable = $feature)])*
            unsafe fn scale_bytes(bytes: &[u8], factor: f32, summand: f32, out: &mut [f32]) {
                bytes::scale(bytes, factor, summand, out)
            }

            pub(super) static KERNELS: Kernels = Kernels {
                name: $text,
                blocks: $blocks,
                row: [
                    [row::<1, $one, 16>, row::<1, $one, 3>, row::<1, $one, 1>, row::<1, $one, 0>],
                    [row::<2, $two, 16>, row::<2, $two, 3>, row::<2, $two, 1>, row::<2, $two, 0>],
                ],
                weights: [&[$(($t1, weight::<1, $t1>)),*], &[$(($t2, weight::<2, $t2>)),*]],
                pool,
                gradient,
                moments,
                gradient_sums,
                random,
                dots,
                scale_bytes,
            };
        }
    };
}

kernels!(portable, "portable", lanes::Portable, [], blocks 1, pixels 2 1, weights [3, 1] [1], dots [f32; 4], 4 2);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, "avx2", lanes_x86::Avx2, ["avx2", "fma"], blocks 1, pixels 6 2, weights [6, 3, 1] [2, 1], dots std::arch::x86_64::__m256, 4 3);
#[cfg(target_arch = "x86_64")]
kernels!(avx512, "avx512", lanes_x86::Avx512, ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"],
    blocks 2, pixels 16 8, weights [16, 9, 3, 1] [12, 8, 3, 1], dots std::arch::x86_64::__m512, 4 6);

impl Kernels {
    /// The best that this processor has.
    pub fn best() -> &'static Kernels {
        static BEST: OnceLock<&'static Kernels> = OnceLock::new();
        BEST.get_or_init(|| Kernels::all().remove(0))
    }

    /// All that this processor has, the best first.
    pub fn all() -> Vec<&'static Kernels> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            Kernels::with(avx2, avx512)
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![&portable::KERNELS]
    }

    /// All that a processor with these features has, the best first.
    #[cfg(target_arch = "x86_64")]
    fn with(avx2: bool, avx512: bool) -> Vec<&'static Kernels> {
        let mut all: Vec<&'static Kernels> = Vec::new();
        // The AVX-512 loops use the features of AVX2 too.
        if avx2 && avx512 {
            all.push(&avx512::KERNELS);
        }
        if avx2 {
            all.push(&avx2::KERNELS);
        }
        all.push(&portable::KERNELS);
        all
    }

    /// One output row of `pixels` pixels in `blocks` (1 or 2) blocks, `block` numbers apart; see [`taps::row`].
    #[expect(clippy::too_many_arguments, reason = "an inner loop's places")]
    pub fn row(
        &self,
        blocks: usize,
        input: &[f32],
        runs: &Runs,
        weights: &[f32],
        bias: &[f32],
        out: &mut [f32],
        block: usize,
        pixels: usize,
    ) {
        let step = match runs.step {
            16 => 0,
            3 => 1,
            1 => 2,
            _ => 3,
        };
        // SAFETY: `self` exists only where its instruction set does.
        unsafe { self.row[blocks - 1][step](input, runs, weights, bias, out, block, pixels) }
    }

    /// Adds one output row's share to the gradients of the weights of `blocks` blocks, in the order of the runs' numbers.
    #[expect(clippy::too_many_arguments, reason = "an inner loop's places")]
    pub fn weight_gradient(
        &self,
        blocks: usize,
        input: &[f32],
        runs: &Runs,
        gradient: &[f32],
        block: usize,
        pixels: usize,
        sums: &mut [f32],
    ) {
        let sizes = self.weights[blocks - 1];
        for (run, sums) in runs
            .starts
            .iter()
            .zip(sums.chunks_exact_mut(runs.length * blocks * 16))
        {
            let mut done = 0;
            while done < runs.length {
                // The last size is 1, so one always fits.
                let Some((size, f)) = sizes.iter().find(|(size, _)| *size <= runs.length - done)
                else {
                    break;
                };
                let sums = &mut sums[done * blocks * 16..];
                // SAFETY: `self` exists only where its instruction set does.
                unsafe { f(input, run + done, runs.step, gradient, block, pixels, sums) }
                done += size;
            }
        }
    }

    /// See [`tail::pool`].
    pub fn pool(&self, tail: &Tail, y: &[f32], row: PooledRow) {
        // SAFETY: `self` exists only where its instruction set does.
        unsafe { (self.pool)(tail, y, row) }
    }

    /// See [`tail::gradient`].
    pub fn gradient(
        &self,
        slope: &Slope,
        pooled: Option<Pooled>,
        place: usize,
        y: &[f32],
        out: &mut [f32],
    ) {
        // SAFETY: `self` exists only where its instruction set does.
        unsafe { (self.gradient)(slope, pooled, place, y, out) }
    }

    /// See [`tail::moments`].
    pub fn moments(&self, y: &[f32], pivot: &[f32; 16], sums: &mut [f64; 32]) {
        // SAFETY: `self` exists only where its instruction set does.
        unsafe { (self.moments)(y, pivot, sums) }
    }

    /// See [`tail::gradient_sums`].
    pub fn gradient_sums(
        &self,
        tail: &Tail,
        pooled: Pooled,
        y: &[f32],
        stride: usize,
        pivot: &[f32; 16],
        sums: &mut [f64; 32],
    ) {
        // SAFETY: `self` exists only where its instruction set does.
        unsafe { (self.gradient_sums)(tail, pooled, y, stride, pivot, sums) }
    }

    /// See [`dots::dots`].
    pub fn dots(&self, a: Rows, b: Rows, length: usize, packed: &mut Vec<f32>, out: &mut [f32]) {
        // SAFETY: `self` exists only where its instruction set does.
        unsafe { (self.dots)(a, b, length, packed, out) }
    }

    /// See [`bytes::scale`].
    pub fn scale_bytes(&self, bytes: &[u8], factor: f32, summand: f32, out: &mut [f32]) {
        // SAFETY: `self` exists only where its instruction set does.
        unsafe { (self.scale_bytes)(bytes, factor, summand, out) }
    }

    /// See [`tail::random`].
    pub fn random(&self, stream: &Stream, group: u64, out: &mut [u32]) {
        // SAFETY: `self` exists only where its instruction set does.
        unsafe { (self.random)(stream, group, out) }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn a_processor_without_avx512_takes_avx2_and_one_without_either_the_portable_loops() {
        let best = |avx2, avx512| Kernels::with(avx2, avx512)[0].name;
        assert_eq!(best(true, true), "avx512");
        assert_eq!(best(true, false), "avx2");
        assert_eq!(best(false, true), "portable");
        assert_eq!(best(false, false), "portable");
        assert_eq!(Kernels::best().name, Kernels::all()[0].name);
    }
}
