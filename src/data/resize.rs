//! Bilinear resizing of one plane: half-pixel centres, edges clamped, no antialiasing, float32.
//!
//! The formula of PyTorch's `interpolate(mode="bilinear", align_corners=False)`.

/// The two source positions of each target position, and the second one's weight.
struct Axis {
    low: Vec<u32>,
    high: Vec<u32>,
    weight: Vec<f32>,
}

impl Axis {
    fn new(from: usize, to: usize) -> Axis {
        let scale = from as f32 / to as f32;
        let last = from - 1;
        let positions = (0..to).map(|i| {
            let source = (scale * (i as f32 + 0.5) - 0.5).max(0.0);
            let low = (source as usize).min(last);
            let weight = (source - low as f32).clamp(0.0, 1.0);
            (low as u32, (low + 1).min(last) as u32, weight)
        });
        let mut axis = Axis {
            low: Vec::with_capacity(to),
            high: Vec::with_capacity(to),
            weight: Vec::with_capacity(to),
        };
        for (low, high, weight) in positions {
            axis.low.push(low);
            axis.high.push(high);
            axis.weight.push(weight);
        }
        axis
    }
}

/// Resizes planes of one size to another; made once for all planes of an image.
pub(super) struct Resize {
    from: (usize, usize),
    rows: Axis,
    columns: Axis,
}

impl Resize {
    /// Sizes are (height, width), none of them zero.
    pub fn new(from: (usize, usize), to: (usize, usize)) -> Resize {
        Resize {
            from,
            rows: Axis::new(from.0, to.0),
            columns: Axis::new(from.1, to.1),
        }
    }

    /// Writes `source` (height, width) as `out` in the new size.
    pub fn plane<T: Copy + Into<f32>>(&self, source: &[T], out: &mut [f32]) {
        let source_width = self.from.1;
        let width = self.columns.low.len();
        // The two source rows in use, already as wide as the target: enlarging, most are used again.
        let mut upper = (u32::MAX, vec![0.0; width]);
        let mut lower = (u32::MAX, vec![0.0; width]);
        for (y, out) in out.chunks_exact_mut(width).enumerate() {
            let (low, high) = (self.rows.low[y], self.rows.high[y]);
            if lower.0 == low {
                std::mem::swap(&mut upper, &mut lower);
            }
            for (held, wanted) in [(&mut upper, low), (&mut lower, high)] {
                if held.0 != wanted {
                    let start = wanted as usize * source_width;
                    self.row(&source[start..start + source_width], &mut held.1);
                    held.0 = wanted;
                }
            }
            let weight = self.rows.weight[y];
            for ((out, &a), &b) in out.iter_mut().zip(&upper.1).zip(&lower.1) {
                *out = a * (1.0 - weight) + b * weight;
            }
        }
    }

    fn row<T: Copy + Into<f32>>(&self, source: &[T], out: &mut [f32]) {
        let Axis { low, high, weight } = &self.columns;
        for (((out, &low), &high), &weight) in out.iter_mut().zip(low).zip(high).zip(weight) {
            let (a, b): (f32, f32) = (source[low as usize].into(), source[high as usize].into());
            *out = a * (1.0 - weight) + b * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The formula written down pixel by pixel in float64.
    fn naive(source: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<f64> {
        let position = |i: usize, from: usize, to: usize| {
            let x = (from as f64 / to as f64 * (i as f64 + 0.5) - 0.5).max(0.0);
            let low = (x.floor() as usize).min(from - 1);
            (low, (low + 1).min(from - 1), (x - low as f64).min(1.0))
        };
        let mut out = Vec::new();
        for y in 0..to.0 {
            let (y0, y1, v) = position(y, from.0, to.0);
            for x in 0..to.1 {
                let (x0, x1, u) = position(x, from.1, to.1);
                let at = |y: usize, x: usize| f64::from(source[y * from.1 + x]);
                let top = at(y0, x0) * (1.0 - u) + at(y0, x1) * u;
                let bottom = at(y1, x0) * (1.0 - u) + at(y1, x1) * u;
                out.push(top * (1.0 - v) + bottom * v);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn resizing_follows_its_formula(
            from in (1usize..40, 1usize..40),
            to in (1usize..40, 1usize..40),
            seed in any::<u64>(),
        ) {
            let mut random = crate::data::random::Random::new(seed, 0);
            let source: Vec<u8> = (0..from.0 * from.1).map(|_| random.below(256) as u8).collect();
            let mut out = vec![0.0; to.0 * to.1];
            Resize::new(from, to).plane(&source, &mut out);
            for (ours, exact) in out.iter().zip(naive(&source, from, to)) {
                prop_assert!((f64::from(*ours) - exact).abs() < 2e-2, "{ours} {exact}");
            }
        }
    }

    /// From `torch.nn.functional.interpolate(torch.arange(12.).reshape(1, 1, 3, 4) ** 2, size=(2, 6), mode="bilinear")`.
    #[test]
    fn resizing_equals_pytorch() {
        let source: Vec<u8> = (0..12u8).map(|i| i * i).collect();
        let mut out = vec![0.0; 12];
        Resize::new((3, 4), (2, 6)).plane(&source, &mut out);
        let torch = [
            4.0, 5.5, 7.833333, 11.166667, 15.5, 19.0, 52.0, 59.5, 69.833336, 81.166664, 93.5,
            103.0,
        ];
        for (ours, torch) in out.iter().zip(torch) {
            assert!((ours - torch).abs() < 1e-4, "{out:?}");
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let source: Vec<u8> = (0..30).collect();
        let mut out = vec![0.0; 30];
        Resize::new((5, 6), (5, 6)).plane(&source, &mut out);
        assert_eq!(
            out,
            source.iter().map(|&x| f32::from(x)).collect::<Vec<_>>()
        );
    }
}
