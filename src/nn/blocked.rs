//! The layout between convolution blocks: (N, channels / 16, H, W, 16), the last block's missing channels zero.

use super::{Backward, Gradients, Mode, Operation, from_vec, slice};
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// (N, blocks, H, W, 16) to (N, C, H, W).
pub struct Unblock {
    pub channels: usize,
}

impl Operation for Unblock {
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<(Tensor, Option<Box<dyn Backward>>)> {
        let (n, _, h, w, _) = input.dims5()?;
        let mut plain = vec![0f32; n * self.channels * h * w];
        slice(input, |x| {
            plain
                .par_chunks_exact_mut(self.channels * h * w)
                .zip(x.par_chunks_exact(x.len() / n))
                .for_each(|(plain, blocked)| unblock(blocked, plain, h * w));
            Ok(())
        })?;
        let back: Option<Box<dyn Backward>> = match mode {
            Mode::Train { .. } => Some(Box::new(Back)),
            Mode::Eval => None,
        };
        Ok((from_vec(plain, (n, self.channels, h, w))?, back))
    }
}

struct Back;

impl Backward for Back {
    fn backward(self: Box<Self>, gradient: &Tensor, _input: bool) -> Result<Gradients> {
        let (n, c, h, w) = gradient.dims4()?;
        let blocks = c.div_ceil(16);
        let mut blocked = vec![0f32; n * blocks * h * w * 16];
        slice(gradient, |g| {
            blocked
                .par_chunks_exact_mut(blocks * h * w * 16)
                .zip(g.par_chunks_exact(c * h * w))
                .for_each(|(blocked, plain)| {
                    for (channel, plane) in plain.chunks_exact(h * w).enumerate() {
                        let block = &mut blocked[channel / 16 * h * w * 16..];
                        for (pixel, &number) in block.chunks_exact_mut(16).zip(plane) {
                            pixel[channel % 16] = number;
                        }
                    }
                });
            Ok(())
        })?;
        Ok(Gradients::of_input(Some(from_vec(
            blocked,
            (n, blocks, h, w, 16),
        )?)))
    }
}

/// One image's channels as planes of `pixels` numbers.
pub(super) fn unblock(blocked: &[f32], plain: &mut [f32], pixels: usize) {
    for (channel, plane) in plain.chunks_exact_mut(pixels).enumerate() {
        let block = &blocked[channel / 16 * pixels * 16..];
        for (number, pixel) in plane.iter_mut().zip(block.chunks_exact(16)) {
            *number = pixel[channel % 16];
        }
    }
}
