//! What came of remedies: each beside the run itself, on the same validation images where it can be.

use super::words::{least_seen, words};
use super::{Difference, Effect, MeanDifference, RemedyRecord, Treatment};
use crate::diagnose::probes::{Training, Validated};
use crate::diagnose::statistics::{PairedCounts, holm, mcnemar_exact, mean_interval};
use crate::diagnose::{Interval, difference, fisher_exact};
use crate::run::{RunId, RunStatus, Split, SplitMetrics};
use std::collections::HashMap;

/// Below this p-value, corrected for all that were tried, an effect is seen.
pub(super) const SEEN: f64 = 0.05;

/// A run that tried a remedy, or the run's own settings with another seed.
#[derive(Clone, Debug)]
pub struct TriedRun {
    pub run: RunId,
    /// None for the run's own settings.
    pub treatment: Option<Treatment>,
    /// Of the run with the same seed that it is compared with.
    pub seed: u64,
    pub training: Training,
}

impl TriedRun {
    /// The figures that it ended with; none of one that did not come to its end.
    fn validation(&self) -> Option<&SplitMetrics> {
        validation(&self.training)
    }
}

pub(super) fn validation(training: &Training) -> Option<&SplitMetrics> {
    let ended = matches!(
        training.status,
        RunStatus::Finished | RunStatus::Stopped | RunStatus::Diverged
    );
    training
        .last(Split::Val)
        .filter(|m| ended && m.accuracy.is_finite())
}

/// Reads what was tried on a run, in the order in which remedies came up. Of a remedy that was tried twice with one seed the
/// later run counts.
pub fn read(run: &Training, tried: &[TriedRun]) -> Vec<RemedyRecord> {
    let mut treatments: Vec<&Treatment> = Vec::new();
    for treatment in tried.iter().filter_map(|tried| tried.treatment.as_ref()) {
        if !treatments.contains(&treatment) {
            treatments.push(treatment);
        }
    }
    let judged = treatments.into_iter().map(|of| judge(run, tried, of));
    let mut records = corrected(judged.collect());
    // Of equals the first, which was proposed before the others.
    let best = records
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, record)| record.effect == Effect::Helps)
        .filter_map(|(at, record)| Some((at, record.difference?.value)))
        .max_by(|(_, a), (_, b)| a.total_cmp(b));
    if let Some((at, _)) = best {
        records[at].winner = true;
    }
    records
}

/// A record before several are corrected for, and what could not have been seen.
struct Judged {
    record: RemedyRecord,
    least: String,
}

/// A treatment beside its controls.
fn judge(run: &Training, tried: &[TriedRun], treatment: &Treatment) -> Judged {
    let own_seed = run.spec.train.seed;
    let control = |seed: u64| match seed {
        seed if seed == own_seed => Some(run),
        seed => {
            let controls = tried.iter().rev().filter(|t| t.treatment.is_none());
            let mut of_seed = controls.filter(|t| t.seed == seed && t.validation().is_some());
            of_seed.next().map(|t| &t.training)
        }
    };
    let is_of = |tried: &&TriedRun| tried.treatment.as_ref() == Some(treatment);
    let of_treatment = tried.iter().filter(is_of);
    let mut runs: Vec<&TriedRun> = Vec::new();
    for one in of_treatment.clone() {
        match runs.iter_mut().find(|known| known.seed == one.seed) {
            Some(known) if one.validation().is_some() => *known = one,
            Some(_) => {}
            None => runs.push(one),
        }
    }
    // The one beside the run itself is judged.
    runs.sort_by_key(|one| (one.seed != own_seed, one.seed));
    let mut record = RemedyRecord {
        id: treatment.id(),
        words: treatment.words(),
        runs: runs.iter().map(|one| one.run).collect(),
        effect: Effect::Unknown,
        winner: false,
        before: None,
        after: None,
        difference: None,
        paired: false,
        statistic: None,
        p: None,
        p_holm: None,
        over_seeds: None,
        cost_s: of_treatment.map(|one| one.training.seconds).sum(),
        result: "Its run ended without figures of validation, so it tells nothing.".to_owned(),
    };
    let pairs: Vec<(&Training, &TriedRun)> = runs
        .iter()
        .filter(|one| one.validation().is_some())
        .filter_map(|one| Some((control(one.seed)?, *one)))
        .collect();
    let mut least = String::new();
    if let Some((before, after)) = pairs.first() {
        compare(&mut record, before, &after.training);
        least = least_seen(before, &after.training);
    }
    let differences: Vec<f64> = pairs
        .iter()
        .filter_map(|(before, after)| {
            Some(after.validation()?.accuracy - validation(before)?.accuracy)
        })
        .collect();
    record.over_seeds = mean_interval(&differences).map(|(value, interval)| MeanDifference {
        seeds: differences.len(),
        mean: Difference {
            value,
            // No difference of shares lies beyond them.
            interval: Interval {
                low: interval.low.max(-1.0),
                high: interval.high.min(1.0),
            },
        },
    });
    Judged { record, least }
}

/// Two runs of one seed: images that both were asked are compared one by one, others as two counts.
fn compare(record: &mut RemedyRecord, before: &Training, after: &Training) {
    let (Some(one), Some(other)) = (validation(before), validation(after)) else {
        return;
    };
    record.before = Some(one.into());
    record.after = Some(other.into());
    match counts(&before.validation, &after.validation) {
        Some(counts) => {
            record.paired = true;
            record.difference = counts
                .difference()
                .map(|(value, interval)| Difference { value, interval });
            record.statistic = Some("McNemar's exact test on the same validation images");
            record.p = Some(mcnemar_exact(counts.only_first, counts.only_second));
        }
        None => {
            record.difference = Some(Difference {
                value: other.accuracy - one.accuracy,
                interval: difference((other.correct, other.n), (one.correct, one.n)),
            });
            record.statistic = Some("Fisher's exact test, two-sided");
            record.p = Some(fisher_exact(other.correct, other.n, one.correct, one.n));
        }
    }
}

/// Which images both get right; None where they were not asked the same ones.
pub(super) fn counts(before: &[Validated], after: &[Validated]) -> Option<PairedCounts> {
    let right: HashMap<&str, bool> = before
        .iter()
        .map(|image| (image.path.as_str(), image.is_right()))
        .collect();
    if before.is_empty() || before.len() != after.len() || right.len() != before.len() {
        return None;
    }
    let mut counts = PairedCounts::default();
    for image in after {
        let count = match (right.get(image.path.as_str())?, image.is_right()) {
            (true, true) => &mut counts.both,
            (true, false) => &mut counts.only_first,
            (false, true) => &mut counts.only_second,
            (false, false) => &mut counts.neither,
        };
        *count += 1;
    }
    Some(counts)
}

/// Holm's correction over all that were tried, and what is to be said then.
fn corrected(judged: Vec<Judged>) -> Vec<RemedyRecord> {
    let tested: Vec<f64> = judged.iter().filter_map(|of| of.record.p).collect();
    let mut corrected = holm(&tested).into_iter();
    let mut records = Vec::new();
    for Judged { mut record, least } in judged {
        let (Some(before), Some(after), Some(difference), Some(p)) =
            (record.before, record.after, record.difference, record.p)
        else {
            records.push(record);
            continue;
        };
        let p_holm = corrected.next().unwrap_or(p);
        record.p_holm = Some(p_holm);
        // A single seed can be luck: over several ones the effect goes the same way, or is not seen.
        let over_seeds = record
            .over_seeds
            .map_or(difference.value, |over| over.mean.value);
        record.effect = match p_holm < SEEN && difference.value * over_seeds > 0.0 {
            true if difference.value > 0.0 => Effect::Helps,
            true => Effect::Harms,
            false => Effect::Unseen,
        };
        record.result = words(
            &record,
            (&before, &after),
            difference,
            p_holm,
            tested.len(),
            &least,
        );
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{EpochRecord, RunSpec};

    /// A training with a seed that gets the first `right` of `n` validation images right.
    fn training(seed: u64, right: u32, n: u32) -> Training {
        let mut spec = RunSpec::default();
        spec.train.seed = seed;
        Training {
            spec,
            status: RunStatus::Finished,
            epochs: vec![EpochRecord {
                epoch: 1,
                lr: 0.1,
                seconds: 1.0,
                train: None,
                val: Some(SplitMetrics::new(1.0, right, n)),
                test: None,
                running: None,
            }],
            validation: (0..n)
                .map(|i| Validated {
                    path: format!("val/{i}.png"),
                    label: 0,
                    prediction: u32::from(i >= right),
                    confidence: 0.9,
                    loss: 0.1,
                })
                .collect(),
            seconds: 2.0,
        }
    }

    fn tried(run: i64, id: &str, seed: u64, training: Training) -> TriedRun {
        TriedRun {
            run: RunId(run),
            treatment: Treatment::named(id),
            seed,
            training,
        }
    }

    #[test]
    fn a_remedy_that_helps_wins_and_one_that_does_little_is_not_seen() {
        let records = read(
            &training(1, 14, 90),
            &[
                tried(2, "augment", 1, training(1, 17, 90)),
                tried(3, "global-pooling", 1, training(1, 80, 90)),
                tried(4, "dropout", 1, training(1, 2, 90)),
            ],
        );
        let effects: Vec<Effect> = records.iter().map(|r| r.effect).collect();
        assert_eq!(effects, [Effect::Unseen, Effect::Helps, Effect::Harms]);
        assert!(records[1].winner && !records[0].winner);
        assert!(records.iter().all(|record| record.paired));
        assert_eq!(records[1].runs, [RunId(3)]);
        // 0 and 3 discordant images: .25, and Holm leaves the largest as it is; 12 one way: 2·2⁻¹² twice.
        for p in [records[0].p, records[0].p_holm] {
            assert!((p.unwrap() - 0.25).abs() < 1e-12);
        }
        let twice = 4.0 * 0.5_f64.powi(12);
        assert!((records[2].p_holm.unwrap() - twice).abs() < 1e-12);
        assert!(
            records[0]
                .result
                .contains("less than about 8 points cannot be seen"),
            "{}",
            records[0].result
        );
        assert!(
            records[1].result.contains("corrected for 3"),
            "{}",
            records[1].result
        );
    }

    #[test]
    fn other_validation_images_are_not_paired() {
        let mut other = training(1, 60, 90);
        other.validation[0].path = "train/7.png".to_owned();
        let records = read(
            &training(1, 14, 90),
            &[tried(2, "resplit-pooled", 1, other)],
        );
        assert!(!records[0].paired);
        assert_eq!(records[0].p, Some(fisher_exact(60, 90, 14, 90)));
        assert_eq!(records[0].effect, Effect::Helps);
        assert!(
            records[0].result.contains("not paired"),
            "{}",
            records[0].result
        );
    }

    #[test]
    fn seeds_give_a_paired_interval_against_controls_of_the_same_seed() {
        let control = |run, seed, right| TriedRun {
            treatment: None,
            ..tried(run, "augment", seed, training(seed, right, 100))
        };
        let records = read(
            &training(1, 20, 100),
            &[
                tried(2, "augment", 1, training(1, 50, 100)),
                tried(3, "augment", 2, training(2, 40, 100)),
                tried(4, "augment", 3, training(3, 60, 100)),
                control(5, 2, 30),
                control(6, 3, 25),
            ],
        );
        let over = records[0].over_seeds.unwrap();
        assert_eq!(over.seeds, 3);
        // Differences .3, .1 and .35: scipy.stats.ttest_rel's interval.
        assert!((over.mean.value - 0.25).abs() < 1e-12);
        assert!((over.mean.interval.low + 0.078_620_5).abs() < 1e-6);
        assert_eq!(records[0].effect, Effect::Helps);
        assert_eq!(records[0].runs, [RunId(2), RunId(3), RunId(4)]);
        assert_eq!(records[0].cost_s, 6.0);
        assert!(
            records[0].result.contains("leaves open"),
            "{}",
            records[0].result
        );
    }

    #[test]
    fn a_run_that_was_cancelled_tells_nothing_and_a_later_one_takes_its_place() {
        let mut cancelled = training(1, 90, 90);
        cancelled.status = RunStatus::Cancelled;
        let run = training(1, 14, 90);
        let first = tried(2, "augment", 1, cancelled);
        let records = read(&run, std::slice::from_ref(&first));
        assert_eq!((records[0].effect, records[0].p), (Effect::Unknown, None));
        let records = read(&run, &[first, tried(3, "augment", 1, training(1, 60, 90))]);
        assert_eq!(
            (records[0].effect, &records[0].runs[..]),
            (Effect::Helps, &[RunId(3)][..])
        );
    }
}
