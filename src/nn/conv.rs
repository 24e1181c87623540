//! Two-dimensional convolution.

use super::matmul::{Matrix, matmul};
use super::{Backward, Gradients, Mode, Operation, from_vec, slice};
use crate::run::Pair;
use candle_core::{Result, Tensor, Var};
use rayon::prelude::*;

/// Cross-correlation over (N, C, H, W) with zero padding, as PyTorch's `Conv2d`.
pub struct Conv2d {
    /// (out, C, kernel height, kernel width).
    pub weight: Var,
    /// (out).
    pub bias: Option<Var>,
    pub stride: Pair,
    pub padding: Pair,
}

/// Sizes of one convolution.
#[derive(Clone, Copy)]
struct Extent {
    c: usize,
    h: usize,
    w: usize,
    out: usize,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    oh: usize,
    ow: usize,
}

impl Extent {
    /// Numbers that one output position looks at.
    fn patch(&self) -> usize {
        self.c * self.kernel.height * self.kernel.width
    }

    fn positions(&self) -> usize {
        self.oh * self.ow
    }

    /// Calls `f(row of the patch matrix, output row, columns of it, first input index of them)` for all that lies inside the image.
    fn for_each_run(&self, mut f: impl FnMut(usize, usize, std::ops::Range<usize>, usize)) {
        let (k, s, p) = (self.kernel, self.stride, self.padding);
        for row in 0..self.patch() {
            let (kx, ky, c) = (
                row % k.width,
                row / k.width % k.height,
                row / (k.width * k.height),
            );
            // Output columns whose input column ox · stride + kx − padding lies in 0..w.
            let first = p.width.saturating_sub(kx).div_ceil(s.width);
            let end = (self.w + p.width)
                .saturating_sub(kx)
                .div_ceil(s.width)
                .min(self.ow);
            for oy in 0..self.oh {
                let y = oy * s.height + ky;
                if y < p.height || y >= self.h + p.height || first >= end {
                    continue;
                }
                let x = first * s.width + kx - p.width;
                f(
                    row,
                    oy,
                    first..end,
                    (c * self.h + y - p.height) * self.w + x,
                );
            }
        }
    }

    /// The patch of every output position as a column: (patch, positions).
    fn unfold(&self, image: &[f32], columns: &mut Vec<f32>) {
        columns.clear();
        columns.resize(self.patch() * self.positions(), 0.0);
        self.for_each_run(|row, oy, cols, start| {
            let at = (row * self.oh + oy) * self.ow;
            let to = &mut columns[at + cols.start..at + cols.end];
            let from = image[start..].iter().step_by(self.stride.width);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        });
    }

    /// Adds each column's numbers back to where they came from.
    fn fold(&self, columns: &[f32], image: &mut [f32]) {
        self.for_each_run(|row, oy, cols, start| {
            let at = (row * self.oh + oy) * self.ow;
            let from = &columns[at + cols.start..at + cols.end];
            let to = image[start..].iter_mut().step_by(self.stride.width);
            to.zip(from).for_each(|(to, from)| *to += *from);
        });
    }
}

impl Conv2d {
    fn extent(&self, input: &Tensor) -> Result<Extent> {
        let (_, c, h, w) = input.dims4()?;
        let (out, _, kh, kw) = self.weight.dims4()?;
        let (s, p) = (self.stride, self.padding);
        Ok(Extent {
            c,
            h,
            w,
            out,
            kernel: Pair {
                height: kh,
                width: kw,
            },
            stride: s,
            padding: p,
            oh: (h + 2 * p.height).saturating_sub(kh) / s.height + 1,
            ow: (w + 2 * p.width).saturating_sub(kw) / s.width + 1,
        })
    }
}

impl Operation for Conv2d {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let e = self.extent(input)?;
        let n = input.dim(0)?;
        let mut y = vec![0f32; n * e.out * e.positions()];
        if let Some(bias) = &self.bias {
            slice(bias, |b| {
                y.par_chunks_exact_mut(e.positions())
                    .enumerate()
                    .for_each(|(i, plane)| plane.fill(b[i % e.out]));
                Ok(())
            })?;
        }
        slice(input, |x| {
            slice(&self.weight, |w| {
                y.par_chunks_exact_mut(e.out * e.positions())
                    .zip(x.par_chunks_exact(e.c * e.h * e.w))
                    .for_each_init(Vec::new, |columns, (y, image)| {
                        e.unfold(image, columns);
                        let columns = Matrix::new(columns, e.patch(), e.positions());
                        matmul(y, Matrix::new(w, e.out, e.patch()), columns, true);
                    });
                Ok(())
            })
        })?;
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                extent: e,
                input: input.clone(),
                weight: self.weight.as_detached_tensor(),
                bias: self.bias.is_some(),
            })),
            Mode::Eval => None,
        };
        Ok((from_vec(y, (n, e.out, e.oh, e.ow))?, back))
    }
}

struct Back {
    extent: Extent,
    input: Tensor,
    weight: Tensor,
    bias: bool,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, input: bool) -> Result<Gradients> {
        let e = self.extent;
        let (image, result) = (e.c * e.h * e.w, e.out * e.positions());
        slice(gradient, |g| {
            let mut parts = vec![0f32; g.len() / result * e.out * e.patch()];
            slice(&self.input, |x| {
                parts
                    .par_chunks_exact_mut(e.out * e.patch())
                    .zip(x.par_chunks_exact(image))
                    .zip(g.par_chunks_exact(result))
                    .for_each_init(Vec::new, |columns, ((part, image), g)| {
                        e.unfold(image, columns);
                        let columns = Matrix::new(columns, e.patch(), e.positions());
                        matmul(
                            part,
                            Matrix::new(g, e.out, e.positions()),
                            columns.t(),
                            false,
                        );
                    });
                Ok(())
            })?;
            let mut dw = vec![0f32; e.out * e.patch()];
            for part in parts.chunks_exact(dw.len()) {
                dw.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
            let mut parameters = vec![from_vec(dw, self.weight.shape())?];
            if self.bias {
                let db = (0..e.out).into_par_iter().map(|o| {
                    g.chunks_exact(result)
                        .flat_map(|g| &g[o * e.positions()..(o + 1) * e.positions()])
                        .map(|&g| f64::from(g))
                        .sum::<f64>() as f32
                });
                parameters.push(from_vec(db.collect(), e.out)?);
            }
            let input = if input {
                let mut dx = vec![0f32; self.input.elem_count()];
                slice(&self.weight, |w| {
                    let w = Matrix::new(w, e.out, e.patch());
                    dx.par_chunks_exact_mut(image)
                        .zip(g.par_chunks_exact(result))
                        .for_each_init(
                            || vec![0f32; e.patch() * e.positions()],
                            |columns, (dx, g)| {
                                let g = Matrix::new(g, e.out, e.positions());
                                matmul(columns, w.t(), g, false);
                                e.fold(columns, dx);
                            },
                        );
                    Ok(())
                })?;
                Some(from_vec(dx, self.input.shape())?)
            } else {
                None
            };
            Ok(Gradients { input, parameters })
        })
    }
}
