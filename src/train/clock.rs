//! How far a run has come and how long it will still take.

use crate::run::Progress;
use std::time::{Duration, Instant};

/// Training an image costs about three times what scoring it does: forward, and both gradients.
const TRAINING_COST: u64 = 3;
/// Between two messages of progress.
const PAUSE: Duration = Duration::from_millis(100);

/// What an epoch's clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Of images into memory, before the first epoch.
    Reading,
    Training,
    Scoring,
    /// Of batch norm's running statistics, before the last scoring.
    Recalibrating,
    /// Forward passes after the last epoch.
    Examining,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Reading => "reading",
            Phase::Training => "training",
            Phase::Scoring => "scoring",
            Phase::Recalibrating => "recalibrating",
            Phase::Examining => "examining",
        }
    }

    fn cost(self) -> u64 {
        match self {
            Phase::Training => TRAINING_COST,
            Phase::Scoring | Phase::Recalibrating | Phase::Examining => 1,
            // Done before the first epoch, and not part of one.
            Phase::Reading => 0,
        }
    }
}

/// Counts work from the start of this process; work of an earlier one says nothing about this machine's pace.
pub(super) struct Clock {
    start: Instant,
    told: Option<Instant>,
    done: u64,
    of: u64,
}

impl Clock {
    /// A clock for `epochs` epochs, each training `trained` images and scoring `scored`, and `after` more images that go
    /// forward at the end.
    pub fn new(epochs: u32, trained: usize, scored: usize, after: usize) -> Self {
        let epoch = TRAINING_COST * trained as u64 + scored as u64;
        Clock {
            start: Instant::now(),
            told: None,
            done: 0,
            of: u64::from(epochs) * epoch + after as u64,
        }
    }

    /// Whatever was to come, only an examination of `images` is left.
    pub fn only_examination(&mut self, images: usize) {
        self.of = self.done + images as u64;
    }

    /// Counts `images` more of a phase that has now done `done` of `of`; a message, but not more than ten a second.
    pub fn tick(
        &mut self,
        epoch: u32,
        phase: Phase,
        images: usize,
        (done, of): (usize, usize),
    ) -> Option<Progress> {
        self.done += phase.cost() * images as u64;
        let now = Instant::now();
        if done < of && self.told.is_some_and(|told| now - told < PAUSE) {
            return None;
        }
        self.told = Some(now);
        Some(Progress {
            epoch,
            phase: phase.name().to_owned(),
            done: done as u32,
            of: of as u32,
            left_s: self.left_s(now - self.start),
        })
    }

    fn left_s(&self, spent: Duration) -> Option<f64> {
        let left = self.of.checked_sub(self.done)?;
        (self.done > 0).then(|| spent.as_secs_f64() * left as f64 / self.done as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_work_left() {
        let mut clock = Clock::new(4, 100, 100, 0);
        assert_eq!(clock.left_s(Duration::from_secs(1)), None);
        let first = clock.tick(1, Phase::Training, 100, (100, 100)).unwrap();
        assert_eq!((first.phase.as_str(), first.done), ("training", 100));
        clock.tick(1, Phase::Scoring, 100, (100, 100)).unwrap();
        let left = clock.left_s(Duration::from_secs(10)).unwrap();
        assert!((left - 30.0).abs() < 1e-9);
    }

    #[test]
    fn a_run_that_stops_early_has_only_its_examination_left() {
        let mut clock = Clock::new(4, 100, 100, 50);
        clock.tick(1, Phase::Training, 100, (100, 100)).unwrap();
        clock.only_examination(50);
        let left = clock.left_s(Duration::from_secs(6)).unwrap();
        assert!((left - 1.0).abs() < 1e-9);
        let last = clock.tick(1, Phase::Examining, 50, (50, 50)).unwrap();
        assert_eq!((last.phase.as_str(), last.left_s), ("examining", Some(0.0)));
    }

    #[test]
    fn the_end_of_a_phase_is_always_told() {
        let mut clock = Clock::new(1, 100, 0, 0);
        assert!(clock.tick(1, Phase::Training, 1, (1, 100)).is_some());
        assert!(clock.tick(1, Phase::Training, 1, (2, 100)).is_none());
        assert!(clock.tick(1, Phase::Training, 98, (100, 100)).is_some());
    }
}
