//! Pictures of eight families, 16 × 16 gray: what a class is, and all that is chance.

use crate::chance::Chance;
use std::f64::consts::{PI, TAU};

pub const SIDE: usize = 16;

/// What tells the classes of a dataset apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The direction of a wave, at any phase.
    Gratings,
    /// The wave's length, in any direction.
    Textures,
    /// Which figure stands somewhere.
    Figures,
    /// Where a blot stands.
    Places,
    /// How a line moves from left to right, as in a spectrogram.
    Tracks,
    /// Which sign of five strokes stands somewhere, leaning a little.
    Glyphs,
    /// Where a ring that stands somewhere is open.
    Rings,
    /// How far apart parallel lines are and how far they slope, as harmonics in a spectrogram.
    Harmonics,
}

impl Family {
    /// Those that choose thresholds and ratios, and those that report.
    pub const CALIBRATION: [Family; 5] = [
        Family::Gratings,
        Family::Textures,
        Family::Figures,
        Family::Places,
        Family::Tracks,
    ];
    pub const REPORTING: [Family; 3] = [Family::Glyphs, Family::Rings, Family::Harmonics];

    /// True where a class is a place in the picture: what pools over all places cannot tell its classes, and a dense network can.
    pub fn has_places(self) -> bool {
        matches!(self, Family::Places | Family::Tracks)
    }

    /// As many classes as can be told apart in so few pixels.
    pub fn most_classes(self) -> usize {
        match self {
            Family::Textures | Family::Figures | Family::Rings | Family::Harmonics => 8,
            Family::Tracks => 9,
            _ => 20,
        }
    }

    /// The deviation of the pixels' noise in which a network gets nearly all right, but not all.
    pub fn noise(self) -> f64 {
        match self {
            Family::Gratings => 0.3,
            Family::Textures => 0.15,
            Family::Figures => 0.08,
            Family::Places => 0.25,
            Family::Tracks => 0.12,
            Family::Glyphs => 0.15,
            Family::Rings => 0.15,
            Family::Harmonics => 0.3,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Family::Gratings => "gratings",
            Family::Textures => "textures",
            Family::Figures => "figures",
            Family::Places => "places",
            Family::Tracks => "tracks",
            Family::Glyphs => "glyphs",
            Family::Rings => "rings",
            Family::Harmonics => "harmonics",
        }
    }

    /// A picture of a class, 0 to 1, in noise of this deviation.
    pub fn draw(self, class: usize, classes: usize, noise: f64, chance: &mut Chance) -> Vec<f64> {
        let share = class as f64 / classes as f64;
        let ink: Box<dyn Fn(f64, f64) -> f64> = match self {
            Family::Gratings => {
                let (sin, cos) = (PI * share).sin_cos();
                let phase = TAU * chance.uniform();
                Box::new(move |x, y| 0.5 + 0.5 * (TAU * 3.0 * (x * cos + y * sin) + phase).sin())
            }
            Family::Textures => {
                let waves = 1.0 + 6.0 * share;
                let (sin, cos) = (PI * chance.uniform()).sin_cos();
                let phase = TAU * chance.uniform();
                Box::new(move |x, y| 0.5 + 0.5 * (TAU * waves * (x * cos + y * sin) + phase).sin())
            }
            Family::Figures => {
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
            Family::Places => {
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
                Box::new(move |x, y| {
                    (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * size * size)).exp()
                })
            }
            Family::Tracks => {
                let rise = 1.6 * (share - 0.5 + 0.5 / classes as f64);
                let from = chance.within(0.35, 0.65);
                let bend = chance.within(-0.1, 0.1);
                Box::new(move |x, y| {
                    let line = from + rise * (x - 0.5) + bend * (TAU * x).sin();
                    (-((y - line) / 0.07).powi(2)).exp()
                })
            }
            Family::Glyphs => {
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
            Family::Rings => {
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
            Family::Harmonics => {
                let apart = [0.16, 0.22, 0.3, 0.4][class % 4];
                let slope = if class < 4 { 0.25 } else { -0.25 };
                let from = apart * chance.uniform();
                let slope = slope + chance.within(-0.08, 0.08);
                Box::new(move |x, y| {
                    let off = (y + slope * x - from).rem_euclid(apart);
                    (-(off.min(apart - off) / 0.045).powi(2)).exp()
                })
            }
        };
        let strength = chance.within(0.45, 0.6);
        let ground = chance.within(0.15, 0.25);
        (0..SIDE * SIDE)
            .map(|at| {
                let place = |i: usize| (i as f64 + 0.5) / SIDE as f64;
                let value = ink(place(at % SIDE), place(at / SIDE));
                ground + strength * value + noise * chance.normal()
            })
            .collect()
    }
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
