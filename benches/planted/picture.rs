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
    /// Which way an arrow's head points.
    Arrows,
    /// How wide and how high the fields of a chequered cloth are.
    Cloths,
    /// In which direction from each other two blots lie.
    Pairs,
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
    pub const REPORTING: [Family; 3] = [Family::Arrows, Family::Cloths, Family::Pairs];

    /// True where a class is a place in the picture: what pools over all places cannot tell its classes, and a dense network can.
    pub fn has_places(self) -> bool {
        matches!(self, Family::Places | Family::Tracks)
    }

    /// As many classes as can be told apart in so few pixels.
    pub fn most_classes(self) -> usize {
        match self {
            Family::Textures | Family::Figures | Family::Arrows => 8,
            Family::Pairs => 6,
            Family::Tracks => 9,
            Family::Cloths => 16,
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
            Family::Arrows => 0.22,
            Family::Cloths => 0.2,
            Family::Pairs => 0.16,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Family::Gratings => "gratings",
            Family::Textures => "textures",
            Family::Figures => "figures",
            Family::Places => "places",
            Family::Tracks => "tracks",
            Family::Arrows => "arrows",
            Family::Cloths => "cloths",
            Family::Pairs => "pairs",
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
            Family::Arrows => {
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
            Family::Cloths => {
                let waves = [1.2, 2.0, 3.2, 5.0];
                let (across, down) = (waves[class % 4], waves[class / 4 % 4]);
                let (right, low) = (TAU * chance.uniform(), TAU * chance.uniform());
                Box::new(move |x, y| {
                    0.5 + 0.5 * (TAU * across * x + right).sin() * (TAU * down * y + low).sin()
                })
            }
            Family::Pairs => {
                let (cx, cy) = (chance.within(0.35, 0.65), chance.within(0.35, 0.65));
                let (sin, cos) = (PI * share + chance.within(-0.08, 0.08)).sin_cos();
                let apart = chance.within(0.17, 0.23);
                let blot = move |x: f64, y: f64, side: f64| {
                    let (dx, dy) = (x - cx - side * apart * cos, y - cy - side * apart * sin);
                    (-(dx.hypot(dy) / 0.1).powi(2)).exp()
                };
                Box::new(move |x, y| blot(x, y, 1.0) + blot(x, y, -1.0))
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
