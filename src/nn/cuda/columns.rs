//! Convolution as matrix products with the columns of pixels that its weights meet. Outputs lie by channel first, (out, N,
//! height, width), as the product gives them.

use super::convolution::Sizes;
use super::launch::{Launch, floats};
use candle_core::{Result, Tensor, bail};

/// Numbers that the columns may take at once, 256 MiB: a larger batch goes through in parts. Few in tests, for these parts.
const MOST_COLUMNS: usize = if cfg!(test) { 1 << 10 } else { 1 << 26 };

/// Some images of a batch: the first, and how many.
type Part = (usize, usize);

/// The parts that a batch goes through in.
fn parts(sizes: &Sizes) -> impl Iterator<Item = Part> + use<> {
    let images = sizes.images;
    let at_once = (MOST_COLUMNS / (depth(sizes) * pixels(sizes))).clamp(1, images.max(1));
    (0..images)
        .step_by(at_once)
        .map(move |first| (first, at_once.min(images - first)))
}

/// Rows of the columns: weights of one output channel.
fn depth(sizes: &Sizes) -> usize {
    sizes.c * sizes.kernel.0 * sizes.kernel.1
}

/// Pixels of an image's output.
fn pixels(sizes: &Sizes) -> usize {
    sizes.oh * sizes.ow
}

fn ints(s: &Sizes, (first, images): Part) -> [usize; 13] {
    [
        first,
        images,
        s.c,
        s.h,
        s.w,
        s.oh,
        s.ow,
        s.kernel.0,
        s.kernel.1,
        s.stride.0,
        s.stride.1,
        s.padding.0,
        s.padding.1,
    ]
}

/// (depth, images · pixels) of some images.
fn columns(sizes: &Sizes, input: &Tensor, part: Part) -> Result<Tensor> {
    let columns = floats((depth(sizes), part.1 * pixels(sizes)), input.device())?;
    Launch::each("columns", columns.elem_count())
        .read(input)
        .write(&columns)
        .ints(ints(sizes, part))
        .run()?;
    Ok(columns)
}

/// A part's share of numbers that lie as (out, N · pixels).
fn narrow(sizes: &Sizes, whole: &Tensor, (first, images): Part) -> Result<Tensor> {
    let whole = whole.reshape((sizes.out, sizes.images * pixels(sizes)))?;
    if images == sizes.images {
        return Ok(whole);
    }
    whole
        .narrow(1, first * pixels(sizes), images * pixels(sizes))?
        .contiguous()
}

pub fn forward(sizes: &Sizes, input: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let weight = weight.reshape((sizes.out, depth(sizes)))?;
    let products = parts(sizes)
        .map(|part| weight.matmul(&columns(sizes, input, part)?))
        .collect::<Result<Vec<_>>>()?;
    match products.as_slice() {
        [whole] => Ok(whole.clone()),
        parts => Tensor::cat(parts, 1),
    }
}

pub fn by_input(sizes: &Sizes, by_output: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let weight = weight.reshape((sizes.out, depth(sizes)))?;
    let shape = (sizes.images, sizes.c, sizes.h, sizes.w);
    let by_input = floats(shape, by_output.device())?;
    for part in parts(sizes) {
        let columns = weight.t()?.matmul(&narrow(sizes, by_output, part)?)?;
        Launch::each("from_columns", part.1 * sizes.c * sizes.h * sizes.w)
            .read(&columns)
            .write(&by_input)
            .ints(ints(sizes, part))
            .run()?;
    }
    Ok(by_input)
}

pub fn by_weight(sizes: &Sizes, by_output: &Tensor, input: &Tensor) -> Result<Tensor> {
    let mut by_weight: Option<Tensor> = None;
    for part in parts(sizes) {
        let columns = columns(sizes, input, part)?;
        let of_part = narrow(sizes, by_output, part)?.matmul(&columns.t()?)?;
        by_weight = Some(match by_weight {
            Some(sum) => (sum + of_part)?,
            None => of_part,
        });
    }
    match by_weight {
        Some(by_weight) => Ok(by_weight),
        None => bail!("a convolution went back through a batch of no images"),
    }
}
