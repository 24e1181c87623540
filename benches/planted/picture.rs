//! Pictures of six families, 16 × 16 gray: what a class is, and all that is chance.

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
    /// How many dots there are.
    Dots,
}

impl Family {
    /// Those that choose thresholds and ratios, and those that report.
    pub const CALIBRATION: [Family; 3] = [Family::Gratings, Family::Places, Family::Tracks];
    pub const REPORTING: [Family; 3] = [Family::Textures, Family::Figures, Family::Dots];

    pub fn name(self) -> &'static str {
        match self {
            Family::Gratings => "gratings",
            Family::Textures => "textures",
            Family::Figures => "figures",
            Family::Places => "places",
            Family::Tracks => "tracks",
            Family::Dots => "dots",
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
                // A closed curve with as many corners, rounder or hollow: up to twenty of them differ.
                let corners = 2.0 + (class % 7) as f64;
                let hollow = class / 7 % 2 == 1;
                let size = if class >= 14 { 0.17 } else { 0.27 };
                let turn = TAU * chance.uniform();
                Box::new(move |x, y| {
                    let (dx, dy) = (x - cx, y - cy);
                    let edge = size * (1.0 + 0.45 * (corners * (dy.atan2(dx) + turn)).cos());
                    let from_edge = edge - dx.hypot(dy);
                    let inside = (from_edge * 24.0).clamp(0.0, 1.0);
                    match hollow {
                        true => inside * (1.0 - ((from_edge - 0.09) * 24.0).clamp(0.0, 1.0)),
                        false => inside,
                    }
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
            Family::Dots => {
                let dots: Vec<(f64, f64)> = (0..=class)
                    .map(|_| (chance.within(0.05, 0.95), chance.within(0.05, 0.95)))
                    .collect();
                Box::new(move |x, y| {
                    dots.iter()
                        .map(|(cx, cy)| {
                            (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * 0.04 * 0.04)).exp()
                        })
                        .fold(0.0, f64::max)
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
