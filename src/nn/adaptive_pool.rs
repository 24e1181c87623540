//! Pooling to a given output size, whatever comes in.

use super::window::spread;
use super::{Backward, Gradients, Mode, Operation, from_vec, slice};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::ops::Range;

/// What is taken of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    Average,
    Maximum,
}

/// (N, C, H, W) to (N, C, height, width): window i of `out` spans ⌊i·n/out⌋ to ⌈(i+1)·n/out⌉, as PyTorch's adaptive pools.
#[derive(Clone, Copy)]
pub struct AdaptivePool {
    pub pooling: Pooling,
    pub height: usize,
    pub width: usize,
}

fn window(i: usize, n: usize, out: usize) -> Range<usize> {
    i * n / out..((i + 1) * n).div_ceil(out)
}

impl Operation for AdaptivePool {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let (n, c, h, w) = input.dims4()?;
        let out = self.height * self.width;
        let mut y = vec![0f32; n * c * out];
        // The place of each maximum in its plane; for averages nothing.
        let mut places = vec![0u32; y.len()];
        slice(input, |x| {
            x.par_chunks_exact(h * w)
                .zip(y.par_chunks_exact_mut(out))
                .zip(places.par_chunks_exact_mut(out))
                .for_each(|((plane, y), places)| {
                    for (o, (y, first)) in y.iter_mut().zip(places).enumerate() {
                        let rows = window(o / self.width, h, self.height);
                        let cols = window(o % self.width, w, self.width);
                        let cells = rows.flat_map(|r| cols.clone().map(move |c| r * w + c));
                        match self.pooling {
                            Pooling::Average => {
                                let (mut sum, mut count) = (0f64, 0);
                                for cell in cells {
                                    sum += f64::from(plane[cell]);
                                    count += 1;
                                }
                                *y = (sum / f64::from(count)) as f32;
                            }
                            Pooling::Maximum => {
                                let place = first_maximum(plane, cells);
                                *first = place as u32;
                                *y = plane[place];
                            }
                        }
                    }
                });
            Ok(())
        })?;
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back {
                shape: (n, c, h, w),
                places,
                height: self.height,
                width: self.width,
                pooling: self.pooling,
            })),
            Mode::Eval => None,
        };
        Ok((from_vec(y, (n, c, self.height, self.width))?, back))
    }
}

/// The first of the greatest, or the last NaN: where PyTorch sends the gradient.
pub(super) fn first_maximum(plane: &[f32], cells: impl Iterator<Item = usize>) -> usize {
    let mut best: Option<usize> = None;
    for cell in cells {
        if best.is_none_or(|b| plane[cell] > plane[b] || plane[cell].is_nan()) {
            best = Some(cell);
        }
    }
    best.unwrap_or(0)
}

struct Back {
    shape: (usize, usize, usize, usize),
    places: Vec<u32>,
    height: usize,
    width: usize,
    pooling: Pooling,
}

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let (n, c, h, w) = self.shape;
        let out = self.height * self.width;
        let mut dx = vec![0f32; n * c * h * w];
        slice(gradient, |g| {
            dx.par_chunks_exact_mut(h * w)
                .zip(g.par_chunks_exact(out))
                .enumerate()
                .for_each(|(i, (dx, g))| {
                    for (o, &g) in g.iter().enumerate() {
                        if self.pooling == Pooling::Maximum {
                            dx[self.places[i * out + o] as usize] += g;
                            continue;
                        }
                        let rows = window(o / self.width, h, self.height);
                        let cols = window(o % self.width, w, self.width);
                        let share = g / (rows.len() * cols.len()) as f32;
                        spread(dx, w, rows, cols, share);
                    }
                });
            Ok(())
        })?;
        Ok(Gradients::of_input(Some(from_vec(dx, (n, c, h, w))?)))
    }
}
