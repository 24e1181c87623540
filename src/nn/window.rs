//! Windows that slide over an image: how many fit, and which pixels each has.

use crate::run::Pair;
use std::ops::Range;

/// Windows of a kernel's size, a stride apart, over an image with a border of padding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Pair,
}

impl Windows {
    /// Rows and columns of windows that fit into `h` × `w` pixels.
    pub fn fit(&self, h: usize, w: usize) -> (usize, usize) {
        let count = |n: usize, kernel: usize, stride: usize, padding: usize| {
            (n + 2 * padding).saturating_sub(kernel) / stride + 1
        };
        let (k, s, p) = (self.kernel, self.stride, self.padding);
        (
            count(h, k.height, s.height, p.height),
            count(w, k.width, s.width, p.width),
        )
    }

    /// The rows of an image of height `h` that row `o` of windows covers.
    pub fn rows(&self, o: usize, h: usize) -> Range<usize> {
        range(
            o,
            h,
            self.kernel.height,
            self.stride.height,
            self.padding.height,
        )
    }

    /// The columns of an image of width `w` that column `o` of windows covers.
    pub fn cols(&self, o: usize, w: usize) -> Range<usize> {
        range(
            o,
            w,
            self.kernel.width,
            self.stride.width,
            self.padding.width,
        )
    }
}

fn range(o: usize, n: usize, kernel: usize, stride: usize, padding: usize) -> Range<usize> {
    let start = o * stride;
    start.saturating_sub(padding)..(start + kernel).saturating_sub(padding).min(n)
}

/// Adds `share` to each pixel of a window of an image `width` pixels wide.
pub(super) fn spread(
    image: &mut [f32],
    width: usize,
    rows: Range<usize>,
    cols: Range<usize>,
    share: f32,
) {
    for row in rows {
        image[row * width..][cols.clone()]
            .iter_mut()
            .for_each(|pixel| *pixel += share);
    }
}
