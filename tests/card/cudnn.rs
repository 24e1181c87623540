//! cuDNN: convolutions in two dimensions, forward and back, summed in float64.

use super::memory::memory;
use super::{report, work};
use rayon::prelude::*;
use std::ffi::c_void;
use std::ptr::dangling_mut;
use std::slice::{from_raw_parts, from_raw_parts_mut};

const BAD_PARAMETER: i32 = 2000;
const EXECUTION_FAILED: i32 = 5000;
/// Bytes that the algorithms say they work in.
const WORKSPACE: usize = 1000;

/// (N, C, H, W) of a tensor, or (out, C, height, width) of a filter.
type Sizes = [usize; 4];

/// A convolution's padding and stride.
#[derive(Clone, Copy, Default)]
pub struct Steps {
    padding: [usize; 2],
    stride: [usize; 2],
}

/// What the heuristics propose: cuDNN's own layout.
#[repr(C)]
pub struct Proposal {
    algorithm: i32,
    status: i32,
    time: f32,
    memory: usize,
    deterministic: i32,
    math: i32,
    reserved: [i32; 3],
}

macro_rules! library {
    ($(fn $name:ident($($argument:tt: $kind:ty),* $(,)?) $body:block)*) => {
        $(
            /// # Safety
            /// As `cudnn.h` declares it.
            #[unsafe(no_mangle)]
            #[allow(clippy::too_many_arguments)]
            pub unsafe extern "C" fn $name($($argument: $kind),*) -> i32 {
                // SAFETY: every descriptor is one that was created here, and every place the caller's own, as `cudnn.h` wants it.
                #[allow(unused_unsafe)]
                unsafe { $body }
            }
        )*
    };
}

library! {
    fn cudnnCreate(handle: *mut *mut c_void) { *handle = dangling_mut(); 0 }
    fn cudnnDestroy(_: *mut c_void) { 0 }
    fn cudnnSetStream(_: *mut c_void, _: *mut c_void) { 0 }

    fn cudnnCreateTensorDescriptor(descriptor: *mut *mut Sizes) { *descriptor = Box::into_raw(Box::default()); 0 }
    fn cudnnDestroyTensorDescriptor(descriptor: *mut Sizes) { drop(Box::from_raw(descriptor)); 0 }
    fn cudnnSetTensor4dDescriptor(d: *mut Sizes, format: i32, kind: i32, n: i32, c: i32, h: i32, w: i32) {
        described(d, format, kind, [n, c, h, w])
    }

    fn cudnnCreateFilterDescriptor(descriptor: *mut *mut Sizes) { *descriptor = Box::into_raw(Box::default()); 0 }
    fn cudnnDestroyFilterDescriptor(descriptor: *mut Sizes) { drop(Box::from_raw(descriptor)); 0 }
    fn cudnnSetFilter4dDescriptor(d: *mut Sizes, kind: i32, format: i32, k: i32, c: i32, h: i32, w: i32) {
        described(d, format, kind, [k, c, h, w])
    }

    fn cudnnCreateConvolutionDescriptor(descriptor: *mut *mut Steps) { *descriptor = Box::into_raw(Box::default()); 0 }
    fn cudnnDestroyConvolutionDescriptor(descriptor: *mut Steps) { drop(Box::from_raw(descriptor)); 0 }
    fn cudnnSetConvolution2dDescriptor(
        d: *mut Steps, pad_h: i32, pad_w: i32, stride_h: i32, stride_w: i32, dilation_h: i32, dilation_w: i32, mode: i32, kind: i32,
    ) {
        let sizes = [pad_h, pad_w, stride_h, stride_w];
        if [dilation_h, dilation_w, mode, kind] != [1, 1, 1, 0] || sizes.iter().any(|&x| x < 0) {
            return BAD_PARAMETER;
        }
        let [a, b, c, e] = sizes.map(|size| size as usize);
        *d = Steps { padding: [a, b], stride: [c, e] };
        0
    }
    fn cudnnSetConvolutionMathType(_: *mut Steps, math: i32) {
        report::count(if math == 3 { "convolution in float32 asked for" } else { "convolution in TF32 asked for" }, 0);
        0
    }

    fn cudnnGetConvolutionForwardAlgorithm_v7(
        _: *mut c_void, x: *const Sizes, w: *const Sizes, steps: *const Steps, y: *const Sizes, asked: i32, count: *mut i32,
        places: *mut Proposal,
    ) { propose(*x, *w, *steps, *y, asked, count, places) }
    fn cudnnGetConvolutionBackwardDataAlgorithm_v7(
        _: *mut c_void, w: *const Sizes, y: *const Sizes, steps: *const Steps, x: *const Sizes, asked: i32, count: *mut i32,
        places: *mut Proposal,
    ) { propose(*x, *w, *steps, *y, asked, count, places) }
    fn cudnnGetConvolutionBackwardFilterAlgorithm_v7(
        _: *mut c_void, x: *const Sizes, y: *const Sizes, steps: *const Steps, w: *const Sizes, asked: i32, count: *mut i32,
        places: *mut Proposal,
    ) { propose(*x, *w, *steps, *y, asked, count, places) }

    fn cudnnConvolutionForward(
        _: *mut c_void, one: *const f32, x_sizes: *const Sizes, x: u64, w_sizes: *const Sizes, w: u64, steps: *const Steps,
        algorithm: i32, workspace: u64, bytes: usize, nothing: *const f32, y_sizes: *const Sizes, y: u64,
    ) {
        let sizes = [*x_sizes, *w_sizes, *y_sizes];
        asked(Way::Forward, sizes, *steps, [x, w, y], (algorithm, workspace, bytes), (*one, *nothing))
    }
    fn cudnnConvolutionBackwardData(
        _: *mut c_void, one: *const f32, w_sizes: *const Sizes, w: u64, y_sizes: *const Sizes, y: u64, steps: *const Steps,
        algorithm: i32, workspace: u64, bytes: usize, nothing: *const f32, x_sizes: *const Sizes, x: u64,
    ) {
        let sizes = [*x_sizes, *w_sizes, *y_sizes];
        asked(Way::ByInput, sizes, *steps, [x, w, y], (algorithm, workspace, bytes), (*one, *nothing))
    }
    fn cudnnConvolutionBackwardFilter(
        _: *mut c_void, one: *const f32, x_sizes: *const Sizes, x: u64, y_sizes: *const Sizes, y: u64, steps: *const Steps,
        algorithm: i32, workspace: u64, bytes: usize, nothing: *const f32, w_sizes: *const Sizes, w: u64,
    ) {
        let sizes = [*x_sizes, *w_sizes, *y_sizes];
        asked(Way::ByWeight, sizes, *steps, [x, w, y], (algorithm, workspace, bytes), (*one, *nothing))
    }
}

/// Keeps a descriptor's sizes: of float32, channels before rows.
///
/// # Safety
/// The descriptor was created here.
unsafe fn described(descriptor: *mut Sizes, format: i32, kind: i32, sizes: [i32; 4]) -> i32 {
    if format != 0 || kind != 0 || sizes.iter().any(|&size| size < 1) {
        return BAD_PARAMETER;
    }
    // SAFETY: see above.
    unsafe { *descriptor = sizes.map(|size| size as usize) };
    0
}

/// Whether the sizes are of one convolution.
fn fits(x: Sizes, w: Sizes, steps: Steps, y: Sizes) -> bool {
    let out = |side: usize| {
        let padded = x[2 + side] + 2 * steps.padding[side];
        let left = padded.checked_sub(w[2 + side])?;
        Some(left.checked_div(steps.stride[side])? + 1)
    };
    x[1] == w[1] && y[..2] == [x[0], w[0]] && out(0) == Some(y[2]) && out(1) == Some(y[3])
}

/// Proposes three algorithms: one that does not repeat to the bit, one that fails, and one that may be taken.
///
/// # Safety
/// There is room for as many as were asked for.
unsafe fn propose(
    x: Sizes,
    w: Sizes,
    steps: Steps,
    y: Sizes,
    asked: i32,
    count: *mut i32,
    places: *mut Proposal,
) -> i32 {
    if !fits(x, w, steps, y) {
        return BAD_PARAMETER;
    }
    let all = [(0, 0, 0), (2, 3000, 1), (1, 0, 1)];
    let given = all.len().min(asked as usize);
    for (place, (algorithm, status, deterministic)) in all.into_iter().take(given).enumerate() {
        let proposal = Proposal {
            algorithm,
            status,
            time: -1.0,
            memory: WORKSPACE,
            deterministic,
            math: 0,
            reserved: [0; 3],
        };
        // SAFETY: see above.
        unsafe { places.add(place).write(proposal) };
    }
    // SAFETY: see above.
    unsafe { *count = given as i32 };
    0
}

#[derive(Clone, Copy)]
enum Way {
    Forward,
    ByInput,
    ByWeight,
}

/// Asks for a convolution; `places` are where x, w and y begin, one of which gets the result.
fn asked(
    way: Way,
    sizes: [Sizes; 3],
    steps: Steps,
    places: [u64; 3],
    (algorithm, workspace, bytes): (i32, u64, usize),
    scale: (f32, f32),
) -> i32 {
    let [x, w, y] = sizes;
    if !fits(x, w, steps, y) || algorithm != 1 || bytes < WORKSPACE || scale != (1.0, 0.0) {
        return BAD_PARAMETER;
    }
    let done = work::later(move || {
        let memory = memory();
        let bytes_of = |sizes: Sizes| 4 * sizes.iter().product::<usize>();
        let inside = (0..3).all(|i| memory.has(places[i], bytes_of(sizes[i])))
            && memory.has(workspace, bytes);
        drop(memory);
        if !inside {
            eprintln!("card in software: a convolution goes beyond its tensors");
            return Err(700);
        }
        report::count(
            "convolution",
            sizes.map(|sizes| bytes_of(sizes) as u64).iter().sum(),
        );
        // SAFETY: the three were just seen to lie within memory of the card, whose work is done one after the other.
        unsafe { run(way, sizes, steps, places) };
        Ok(())
    });
    if done == 0 { 0 } else { EXECUTION_FAILED }
}

/// # Safety
/// As many numbers as the sizes say begin at each place, and nobody else uses them.
unsafe fn run(way: Way, sizes: [Sizes; 3], steps: Steps, places: [u64; 3]) {
    let count = |sizes: Sizes| sizes.iter().product::<usize>();
    // SAFETY: see above. The one that gets the result is read by nobody.
    let numbers = |i: usize| unsafe { from_raw_parts(places[i] as *const f32, count(sizes[i])) };
    // SAFETY: see above.
    let result = |i: usize| unsafe { from_raw_parts_mut(places[i] as *mut f32, count(sizes[i])) };
    let [x, w, y] = sizes;
    let place = |sizes: Sizes, at: [usize; 4]| {
        ((at[0] * sizes[1] + at[1]) * sizes[2] + at[2]) * sizes[3] + at[3]
    };
    // The input pixel that a weight meets for an output pixel, along one side.
    let met = |side: usize, out: usize, weight: usize| {
        let at = (out * steps.stride[side] + weight).checked_sub(steps.padding[side])?;
        (at < x[2 + side]).then_some(at)
    };
    match way {
        Way::Forward => {
            let (from, weight) = (numbers(0), numbers(1));
            result(2).par_iter_mut().enumerate().for_each(|(i, to)| {
                let (n, k, oy, ox) = (
                    i / (y[1] * y[2] * y[3]),
                    i / (y[2] * y[3]) % y[1],
                    i / y[3] % y[2],
                    i % y[3],
                );
                let mut sum = 0.0;
                for c in 0..w[1] {
                    for (ky, at_y) in (0..w[2]).filter_map(|ky| Some((ky, met(0, oy, ky)?))) {
                        for (kx, at_x) in (0..w[3]).filter_map(|kx| Some((kx, met(1, ox, kx)?))) {
                            sum += f64::from(from[place(x, [n, c, at_y, at_x])])
                                * f64::from(weight[place(w, [k, c, ky, kx])]);
                        }
                    }
                }
                *to = sum as f32;
            });
        }
        Way::ByInput => {
            let (weight, by_output) = (numbers(1), numbers(2));
            let image = x[1] * x[2] * x[3];
            result(0)
                .par_chunks_mut(image)
                .enumerate()
                .for_each(|(n, to)| {
                    let mut sums = vec![0.0; image];
                    for (k, oy, ox) in (0..y[1]).flat_map(|k| {
                        (0..y[2]).flat_map(move |oy| (0..y[3]).map(move |ox| (k, oy, ox)))
                    }) {
                        let by = f64::from(by_output[place(y, [n, k, oy, ox])]);
                        for c in 0..w[1] {
                            for (ky, at_y) in (0..w[2]).filter_map(|ky| Some((ky, met(0, oy, ky)?)))
                            {
                                for (kx, at_x) in
                                    (0..w[3]).filter_map(|kx| Some((kx, met(1, ox, kx)?)))
                                {
                                    sums[(c * x[2] + at_y) * x[3] + at_x] +=
                                        by * f64::from(weight[place(w, [k, c, ky, kx])]);
                                }
                            }
                        }
                    }
                    to.iter_mut()
                        .zip(sums)
                        .for_each(|(to, sum)| *to = sum as f32);
                });
        }
        Way::ByWeight => {
            let (from, by_output) = (numbers(0), numbers(2));
            result(1).par_iter_mut().enumerate().for_each(|(i, to)| {
                let (k, c, ky, kx) = (
                    i / (w[1] * w[2] * w[3]),
                    i / (w[2] * w[3]) % w[1],
                    i / w[3] % w[2],
                    i % w[3],
                );
                let mut sum = 0.0;
                for n in 0..y[0] {
                    for (oy, at_y) in (0..y[2]).filter_map(|oy| Some((oy, met(0, oy, ky)?))) {
                        for (ox, at_x) in (0..y[3]).filter_map(|ox| Some((ox, met(1, ox, kx)?))) {
                            sum += f64::from(from[place(x, [n, c, at_y, at_x])])
                                * f64::from(by_output[place(y, [n, k, oy, ox])]);
                        }
                    }
                }
                *to = sum as f32;
            });
        }
    }
}
