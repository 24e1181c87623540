//! The families of pictures whose cases choose the ratios.

use crate::chance::Chance;
use crate::picture::{Family, Ink};
use std::f64::consts::{PI, TAU};

pub const FAMILIES: [Family; 11] = [
    Family {
        name: "gratings",
        most_classes: 20,
        noise: 0.3,
        has_places: false,
        suits_dense: true,
        ink: gratings,
    },
    Family {
        name: "textures",
        most_classes: 8,
        noise: 0.15,
        has_places: false,
        suits_dense: false,
        ink: textures,
    },
    Family {
        name: "figures",
        most_classes: 8,
        noise: 0.08,
        has_places: false,
        suits_dense: false,
        ink: figures,
    },
    Family {
        name: "places",
        most_classes: 20,
        noise: 0.25,
        has_places: true,
        suits_dense: true,
        ink: places,
    },
    Family {
        name: "tracks",
        most_classes: 9,
        noise: 0.12,
        has_places: true,
        suits_dense: true,
        ink: tracks,
    },
    Family {
        name: "glyphs",
        most_classes: 20,
        noise: 0.15,
        has_places: false,
        suits_dense: false,
        ink: glyphs,
    },
    Family {
        name: "rings",
        most_classes: 8,
        noise: 0.15,
        has_places: false,
        suits_dense: false,
        ink: rings,
    },
    Family {
        name: "harmonics",
        most_classes: 8,
        noise: 0.3,
        has_places: false,
        suits_dense: false,
        ink: harmonics,
    },
    Family {
        name: "arrows",
        most_classes: 8,
        noise: 0.22,
        has_places: false,
        suits_dense: false,
        ink: arrows,
    },
    Family {
        name: "cloths",
        most_classes: 16,
        noise: 0.2,
        has_places: false,
        suits_dense: false,
        ink: cloths,
    },
    Family {
        name: "pairs",
        most_classes: 6,
        noise: 0.16,
        has_places: false,
        suits_dense: false,
        ink: pairs,
    },
];

/// The direction of a wave, at any phase.
fn gratings(class: usize, classes: usize, chance: &mut Chance) -> Ink {
    let share = class as f64 / classes as f64;
    let (sin, cos) = (PI * share).sin_cos();
    let phase = TAU * chance.uniform();
    Box::new(move |x, y| 0.5 + 0.5 * (TAU * 3.0 * (x * cos + y * sin) + phase).sin())
}

/// The wave's length, in any direction.
fn textures(class: usize, classes: usize, chance: &mut Chance) -> Ink {
    let share = class as f64 / classes as f64;
    let waves = 1.0 + 6.0 * share;
    let (sin, cos) = (PI * chance.uniform()).sin_cos();
    let phase = TAU * chance.uniform();
    Box::new(move |x, y| 0.5 + 0.5 * (TAU * waves * (x * cos + y * sin) + phase).sin())
}

/// Which figure stands somewhere.
fn figures(class: usize, _: usize, chance: &mut Chance) -> Ink {
    let (cx, cy) = (chance.within(0.3, 0.7), chance.within(0.3, 0.7));
    // A closed curve with as many corners.
    let corners = 1.0 + class as f64;
    let turn = TAU * chance.uniform();
    Box::new(move |x, y| {
        let (dx, dy) = (x - cx, y - cy);
        let edge = 0.27 * (1.0 + 0.45 * (corners * (dy.atan2(dx) + turn)).cos());
        let from_edge = edge - dx.hypot(dy);
        (from_edge * 24.0).clamp(0.0, 1.0)
    })
}

/// Where a blot stands.
fn places(class: usize, classes: usize, chance: &mut Chance) -> Ink {
    let columns = (classes as f64).sqrt().ceil() as usize;
    let rows = classes.div_ceil(columns);
    let spread = 0.25 / columns as f64;
    let cx = ((class % columns) as f64 + 0.5) / columns as f64;
    let cy = ((class / columns) as f64 + 0.5) / rows as f64;
    let (cx, cy) = (
        cx + chance.within(-spread, spread),
        cy + chance.within(-spread, spread),
    );
    let size = chance.within(0.08, 0.14);
    Box::new(move |x, y| (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * size * size)).exp())
}

/// How a line moves from left to right, as in a spectrogram.
fn tracks(class: usize, classes: usize, chance: &mut Chance) -> Ink {
    let share = class as f64 / classes as f64;
    let rise = 1.6 * (share - 0.5 + 0.5 / classes as f64);
    let from = chance.within(0.35, 0.65);
    let bend = chance.within(-0.1, 0.1);
    Box::new(move |x, y| {
        let line = from + rise * (x - 0.5) + bend * (TAU * x).sin();
        (-((y - line) / 0.07).powi(2)).exp()
    })
}

/// Which sign of five strokes is written.
fn glyphs(class: usize, _: usize, chance: &mut Chance) -> Ink {
    let sign = sign(class);
    let (cx, cy) = (chance.within(0.3, 0.7), chance.within(0.3, 0.7));
    let (sin, cos) = chance.within(-0.2, 0.2).sin_cos();
    let size = chance.within(0.42, 0.5);
    Box::new(move |x, y| {
        let (dx, dy) = ((x - cx) / size, (y - cy) / size);
        let at = (dx * cos + dy * sin, dy * cos - dx * sin);
        let nearest = sign.iter().map(|(from, to)| from_line(at, *from, *to));
        let distance = size * nearest.fold(f64::INFINITY, f64::min);
        (-(distance / 0.045).powi(2)).exp()
    })
}

/// Where a ring is open.
fn rings(class: usize, classes: usize, chance: &mut Chance) -> Ink {
    let share = class as f64 / classes as f64;
    let (cx, cy) = (chance.within(0.35, 0.65), chance.within(0.35, 0.65));
    let (sin, cos) = (TAU * share).sin_cos();
    let radius = chance.within(0.2, 0.28);
    Box::new(move |x, y| {
        let (dx, dy) = (x - cx, y - cy);
        let ring = (-((dx.hypot(dy) - radius) / 0.055).powi(2)).exp();
        let open = dx * cos + dy * sin > 0.0 && (dy * cos - dx * sin).abs() < 0.1;
        if open { 0.0 } else { ring }
    })
}

/// How far apart parallel lines lie, and whether they rise or fall.
fn harmonics(class: usize, _: usize, chance: &mut Chance) -> Ink {
    let apart = [0.16, 0.22, 0.3, 0.4][class % 4];
    let slope = if class < 4 { 0.25 } else { -0.25 };
    let from = apart * chance.uniform();
    let slope = slope + chance.within(-0.08, 0.08);
    Box::new(move |x, y| {
        let off = (y + slope * x - from).rem_euclid(apart);
        (-(off.min(apart - off) / 0.045).powi(2)).exp()
    })
}

/// Which way an arrow's head points.
fn arrows(class: usize, classes: usize, chance: &mut Chance) -> Ink {
    let share = class as f64 / classes as f64;
    let (cx, cy) = (chance.within(0.35, 0.65), chance.within(0.35, 0.65));
    let (sin, cos) = (TAU * share + chance.within(-0.1, 0.1)).sin_cos();
    let length = chance.within(0.32, 0.4);
    Box::new(move |x, y| {
        // Along the arrow from its tip, and to either side.
        let (dx, dy) = (x - cx, y - cy);
        let (back, side) = (-(dx * cos + dy * sin), (dy * cos - dx * sin).abs());
        let from_edge = (side - 0.7 * back).abs() * 0.82;
        let within = if (0.0..length).contains(&back) {
            1.0
        } else {
            0.0
        };
        within * (-(from_edge / 0.05).powi(2)).exp()
    })
}

/// How wide and how high the fields of a chequered cloth are.
fn cloths(class: usize, _: usize, chance: &mut Chance) -> Ink {
    let waves = [1.2, 2.0, 3.2, 5.0];
    let (across, down) = (waves[class % 4], waves[class / 4 % 4]);
    let (right, low) = (TAU * chance.uniform(), TAU * chance.uniform());
    Box::new(move |x, y| {
        0.5 + 0.5 * (TAU * across * x + right).sin() * (TAU * down * y + low).sin()
    })
}

/// In which direction from each other two blots lie.
fn pairs(class: usize, classes: usize, chance: &mut Chance) -> Ink {
    let share = class as f64 / classes as f64;
    let (cx, cy) = (chance.within(0.35, 0.65), chance.within(0.35, 0.65));
    let (sin, cos) = (PI * share + chance.within(-0.08, 0.08)).sin_cos();
    let apart = chance.within(0.17, 0.23);
    let blot = move |x: f64, y: f64, side: f64| {
        let (dx, dy) = (x - cx - side * apart * cos, y - cy - side * apart * sin);
        (-(dx.hypot(dy) / 0.1).powi(2)).exp()
    };
    Box::new(move |x, y| blot(x, y, 1.0) + blot(x, y, -1.0))
}

/// The strokes of a class's sign, within −½ to ½: between neighbours of a grid of three by three points, the same on any machine.
fn sign(class: usize) -> Vec<((f64, f64), (f64, f64))> {
    let mut chance = Chance::new(class as u64, "sign");
    let point = |at: usize| ((at % 3) as f64 / 2.0 - 0.5, (at / 3) as f64 / 2.0 - 0.5);
    let mut at = chance.below(9);
    let mut strokes = Vec::new();
    while strokes.len() < 5 {
        let to = chance.below(9);
        let near = (at % 3).abs_diff(to % 3) <= 1 && (at / 3).abs_diff(to / 3) <= 1;
        if to != at && near {
            strokes.push((point(at), point(to)));
            at = to;
        }
    }
    strokes
}

/// The distance of a point from a stroke.
fn from_line(at: (f64, f64), from: (f64, f64), to: (f64, f64)) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let along = ((at.0 - from.0) * dx + (at.1 - from.1) * dy) / (dx * dx + dy * dy);
    let along = along.clamp(0.0, 1.0);
    (at.0 - from.0 - along * dx).hypot(at.1 - from.1 - along * dy)
}
