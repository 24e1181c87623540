//! Average-pooling.

use super::window::{Windows, spread};
use super::{Backward, Gradients, Mode, Operation, from_vec, slice};
use crate::run::Pair;
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// The mean over windows of (N, C, H, W); windows that do not fit are left out, as PyTorch's `AvgPool2d`.
#[derive(Clone, Copy)]
pub struct AvgPool {
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Pair,
    /// Whether the padding's zeros count in the mean.
    pub count_include_pad: bool,
}

impl AvgPool {
    fn windows(&self) -> Windows {
        Windows {
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
        }
    }

    /// What a window's sum over `pixels` pixels of the image is divided by.
    fn divisor(&self, pixels: usize) -> f32 {
        if self.count_include_pad {
            (self.kernel.height * self.kernel.width) as f32
        } else {
            pixels as f32
        }
    }
}

impl Operation for AvgPool {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let (n, c, h, w) = input.dims4()?;
        let windows = self.windows();
        let (oh, ow) = windows.fit(h, w);
        let mut y = vec![0f32; n * c * oh * ow];
        slice(input, |x| {
            x.par_chunks_exact(h * w)
                .zip(y.par_chunks_exact_mut(oh * ow))
                .for_each(|(plane, y)| {
                    for (oy, y) in y.chunks_exact_mut(ow).enumerate() {
                        let rows = windows.rows(oy, h);
                        for (ox, y) in y.iter_mut().enumerate() {
                            let cols = windows.cols(ox, w);
                            let sum: f32 = rows
                                .clone()
                                .map(|row| plane[row * w..][cols.clone()].iter().sum::<f32>())
                                .sum();
                            *y = sum / self.divisor(rows.len() * cols.len());
                        }
                    }
                });
            Ok(())
        })?;
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                pool: *self,
                shape: (n, c, h, w),
            })),
            Mode::Eval => None,
        };
        Ok((from_vec(y, (n, c, oh, ow))?, back))
    }
}

struct Back {
    pool: AvgPool,
    shape: (usize, usize, usize, usize),
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let (n, c, h, w) = self.shape;
        let windows = self.pool.windows();
        let (oh, ow) = windows.fit(h, w);
        let mut dx = vec![0f32; n * c * h * w];
        slice(gradient, |g| {
            dx.par_chunks_exact_mut(h * w)
                .zip(g.par_chunks_exact(oh * ow))
                .for_each(|(dx, g)| {
                    for (o, &g) in g.iter().enumerate() {
                        let rows = windows.rows(o / ow, h);
                        let cols = windows.cols(o % ow, w);
                        let share = g / self.pool.divisor(rows.len() * cols.len());
                        spread(dx, w, rows, cols, share);
                    }
                });
            Ok(())
        })?;
        Ok(Gradients::of_input(Some(from_vec(dx, (n, c, h, w))?)))
    }
}
