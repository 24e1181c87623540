//! Parts of an image that are covered.

use std::ops::Range;

/// A rectangle of pixels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mask {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Mask {
    /// Sets the rectangle to 0 in every channel of (C, H, W): after normalization that is the mean.
    pub fn lay_on(&self, channels: &mut [f32], (height, width): (usize, usize)) {
        for channel in channels.chunks_exact_mut(height * width) {
            for row in channel
                .chunks_exact_mut(width)
                .take(self.rows.end)
                .skip(self.rows.start)
            {
                row[self.columns.clone()].fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_covers_its_pixels_in_every_channel_and_no_other() {
        let mut image = vec![1.0; 2 * 5 * 7];
        let mask = Mask {
            rows: 1..3,
            columns: 2..6,
        };
        mask.lay_on(&mut image, (5, 7));
        for (i, x) in image.iter().enumerate() {
            let (y, x_at) = (i / 7 % 5, i % 7);
            let inside = mask.rows.contains(&y) && mask.columns.contains(&x_at);
            assert_eq!(*x, if inside { 0.0 } else { 1.0 });
        }
        Mask {
            rows: 0..0,
            columns: 0..7,
        }
        .lay_on(&mut image, (5, 7));
        assert_eq!(image.iter().filter(|x| **x == 0.0).count(), 16);
    }
}
