//! Max-pooling.

use super::adaptive_pool::first_maximum;
use super::window::Windows;
use super::{Backward, Gradients, Mode, Operation, from_vec, slice};
use crate::run::Pair;
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// The maximum over windows of (N, C, H, W); windows that do not fit are left out, padding never wins, as PyTorch's `MaxPool2d`.
#[derive(Clone, Copy)]
pub struct MaxPool {
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Pair,
}

impl Operation for MaxPool {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let (n, c, h, w) = input.dims4()?;
        let windows = Windows {
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
        };
        let (oh, ow) = windows.fit(h, w);
        let mut y = vec![0f32; n * c * oh * ow];
        // The place of each maximum in its plane.
        let mut places = vec![0u32; y.len()];
        slice(input, |x| {
            x.par_chunks_exact(h * w)
                .zip(y.par_chunks_exact_mut(oh * ow))
                .zip(places.par_chunks_exact_mut(oh * ow))
                .for_each(|((plane, y), places)| {
                    for (o, (y, place)) in y.iter_mut().zip(places).enumerate() {
                        let (rows, cols) = (windows.rows(o / ow, h), windows.cols(o % ow, w));
                        let cells = rows.flat_map(|r| cols.clone().map(move |c| r * w + c));
                        let first = first_maximum(plane, cells);
                        *place = first as u32;
                        *y = plane[first];
                    }
                });
            Ok(())
        })?;
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                shape: (n, c, h, w),
                out: oh * ow,
                places,
            })),
            Mode::Eval => None,
        };
        Ok((from_vec(y, (n, c, oh, ow))?, back))
    }
}

struct Back {
    shape: (usize, usize, usize, usize),
    /// Numbers a plane of the result.
    out: usize,
    places: Vec<u32>,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let (n, c, h, w) = self.shape;
        let mut dx = vec![0f32; n * c * h * w];
        slice(gradient, |g| {
            dx.par_chunks_exact_mut(h * w)
                .zip(g.par_chunks_exact(self.out))
                .zip(self.places.par_chunks_exact(self.out))
                .for_each(|((dx, g), places)| {
                    for (&g, &place) in g.iter().zip(places) {
                        dx[place as usize] += g;
                    }
                });
            Ok(())
        })?;
        Ok(Gradients::of_input(Some(from_vec(dx, (n, c, h, w))?)))
    }
}
