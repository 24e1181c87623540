//! Random numbers of a case: the same on every machine.

use gapwatch::nn::Stream;

/// Numbers of a named stream, one after the other.
pub struct Chance {
    stream: Stream,
    next: u64,
}

impl Chance {
    pub fn new(seed: u64, name: &str) -> Chance {
        Chance {
            stream: Stream::new(seed, name),
            next: 0,
        }
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.next += 1;
        f64::from(self.stream.unit(self.next))
    }

    pub fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Of 0, …, n − 1.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f64) as usize).min(n.saturating_sub(1))
    }

    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
