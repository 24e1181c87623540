//! The learning rate of every step of a run, as its schedule has it.

use crate::run::{EpochRecord, Metric, Schedule, Split, TrainSpec};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A drop of the rate that is smaller is left out, as PyTorch's `eps` does.
const LEAST_DROP: f64 = 1e-8;

/// A run's learning rate; on a plateau it follows what the epochs report.
#[derive(Clone, Debug)]
pub struct LearningRate {
    schedule: Schedule,
    /// The optimizer's.
    base: f64,
    epochs: u32,
    /// Steps of an epoch.
    steps: u64,
    state: PlateauState,
}

/// What a plateau has to remember over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PlateauState {
    best: Option<f64>,
    /// Epochs since, without those of a cooldown.
    bad: u32,
    /// Epochs of the cooldown that are left.
    cooling: u32,
    /// The rate, once it has dropped.
    rate: Option<f64>,
}

impl LearningRate {
    /// Of a run whose epochs have `steps` steps each.
    pub fn new(train: &TrainSpec, steps: u64) -> LearningRate {
        LearningRate {
            schedule: train.schedule.clone(),
            base: train.optimizer.lr(),
            epochs: train.epochs,
            steps: steps.max(1),
            state: PlateauState::default(),
        }
    }

    pub(super) fn going_on(self, state: PlateauState) -> LearningRate {
        LearningRate { state, ..self }
    }

    pub(super) fn state(&self) -> &PlateauState {
        &self.state
    }

    /// The rate of the run's step `step`, from 0.
    pub fn at(&self, step: u64) -> f64 {
        if let Schedule::OneCycle {
            pct_start,
            div_factor,
            final_div_factor,
        } = self.schedule
        {
            let steps = (u64::from(self.epochs) * self.steps) as f64;
            let start = self.base / div_factor;
            let turn = pct_start * steps - 1.0;
            let end = steps - 1.0;
            let step = step as f64;
            return if step <= turn {
                // A turn at the very first step leaves nothing to rise over.
                let done = if turn > 0.0 { step / turn } else { 1.0 };
                anneal(start, self.base, done)
            } else {
                anneal(
                    self.base,
                    start / final_div_factor,
                    (step - turn) / (end - turn),
                )
            };
        }
        let epoch = step / self.steps;
        let warm_up = self.schedule.warm_up();
        let Some(since) = epoch.checked_sub(u64::from(warm_up)) else {
            return self.base * (epoch + 1) as f64 / (f64::from(warm_up) + 1.0);
        };
        match self.schedule {
            Schedule::Step {
                step_size, gamma, ..
            } => {
                let drops = since / u64::from(step_size.max(1));
                self.base * gamma.powi(i32::try_from(drops).unwrap_or(i32::MAX))
            }
            Schedule::Cosine { eta_min, .. } => {
                let span = f64::from(self.epochs.saturating_sub(warm_up).max(1));
                anneal(self.base, eta_min, since as f64 / span)
            }
            Schedule::Plateau { .. } => self.state.rate.unwrap_or(self.base),
            Schedule::Constant { .. } | Schedule::OneCycle { .. } => self.base,
        }
    }

    /// The rate of an epoch's last step, the epoch counted from 1.
    pub fn of_epoch(&self, epoch: u32) -> f64 {
        self.at(u64::from(epoch) * self.steps - 1)
    }

    /// Takes in what an epoch reports.
    pub fn take(&mut self, record: &EpochRecord) {
        let Schedule::Plateau {
            metric, warm_up, ..
        } = self.schedule
        else {
            return;
        };
        if let Some(val) = record.split(Split::Val)
            && record.epoch > warm_up
        {
            self.judge(match metric {
                Metric::ValLoss => val.loss,
                Metric::ValAccuracy => val.accuracy,
            });
        }
    }

    /// `ReduceLROnPlateau.step` of PyTorch 2.
    fn judge(&mut self, value: f64) {
        let Schedule::Plateau {
            metric,
            factor,
            patience,
            threshold,
            cooldown,
            min_lr,
            ..
        } = self.schedule
        else {
            return;
        };
        let improved = match (self.state.best, metric) {
            (None, _) => !value.is_nan(),
            (Some(best), Metric::ValLoss) => value < best * (1.0 - threshold),
            (Some(best), Metric::ValAccuracy) => value > best * (1.0 + threshold),
        };
        if improved {
            self.state.best = Some(value);
            self.state.bad = 0;
        } else {
            self.state.bad += 1;
        }
        if self.state.cooling > 0 {
            self.state.cooling -= 1;
            self.state.bad = 0;
        }
        if self.state.bad > patience {
            let rate = self.state.rate.unwrap_or(self.base);
            let lower = (rate * factor).max(min_lr);
            if rate - lower > LEAST_DROP {
                self.state.rate = Some(lower);
            }
            self.state.cooling = cooldown;
            self.state.bad = 0;
        }
    }

    /// The whole course for a drawing: (epochs done, rate), a plateau's as if validation never improved after its first
    /// epoch.
    pub fn course(mut self) -> Vec<(f64, f64)> {
        if matches!(self.schedule, Schedule::OneCycle { .. }) {
            let last = u64::from(self.epochs) * self.steps - 1;
            let points = last.min(400);
            return (0..=points)
                .map(|i| last * i / points.max(1))
                .map(|step| (step as f64 / self.steps as f64, self.at(step)))
                .collect();
        }
        let mut course = Vec::new();
        for epoch in 1..=self.epochs {
            let rate = self.of_epoch(epoch);
            course.push((f64::from(epoch - 1), rate));
            course.push((f64::from(epoch), rate));
            if epoch > self.schedule.warm_up() {
                self.judge(1.0);
            }
        }
        course
    }
}

/// Half a cosine from one value to another; `done` goes from 0 to 1.
fn anneal(from: f64, to: f64, done: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * done).cos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SplitMetrics;

    fn rates(schedule: Schedule, epochs: u32, losses: impl Fn(u32) -> f64) -> Vec<f64> {
        let train = TrainSpec {
            epochs,
            schedule,
            ..TrainSpec::default()
        };
        let mut rate = LearningRate::new(&train, 3);
        (1..=epochs)
            .map(|epoch| {
                let lr = rate.of_epoch(epoch);
                rate.take(&EpochRecord {
                    epoch,
                    lr,
                    seconds: 0.0,
                    train: None,
                    val: Some(SplitMetrics::new(losses(epoch), 0, 1)),
                    test: None,
                    running: None,
                });
                lr * 1000.0
            })
            .map(|lr| (lr * 1e9).round() / 1e9)
            .collect()
    }

    #[test]
    fn a_warm_up_rises_in_a_line_and_then_the_schedule_begins() {
        let step = Schedule::Step {
            step_size: 2,
            gamma: 0.5,
            warm_up: 3,
        };
        let expected = [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.5, 0.25];
        assert_eq!(rates(step, 8, |_| 1.0), expected);
    }

    #[test]
    fn a_plateau_does_not_count_the_warm_up() {
        let plateau = |warm_up| Schedule::Plateau {
            metric: Metric::ValLoss,
            factor: 0.5,
            patience: 1,
            threshold: 0.0,
            cooldown: 0,
            min_lr: 0.0,
            warm_up,
        };
        assert_eq!(
            rates(plateau(0), 6, |_| 1.0),
            [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
        );
        // Losses that were lower while it warmed up are not what later ones are held against.
        let losses = |epoch| {
            if epoch <= 2 {
                0.1
            } else {
                1.0 / f64::from(epoch)
            }
        };
        let warmed = rates(plateau(2), 8, losses);
        assert_eq!(warmed[2..], [1.0; 6]);
    }

    #[test]
    fn the_drawn_course_is_the_rate_of_every_epoch_and_ends_with_the_run() {
        for schedule in [
            Schedule::default(),
            Schedule::Cosine {
                eta_min: 0.0,
                warm_up: 2,
            },
            Schedule::OneCycle {
                pct_start: 0.3,
                div_factor: 25.0,
                final_div_factor: 1e4,
            },
        ] {
            for epochs in [1, 5] {
                let train = TrainSpec {
                    epochs,
                    schedule: schedule.clone(),
                    ..TrainSpec::default()
                };
                let rate = LearningRate::new(&train, 20);
                let course = rate.clone().course();
                assert!(course.iter().all(|(_, lr)| lr.is_finite()), "{course:?}");
                assert!(course.is_sorted_by(|a, b| a.0 <= b.0));
                let last = course.last().unwrap();
                assert!(last.0 > f64::from(epochs) - 0.1 && last.1 == rate.of_epoch(epochs));
            }
        }
    }
}
