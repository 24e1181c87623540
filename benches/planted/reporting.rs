//! The families of pictures whose cases report: none of them has been looked at but to set its noise.

use crate::chance::Chance;
use crate::picture::{Family, Ink};
use std::f64::consts::PI;

pub const FAMILIES: [Family; 4] = [
    Family {
        name: "marks",
        most_classes: 6,
        noise: 0.11,
        has_places: false,
        suits_dense: false,
        ink: marks,
    },
    Family {
        name: "frames",
        most_classes: 6,
        noise: 0.2,
        has_places: false,
        suits_dense: false,
        ink: frames,
    },
    Family {
        name: "crosses",
        most_classes: 6,
        noise: 0.2,
        has_places: false,
        suits_dense: false,
        ink: crosses,
    },
    Family {
        name: "dashes",
        most_classes: 9,
        noise: 0.05,
        has_places: false,
        suits_dense: false,
        ink: dashes,
    },
];

/// Which small sign is scattered over the picture.
fn marks(class: usize, _: usize, chance: &mut Chance) -> Ink {
    // Bars of four directions, two of them crossed, and the other two.
    let bars: &[f64] = [&[0.0][..], &[2.0], &[1.0], &[3.0], &[0.0, 2.0], &[1.0, 3.0]][class % 6];
    let directions = bars.iter().map(|of| (of * PI / 4.0).sin_cos());
    let directions: Vec<(f64, f64)> = directions.collect();
    let places: Vec<(f64, f64)> = (0..2 + chance.below(3))
        .map(|_| (chance.within(0.15, 0.85), chance.within(0.15, 0.85)))
        .collect();
    Box::new(move |x, y| {
        let of = |(cx, cy): (f64, f64), (sin, cos): (f64, f64)| {
            let (dx, dy) = (x - cx, y - cy);
            let end = ((dx * cos + dy * sin).abs() - 0.1).max(0.0);
            (-((dy * cos - dx * sin).hypot(end) / 0.045).powi(2)).exp()
        };
        let all = places
            .iter()
            .flat_map(|place| directions.iter().map(move |way| (*place, *way)));
        all.map(|(place, way)| of(place, way)).fold(0.0, f64::max)
    })
}

/// How a frame's height is to its width.
fn frames(class: usize, classes: usize, chance: &mut Chance) -> Ink {
    let (cx, cy) = (chance.within(0.38, 0.62), chance.within(0.38, 0.62));
    let slant = PI / 2.0 * (class as f64 + 0.5) / classes as f64 + chance.within(-0.04, 0.04);
    let half = chance.within(0.3, 0.36);
    let (width, height) = (half * slant.cos(), half * slant.sin());
    Box::new(move |x, y| {
        let (dx, dy) = ((x - cx).abs() - width, (y - cy).abs() - height);
        (-(dx.max(dy) / 0.05).powi(2)).exp()
    })
}

/// At what angle two strokes cross, and which way they are turned.
fn crosses(class: usize, _: usize, chance: &mut Chance) -> Ink {
    let (cx, cy) = (chance.within(0.38, 0.62), chance.within(0.38, 0.62));
    let apart = [PI / 2.0, PI / 5.0][class % 2];
    let turn = PI * (class / 2) as f64 / 6.0 + chance.within(-0.08, 0.08);
    let length = chance.within(0.3, 0.38);
    Box::new(move |x, y| {
        let (dx, dy) = (x - cx, y - cy);
        let stroke = |angle: f64| {
            let (sin, cos) = angle.sin_cos();
            let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
            let end = (along.abs() - length).max(0.0);
            (-(across.hypot(end) / 0.05).powi(2)).exp()
        };
        stroke(turn).max(stroke(turn + apart))
    })
}

/// How long the dashes of a slanting line are, and how far apart.
fn dashes(class: usize, _: usize, chance: &mut Chance) -> Ink {
    let (ink, gap) = ([0.1, 0.18, 0.3][class % 3], [0.1, 0.18, 0.3][class / 3 % 3]);
    let (sin, cos) = (PI * chance.uniform()).sin_cos();
    let from = (ink + gap) * chance.uniform();
    let rows = chance.within(0.16, 0.22);
    Box::new(move |x, y| {
        let (along, across) = (x * cos + y * sin + 2.0, y * cos - x * sin + 2.0);
        let row = (across / rows).floor();
        let middle = across - (row + 0.5) * rows;
        let on = (along + from + row * 0.37).rem_euclid(ink + gap) < ink;
        if on {
            (-(middle / 0.05).powi(2)).exp()
        } else {
            0.0
        }
    })
}
