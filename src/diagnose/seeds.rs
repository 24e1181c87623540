//! What settings are worth over several seeds: means with their intervals, for a group of runs.

use super::statistics::mean_interval;
use crate::run::sweep::{SEED_FIELD, Settings};
use crate::run::{EpochRecord, RunStatus, Split};
use serde::Serialize;

/// One run of a group, as far as means need it.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    pub settings: &'a Settings,
    pub status: RunStatus,
    /// The last epoch.
    pub last: Option<&'a EpochRecord>,
}

/// The mean of a figure over runs that differ in their seed alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Mean {
    pub mean: f64,
    /// Student's 95 % interval of the mean over seeds, cut off at 0 and 1.
    pub low: f64,
    pub high: f64,
}

/// Settings with what they came to over their seeds.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OverSeeds {
    /// Without the seed.
    #[schema(value_type = Object)]
    pub settings: Settings,
    /// Runs that ended with their weights.
    pub seeds: usize,
    /// Accuracies after the last epoch.
    pub train: Option<Mean>,
    pub val: Option<Mean>,
    pub test: Option<Mean>,
}

impl OverSeeds {
    pub fn split(&self, split: Split) -> Option<Mean> {
        match split {
            Split::Train => self.train,
            Split::Val => self.val,
            Split::Test => self.test,
        }
    }
}

/// Means over the seeds of each setting that at least two runs finished with, the best validation first. Runs that were
/// cancelled, failed or diverged have no place in a mean of figures.
pub fn over_seeds(trials: &[Trial]) -> Vec<OverSeeds> {
    let mut found: Vec<(Settings, Vec<&EpochRecord>)> = Vec::new();
    for trial in trials {
        let whole = matches!(trial.status, RunStatus::Finished | RunStatus::Stopped);
        let (true, Some(last), true) = (whole, trial.last, trial.settings.contains_key(SEED_FIELD))
        else {
            continue;
        };
        let mut settings = trial.settings.clone();
        settings.remove(SEED_FIELD);
        match found.iter_mut().find(|(of, _)| *of == settings) {
            Some((_, records)) => records.push(last),
            None => found.push((settings, vec![last])),
        }
    }
    let mut means: Vec<OverSeeds> = found
        .into_iter()
        .filter(|(_, records)| records.len() > 1)
        .map(|(settings, records)| {
            let of = |split| {
                let values: Option<Vec<f64>> = records
                    .iter()
                    .map(|record| Some(record.split(split)?.accuracy))
                    .collect();
                mean(&values?)
            };
            OverSeeds {
                settings,
                seeds: records.len(),
                train: of(Split::Train),
                val: of(Split::Val),
                test: of(Split::Test),
            }
        })
        .collect();
    let key = |of: &OverSeeds| of.val.map_or(-1.0, |val| val.mean);
    means.sort_by(|a, b| key(b).total_cmp(&key(a)));
    means
}

/// The mean of shares with its interval; none of fewer than two.
fn mean(values: &[f64]) -> Option<Mean> {
    let (mean, interval) = mean_interval(values)?;
    Some(Mean {
        mean,
        low: interval.low.max(0.0),
        high: interval.high.min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SplitMetrics;

    fn record(correct: u32) -> EpochRecord {
        EpochRecord {
            epoch: 1,
            lr: 0.1,
            seconds: 1.0,
            train: None,
            val: Some(SplitMetrics::new(1.0, correct, 10)),
            test: None,
            running: None,
        }
    }

    #[test]
    fn an_interval_is_that_of_scipy() {
        // scipy.stats.t.interval(0.95, 2, loc=0.6, scale=0.1/3**0.5)
        let of = mean(&[0.5, 0.6, 0.7]).unwrap();
        assert!((of.mean - 0.6).abs() < 1e-12);
        assert!((of.low - 0.351_586_22).abs() < 1e-7, "{}", of.low);
        assert!((of.high - 0.848_413_77).abs() < 1e-7, "{}", of.high);
        assert_eq!(mean(&[0.5]), None);
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn seeds_of_the_same_settings_have_a_mean_and_failed_runs_none() {
        let settings = |lr: u32, seed: u32| -> Settings {
            [("train.optimizer.lr", lr), (SEED_FIELD, seed)]
                .map(|(field, n)| (field.to_owned(), n.into()))
                .into()
        };
        let runs = [
            (settings(1, 1), RunStatus::Finished, record(5)),
            (settings(1, 2), RunStatus::Finished, record(7)),
            (settings(2, 1), RunStatus::Stopped, record(9)),
            (settings(2, 2), RunStatus::Finished, record(9)),
            (settings(1, 3), RunStatus::Failed, record(0)),
            (settings(3, 1), RunStatus::Finished, record(10)),
        ];
        let trials: Vec<Trial> = runs
            .iter()
            .map(|(settings, status, last)| Trial {
                settings,
                status: *status,
                last: Some(last),
            })
            .collect();
        let means = over_seeds(&trials);
        let told: Vec<(usize, f64)> = means
            .iter()
            .map(|of| (of.seeds, of.val.unwrap().mean))
            .collect();
        assert_eq!(told, [(2, 0.9), (2, 0.6)]);
        assert_eq!(means[0].settings["train.optimizer.lr"], 2.into());
        assert_eq!(means[0].test, None);
    }
}
