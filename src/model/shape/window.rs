//! Layers whose windows slide over an image.

use super::features;
use crate::run::{AdaptivePool, Conv2d, Pair};

/// The largest window and stride, in pixels.
const MOST_KERNEL: usize = 64;

pub(super) fn conv2d(conv: &Conv2d, [_, h, w]: [usize; 3]) -> Result<Vec<usize>, String> {
    features("out", conv.out)?;
    let [h, w] = windows([h, w], conv.kernel, conv.stride, conv.padding)?;
    Ok(vec![conv.out, h, w])
}

/// What a pool over windows makes of an image; the stride is the kernel where there is none.
pub(super) fn pool(
    kernel: Pair,
    stride: Option<Pair>,
    padding: Pair,
    [c, h, w]: [usize; 3],
) -> Result<Vec<usize>, String> {
    // PyTorch's rule: with more padding a window could lie wholly outside the image and have nothing to pool.
    if padding.height > kernel.height / 2 || padding.width > kernel.width / 2 {
        return Err(format!(
            "a padding of {} × {} is more than half the kernel of {} × {}",
            padding.height, padding.width, kernel.height, kernel.width
        ));
    }
    let [h, w] = windows([h, w], kernel, stride.unwrap_or(kernel), padding)?;
    Ok(vec![c, h, w])
}

/// How many windows fit: ⌊(n + 2 · padding − kernel) / stride⌋ + 1 on each axis.
fn windows(
    size: [usize; 2],
    kernel: Pair,
    stride: Pair,
    padding: Pair,
) -> Result<[usize; 2], String> {
    for (name, pair) in [("kernel", kernel), ("stride", stride)] {
        if !(1..=MOST_KERNEL).contains(&pair.height) || !(1..=MOST_KERNEL).contains(&pair.width) {
            return Err(format!(
                "{name} {} × {} is outside 1 to {MOST_KERNEL}",
                pair.height, pair.width
            ));
        }
    }
    if padding.height >= kernel.height || padding.width >= kernel.width {
        return Err(format!(
            "a padding of {} × {} with a kernel of {} × {} makes windows that see nothing but zeros: \
             take a padding smaller than the kernel",
            padding.height, padding.width, kernel.height, kernel.width
        ));
    }
    let fit = |n: usize, kernel: usize, stride: usize, padding: usize| {
        (n + 2 * padding)
            .checked_sub(kernel)
            .map(|room| room / stride + 1)
    };
    match (
        fit(size[0], kernel.height, stride.height, padding.height),
        fit(size[1], kernel.width, stride.width, padding.width),
    ) {
        (Some(h), Some(w)) => Ok([h, w]),
        _ => Err(format!(
            "a window of {} × {} does not fit into {} × {}: take larger images, pool less before it, \
             or a smaller kernel",
            kernel.height, kernel.width, size[0], size[1]
        )),
    }
}

pub(super) fn adaptive_pool(
    pool: &AdaptivePool,
    [c, h, w]: [usize; 3],
) -> Result<Vec<usize>, String> {
    let Pair { height, width } = pool.out;
    if height == 0 || width == 0 || height > h || width > w {
        return Err(format!(
            "pools to {height} × {width}, which is outside 1 × 1 to the {h} × {w} that it gets"
        ));
    }
    Ok(vec![c, height, width])
}
