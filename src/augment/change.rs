//! What one image gets in one epoch.

use super::mask::Mask;
use super::warp::Affine;
use crate::nn::Stream;
use crate::run::Augment;

/// The changes of one image, drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// From the pixels of the result to those of the image; None where none moves.
    pub warp: Option<Affine>,
    /// Standard deviation in pixels.
    pub blur: f64,
    /// Added, 0 to 255 being the full range.
    pub brightness: f64,
    /// About the image's mean.
    pub contrast: f64,
    /// Standard deviation, 0 to 255 being the full range.
    pub noise: f64,
    pub masks: Vec<Mask>,
}

/// The place of each kind of draw in the stream: a block of four numbers, whichever operations are on.
#[derive(Clone, Copy)]
enum Draw {
    Flip,
    Shift,
    Crop,
    Turn,
    Tone,
    Cutout,
    TimeMask,
    FrequencyMask,
}

/// Random numbers of one image in one epoch.
struct Draws(Stream);

impl Draws {
    /// Four numbers, uniform over [0, 1).
    fn units(&self, draw: Draw) -> [f64; 4] {
        let block = self.0.block(draw as u64);
        block.map(|number| f64::from(number) / 4_294_967_296.0)
    }

    /// Four numbers, uniform over [−1, 1).
    fn signed(&self, draw: Draw) -> [f64; 4] {
        self.units(draw).map(|unit| 2.0 * unit - 1.0)
    }

    /// Four numbers, of which each is uniform over 0, …, `n` − 1 for its own n.
    fn below(&self, draw: Draw, n: [usize; 4]) -> [usize; 4] {
        let block = self.0.block(draw as u64);
        std::array::from_fn(|i| ((u64::from(block[i]) * n[i] as u64) >> 32) as usize)
    }
}

impl Change {
    /// Draws the change of an image of (height, width) from a stream that is at this image and epoch.
    pub fn draw(augment: &Augment, stream: Stream, (height, width): (usize, usize)) -> Change {
        let draws = Draws(stream);
        let [.., blur] = draws.units(Draw::Turn);
        let [brightness, contrast, ..] = draws.signed(Draw::Tone);
        Change {
            warp: warp(augment, &draws, (height, width)),
            blur: augment.blur * blur,
            brightness: augment.brightness * brightness * 255.0,
            contrast: 1.0 + augment.contrast * contrast,
            noise: augment.noise * 255.0,
            masks: masks(augment, &draws, (height, width)),
        }
    }
}

/// Shift, crop, flip, scale and rotation as one map; None where it is the identity.
fn warp(augment: &Augment, draws: &Draws, (height, width): (usize, usize)) -> Option<Affine> {
    let (h, w) = (height as f64, width as f64);
    let [horizontal, vertical, ..] = draws.units(Draw::Flip);
    let mirrored = |unit, probability| if unit < probability { -1.0 } else { 1.0 };
    let [sideways, up, ..] = draws.signed(Draw::Shift);
    let [left, top, cut, _] = draws.units(Draw::Crop);
    let [angle, scale, ..] = draws.signed(Draw::Turn);
    let part = 1.0 - augment.crop * cut;
    // Read backwards, from a pixel of the result to where it comes from.
    let warp = Affine::IDENTITY
        .then_move(
            -(augment.shift_horizontal * w * sideways).round(),
            -(augment.shift_vertical * h * up).round(),
        )
        .about(
            ((w - 1.0) / 2.0, (h - 1.0) / 2.0),
            Affine::turned(-angle * augment.rotate).then_stretch(
                mirrored(horizontal, augment.flip_horizontal) / (1.0 + augment.scale * scale),
                mirrored(vertical, augment.flip_vertical) / (1.0 + augment.scale * scale),
            ),
        )
        // Half-pixel centres: the window's own edges become the image's.
        .then_move(0.5, 0.5)
        .then_stretch(part, part)
        .then_move(left * (1.0 - part) * w - 0.5, top * (1.0 - part) * h - 0.5);
    (warp != Affine::IDENTITY).then_some(warp)
}

/// Cutout, time mask and frequency mask, as far as they are on.
fn masks(augment: &Augment, draws: &Draws, (height, width): (usize, usize)) -> Vec<Mask> {
    let mut masks = Vec::new();
    if augment.cutout > 0.0 {
        let side = (augment.cutout * height.min(width) as f64).round().max(1.0) as usize;
        let [x, y, ..] = draws.below(Draw::Cutout, [width, height, 1, 1]);
        masks.push(Mask {
            columns: around(x, side, width),
            rows: around(y, side, height),
        });
    }
    if augment.time_mask > 0.0 {
        masks.push(Mask {
            columns: run(draws, Draw::TimeMask, augment.time_mask, width),
            rows: 0..height,
        });
    }
    if augment.frequency_mask > 0.0 {
        masks.push(Mask {
            columns: 0..width,
            rows: run(draws, Draw::FrequencyMask, augment.frequency_mask, height),
        });
    }
    masks
}

/// `side` positions about `centre`, as many of them as lie within 0..`length`.
fn around(centre: usize, side: usize, length: usize) -> std::ops::Range<usize> {
    let end = centre + side.div_ceil(2);
    end.saturating_sub(side)..end.min(length)
}

/// A run of 0 to `share` · `length` positions, each length and then each place equally probable.
fn run(draws: &Draws, draw: Draw, share: f64, length: usize) -> std::ops::Range<usize> {
    let most = ((share * length as f64).round() as usize).min(length);
    let [run, ..] = draws.below(draw, [most + 1, 1, 1, 1]);
    let [_, start, ..] = draws.below(draw, [1, length - run + 1, 1, 1]);
    start..start + run
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (usize, usize) = (20, 40);

    fn drawn(augment: &Augment) -> Vec<Change> {
        let stream = Stream::new(3, "augment");
        (0..4000)
            .map(|i| Change::draw(augment, stream.at(i), SIZE))
            .collect()
    }

    fn near(found: f64, wanted: f64, tolerance: f64) {
        assert!((found - wanted).abs() < tolerance, "{found}, not {wanted}");
    }

    #[test]
    fn nothing_is_drawn_where_nothing_is_set() {
        for change in drawn(&Augment::default()) {
            assert_eq!(change.warp, None);
            assert_eq!(
                (change.blur, change.brightness, change.contrast),
                (0.0, 0.0, 1.0)
            );
            assert!(change.noise == 0.0 && change.masks.is_empty());
        }
    }

    #[test]
    fn flips_come_as_often_as_they_are_asked_for() {
        let augment = Augment {
            flip_horizontal: 0.25,
            ..Augment::default()
        };
        let flipped = drawn(&augment).iter().filter(|c| c.warp.is_some()).count();
        near(flipped as f64 / 4000.0, 0.25, 0.03);
        let always = Augment {
            flip_vertical: 1.0,
            ..Augment::default()
        };
        assert!(drawn(&always).iter().all(|c| c.warp.is_some()));
    }

    #[test]
    fn shifts_reach_their_share_in_whole_pixels_both_ways() {
        let augment = Augment {
            shift_horizontal: 0.1,
            ..Augment::default()
        };
        let moves: Vec<f64> = drawn(&augment)
            .iter()
            .map(|c| c.warp.as_ref().map_or(0.0, |w| w.at(0.0, 0.0).0))
            .collect();
        assert!(moves.iter().all(|m| m.fract() == 0.0 && m.abs() <= 4.0));
        for wanted in [-4.0, 0.0, 4.0] {
            assert!(moves.contains(&wanted));
        }
    }

    #[test]
    fn tones_are_uniform_within_their_limits() {
        let augment = Augment {
            brightness: 0.2,
            contrast: 0.5,
            blur: 2.0,
            ..Augment::default()
        };
        let changes = drawn(&augment);
        let mean = |of: fn(&Change) -> f64| changes.iter().map(of).sum::<f64>() / 4000.0;
        near(mean(|c| c.brightness), 0.0, 2.0);
        near(mean(|c| c.brightness.abs()), 0.1 * 255.0, 1.0);
        near(mean(|c| c.contrast), 1.0, 0.02);
        near(mean(|c| c.blur), 1.0, 0.03);
        assert!(
            changes
                .iter()
                .all(|c| c.contrast >= 0.5 && c.contrast < 1.5 && c.blur < 2.0)
        );
    }

    #[test]
    fn masks_have_the_sizes_they_should_and_reach_every_pixel() {
        let augment = Augment {
            cutout: 0.5,
            time_mask: 0.25,
            frequency_mask: 0.5,
            ..Augment::default()
        };
        let changes = drawn(&augment);
        let mut covered = vec![false; SIZE.0 * SIZE.1];
        let (mut widths, mut heights) = ([0; 11], [0; 11]);
        for change in &changes {
            let [cutout, time, frequency] = &change.masks[..] else {
                panic!("three masks")
            };
            assert!(cutout.columns.len() <= 10 && cutout.rows.len() <= 10);
            assert!(
                cutout.columns.len() >= 5 && cutout.rows.len() >= 5,
                "half of it at the border"
            );
            assert_eq!(
                (time.rows.clone(), frequency.columns.clone()),
                (0..20, 0..40)
            );
            widths[time.columns.len()] += 1;
            heights[frequency.rows.len()] += 1;
            for y in cutout.rows.clone() {
                covered[y * 40 + cutout.columns.start] = true;
                covered[y * 40 + cutout.columns.end - 1] = true;
            }
        }
        assert!(covered.iter().all(|&c| c));
        // Eleven lengths, each with probability 1/11.
        for count in widths.iter().chain(&heights) {
            near(f64::from(*count) / 4000.0, 1.0 / 11.0, 0.025);
        }
    }

    #[test]
    fn one_operation_more_leaves_the_draws_of_the_others_as_they_were() {
        let one = Augment {
            rotate: 20.0,
            ..Augment::default()
        };
        let two = Augment {
            rotate: 20.0,
            time_mask: 0.3,
            noise: 0.1,
            ..Augment::default()
        };
        for (a, b) in drawn(&one).iter().zip(&drawn(&two)) {
            assert_eq!(a.warp, b.warp);
        }
    }
}
