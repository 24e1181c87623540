//! Pictures of 16 × 16 gray: what a class is, and all that is chance.

use crate::chance::Chance;

pub const SIDE: usize = 16;

/// How much ink is at a place, 0 to 1 across and down.
pub type Ink = Box<dyn Fn(f64, f64) -> f64>;

/// What tells the classes of a dataset apart.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub name: &'static str,
    /// As many classes as can be told apart in so few pixels.
    pub most_classes: usize,
    /// The deviation of the pixels' noise in which a network gets nearly all right, but not all.
    pub noise: f64,
    /// True where a class is a place in the picture: what pools over all places cannot tell its classes.
    pub has_places: bool,
    /// True where a dense network gets new images right from few.
    pub suits_dense: bool,
    /// Of a class, of so many.
    pub ink: fn(usize, usize, &mut Chance) -> Ink,
}

impl Family {
    /// A picture of a class, 0 to 1, in noise of this deviation.
    pub fn draw(&self, class: usize, classes: usize, noise: f64, chance: &mut Chance) -> Vec<f64> {
        let ink = (self.ink)(class, classes, chance);
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
