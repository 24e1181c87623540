//! Moves of pixels: shift, crop, flip, scale and rotation as one affine map and one bilinear resampling.

/// A map of the plane: (x, y) goes to (a x + b y + c, d x + e y + f), in pixels, whole numbers being pixels' centres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine([f64; 6]);

impl Affine {
    pub const IDENTITY: Affine = Affine([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);

    /// Turned about (0, 0): from the x axis towards the y axis, which points down.
    pub fn turned(degrees: f64) -> Affine {
        // A library of its own, for the same bits on every machine.
        let (sin, cos) = libm::sincos(degrees.to_radians());
        Affine([cos, -sin, 0.0, sin, cos, 0.0])
    }

    /// This map and then a move.
    pub fn then_move(self, x: f64, y: f64) -> Affine {
        let Affine([a, b, c, d, e, f]) = self;
        Affine([a, b, c + x, d, e, f + y])
    }

    /// This map and then multiplied by `x` and `y`.
    pub fn then_stretch(self, x: f64, y: f64) -> Affine {
        let Affine([a, b, c, d, e, f]) = self;
        Affine([a * x, b * x, c * x, d * y, e * y, f * y])
    }

    /// This map and then another one.
    fn then(self, next: Affine) -> Affine {
        let (Affine([a, b, c, d, e, f]), Affine([g, h, i, j, k, l])) = (self, next);
        Affine([
            g * a + h * d,
            g * b + h * e,
            g * c + h * f + i,
            j * a + k * d,
            j * b + k * e,
            j * c + k * f + l,
        ])
    }

    /// This map and then another one as seen from a centre.
    pub fn about(self, (x, y): (f64, f64), next: Affine) -> Affine {
        self.then_move(-x, -y).then(next).then_move(x, y)
    }

    /// Where a point goes.
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let Affine([a, b, c, d, e, f]) = *self;
        (a * x + b * y + c, d * x + e * y + f)
    }
}

/// For each pixel of a row of the result: its upper left neighbour in the image, and how far it is from it.
#[derive(Default)]
pub(super) struct Row {
    start: Vec<u32>,
    right: Vec<f32>,
    down: Vec<f32>,
}

/// Writes the pixel of `planes` (each height × width) that `map` says, for every pixel of `out`: bilinear, the edge
/// repeated outside.
pub(super) fn warp(
    planes: &[f32],
    (height, width): (usize, usize),
    map: &Affine,
    row: &mut Row,
    out: &mut Vec<f32>,
) {
    let area = height * width;
    out.resize(planes.len(), 0.0);
    row.start.resize(width, 0);
    row.right.resize(width, 0.0);
    row.down.resize(width, 0.0);
    // The four neighbours lie this far apart; in a single column or row they are one.
    let (right, down) = (usize::from(width > 1), if height > 1 { width } else { 0 });
    for y in 0..height {
        place(row, map, y, (height, width));
        for (plane, out) in planes.chunks_exact(area).zip(out.chunks_exact_mut(area)) {
            let out = &mut out[y * width..(y + 1) * width];
            for (((out, &start), &u), &v) in out
                .iter_mut()
                .zip(&row.start)
                .zip(&row.right)
                .zip(&row.down)
            {
                let near = &plane[start as usize..start as usize + right + down + 1];
                let upper = near[0] * (1.0 - u) + near[right] * u;
                let lower = near[down] * (1.0 - u) + near[down + right] * u;
                *out = upper * (1.0 - v) + lower * v;
            }
        }
    }
}

/// Fills in the row `y` of the result.
fn place(row: &mut Row, map: &Affine, y: usize, (height, width): (usize, usize)) {
    let (x0, y0) = map.at(0.0, y as f64);
    let (x0, y0) = (x0 as f32, y0 as f32);
    let (along, across) = (map.0[0] as f32, map.0[3] as f32);
    let (most_x, most_y) = ((width - 1) as f32, (height - 1) as f32);
    // The last pixel has no neighbour: it is reached from the one before, as far from it as can be.
    let (last_x, last_y) = (
        width.saturating_sub(2) as i32,
        height.saturating_sub(2) as i32,
    );
    let places = row.start.iter_mut().zip(&mut row.right).zip(&mut row.down);
    for (x, ((start, right), down)) in places.enumerate() {
        let at_x = (x0 + along * x as f32).clamp(0.0, most_x);
        let at_y = (y0 + across * x as f32).clamp(0.0, most_y);
        let (left, upper) = ((at_x as i32).min(last_x), (at_y as i32).min(last_y));
        *start = (upper * width as i32 + left) as u32;
        *right = at_x - left as f32;
        *down = at_y - upper as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Stream;
    use proptest::prelude::*;

    fn picture(planes: usize, (height, width): (usize, usize)) -> Vec<f32> {
        let stream = Stream::new(1, "picture");
        (0..(planes * height * width) as u64)
            .map(|i| (stream.unit(i) * 255.0).floor())
            .collect()
    }

    fn warped(planes: &[f32], size: (usize, usize), map: &Affine) -> Vec<f32> {
        let mut out = Vec::new();
        warp(planes, size, map, &mut Row::default(), &mut out);
        out
    }

    fn centre((height, width): (usize, usize)) -> (f64, f64) {
        ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0)
    }

    /// The formula pixel by pixel in float64.
    fn reference(plane: &[f32], (height, width): (usize, usize), map: &Affine) -> Vec<f64> {
        let at =
            |x: usize, y: usize| f64::from(plane[y.min(height - 1) * width + x.min(width - 1)]);
        let mut out = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let (u, v) = map.at(x as f64, y as f64);
                let (u, v) = (
                    u.clamp(0.0, width as f64 - 1.0),
                    v.clamp(0.0, height as f64 - 1.0),
                );
                let (left, top) = (u.floor(), v.floor());
                let (p, q) = (left as usize, top as usize);
                let (u, v) = (u - left, v - top);
                let upper = at(p, q) * (1.0 - u) + at(p + 1, q) * u;
                let lower = at(p, q + 1) * (1.0 - u) + at(p + 1, q + 1) * u;
                out.push(upper * (1.0 - v) + lower * v);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_warp_follows_its_formula_at_every_size(
            size in (1usize..24, 1usize..24),
            degrees in -180.0f64..180.0,
            stretch in (0.4f64..2.0, -2.0f64..-0.4),
            shift in (-30.0f64..30.0, -30.0f64..30.0),
        ) {
            let map = Affine::IDENTITY
                .about(centre(size), Affine::turned(degrees).then_stretch(stretch.0, stretch.1))
                .then_move(shift.0, shift.1);
            let planes = picture(2, size);
            let area = size.0 * size.1;
            let out = warped(&planes, size, &map);
            for (plane, out) in planes.chunks(area).zip(out.chunks(area)) {
                for (ours, exact) in out.iter().zip(reference(plane, size, &map)) {
                    prop_assert!((f64::from(*ours) - exact).abs() < 0.02, "{ours} {exact}");
                }
            }
        }

        #[test]
        fn a_whole_move_moves_every_pixel_and_repeats_the_edge(
            size in (1usize..12, 1usize..12), x in -15i32..15, y in -15i32..15,
        ) {
            let planes = picture(1, size);
            let out = warped(&planes, size, &Affine::IDENTITY.then_move(f64::from(x), f64::from(y)));
            for (i, &found) in out.iter().enumerate() {
                let column = (i % size.1) as i32 + x;
                let row = (i / size.1) as i32 + y;
                let (column, row) = (column.clamp(0, size.1 as i32 - 1), row.clamp(0, size.0 as i32 - 1));
                prop_assert_eq!(found, planes[row as usize * size.1 + column as usize]);
            }
        }

        #[test]
        fn flipping_twice_is_the_identity_and_once_mirrors(size in (1usize..12, 1usize..12)) {
            let planes = picture(3, size);
            let flip = Affine::IDENTITY.about(centre(size), Affine::IDENTITY.then_stretch(-1.0, 1.0));
            let once = warped(&planes, size, &flip);
            let mirrored: Vec<f32> = planes.chunks(size.1).flat_map(|row| row.iter().rev().copied()).collect();
            prop_assert_eq!(&once, &mirrored);
            prop_assert_eq!(warped(&once, size, &flip), planes);
        }
    }

    #[test]
    fn a_quarter_turn_of_a_square_moves_rows_to_columns() {
        let size = (5, 5);
        let planes = picture(1, size);
        let turn = Affine::IDENTITY.about(centre(size), Affine::turned(90.0));
        let out = warped(&planes, size, &turn);
        for y in 0..5 {
            for x in 0..5 {
                // (x, y) about the centre comes from (−y, x).
                let wanted = planes[x * 5 + (4 - y)];
                assert!((out[y * 5 + x] - wanted).abs() < 1e-2);
            }
        }
        let back = Affine::IDENTITY.about(centre(size), Affine::turned(-90.0));
        let again = warped(&out, size, &back);
        assert!(again.iter().zip(&planes).all(|(a, b)| (a - b).abs() < 1e-2));
    }
}
