//! The difference of two shares of the same images, with its interval.

use super::{Interval, wilson};

/// Images by whether each of two classifiers gets them right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairedCounts {
    pub both: u32,
    pub only_first: u32,
    pub only_second: u32,
    pub neither: u32,
}

impl PairedCounts {
    pub fn n(&self) -> u32 {
        self.both + self.only_first + self.only_second + self.neither
    }

    /// The share that the second gets right less the first's, with its 95 % interval: Newcombe 1998, method 10 for paired data,
    /// which puts Wilson's intervals of both together by their correlation. None without images.
    pub fn difference(&self) -> Option<(f64, Interval)> {
        let n = self.n();
        if n == 0 {
            return None;
        }
        let share = |k: u32| f64::from(k) / f64::from(n);
        let (first, second) = (self.both + self.only_first, self.both + self.only_second);
        let (p, q) = (share(second), share(first));
        let (a, b) = (wilson(second, n), wilson(first, n));
        let phi = self.correlation();
        let reach = |x: f64, y: f64| (x * x + y * y - 2.0 * phi * x * y).max(0.0).sqrt();
        let interval = Interval {
            low: p - q - reach(p - a.low, b.high - q),
            high: p - q + reach(a.high - p, q - b.low),
        };
        Some((p - q, interval))
    }

    /// Newcombe's φ, corrected for continuity.
    fn correlation(&self) -> f64 {
        let [a, b, c, d] =
            [self.both, self.only_first, self.only_second, self.neither].map(f64::from);
        let margins = (a + b) * (c + d) * (a + c) * (b + d);
        let cross = a * d - b * c;
        let half = f64::from(self.n()) / 2.0;
        match cross {
            _ if margins == 0.0 => 0.0,
            cross if cross > half => (cross - half) / margins.sqrt(),
            cross => cross.min(0.0) / margins.sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fagerland, Lydersen and Laake 2014, table 8: −0.507 to −0.026 (airway hyper-responsiveness, Bentur et al. 2009).
    #[test]
    fn the_interval_is_the_published_one() {
        let of = |both, only_second, only_first, neither| {
            let counts = PairedCounts {
                both,
                only_first,
                only_second,
                neither,
            };
            counts.difference().unwrap()
        };
        let (difference, interval) = of(1, 1, 7, 12);
        assert!((difference + 6.0 / 21.0).abs() < 1e-12);
        assert!((interval.low + 0.507).abs() < 5e-4, "{interval:?}");
        assert!((interval.high + 0.026).abs() < 5e-4, "{interval:?}");
        // The other way round it is mirrored.
        let (_, mirrored) = of(1, 7, 1, 12);
        assert!((mirrored.low + interval.high).abs() < 1e-12);
    }

    #[test]
    fn the_same_answers_have_no_difference_and_no_images_none() {
        let same = PairedCounts {
            both: 40,
            neither: 50,
            ..PairedCounts::default()
        };
        let (difference, interval) = same.difference().unwrap();
        assert_eq!(difference, 0.0);
        assert!(interval.low < 0.0 && interval.low > -0.03, "{interval:?}");
        assert_eq!(PairedCounts::default().difference(), None);
    }
}
