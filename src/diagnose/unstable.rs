//! Late epochs that wobble more than so many images can by chance.

use super::curves::Curves;
use super::finding::{Cause, Evidence, Finding, Severity};
use crate::run::Split;

/// Above this ratio of variances the wobble counts (ours, not calibrated).
const RATIO: f64 = 4.0;
/// Epochs that are looked at: the last third, at least this many.
const LEAST: usize = 6;

/// Compares the variance of late accuracies with the binomial one, p(1 − p)/n, for validation and, where it is worse there,
/// test. Successive differences are used (von Neumann 1941), so that a trend is no wobble.
///
/// `images` of each split, by [`Split::ALL`]'s order; a split whose number nobody knows is not looked at.
pub(super) fn unstable(curves: &Curves, images: [Option<u32>; 3]) -> Option<Finding> {
    let (split, ratio, swing, late) = [Split::Val, Split::Test]
        .into_iter()
        .filter_map(|split| {
            let n = images[split as usize].filter(|n| *n > 0)?;
            let (_, all) = curves.accuracies(split);
            if all.len() < LEAST {
                return None;
            }
            let accuracy = &all[all.len() - (all.len() / 3).max(LEAST)..];
            let mean = accuracy.iter().sum::<f64>() / accuracy.len() as f64;
            let binomial = (mean * (1.0 - mean)).max(0.5 / f64::from(n)) / f64::from(n);
            let steps: Vec<f64> = accuracy.windows(2).map(|w| (w[1] - w[0]).powi(2)).collect();
            let variance = steps.iter().sum::<f64>() / (2 * steps.len()) as f64;
            let (low, high) = accuracy
                .iter()
                .fold((1.0, 0.0), |(l, h): (f64, f64), a| (l.min(*a), h.max(*a)));
            Some((split, variance / binomial, (low, high), accuracy.len()))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    if ratio <= RATIO {
        return None;
    }
    let mut finding = Finding::new(
        "unstable-late-epochs",
        Severity::Warning,
        "The accuracy still jumps from epoch to epoch",
    );
    finding.cause = Some(Cause::UnstableOptimisation);
    finding.measured = format!(
        "Over the last {} epochs {} accuracy moved between {:.1} and {:.1} %: {ratio:.1} times the variance that so many \
         images have by chance.",
        late,
        split.word(),
        100.0 * swing.0,
        100.0 * swing.1
    );
    finding.why = "Which epoch is looked at decides the result: the last one may be much worse, or luckier, than the network is."
        .to_owned();
    finding.remedy =
        "Lower the learning rate towards the end, take a larger batch, or keep the best epoch by validation loss.".to_owned();
    finding.false_alarm =
        "The same images are scored each epoch, so chance alone moves the accuracy less than this; a learning rate that is \
         meant to rise again (restarts) moves it more."
            .to_owned();
    finding.evidence.push(Evidence {
        statement: finding.measured.clone(),
        statistic: "variance of successive differences / p(1 − p)/n",
        value: Some(ratio),
        threshold: Some(RATIO),
        p: None,
        reference: "von Neumann 1941",
    });
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{EpochRecord, SplitMetrics};

    fn unstable(epochs: &[EpochRecord]) -> Option<Finding> {
        super::unstable(&Curves::of(epochs), [None, Some(90), None])
    }

    fn run(right: impl Fn(u32) -> u32) -> Vec<EpochRecord> {
        (1..=30)
            .map(|epoch| EpochRecord {
                epoch,
                lr: 0.1,
                seconds: 1.0,
                train: None,
                val: Some(SplitMetrics::new(90.0, right(epoch), 90)),
                test: None,
                running: None,
            })
            .collect()
    }

    #[test]
    fn jumps_are_found_and_noise_and_trends_are_not() {
        let jumps = unstable(&run(|e| if e % 2 == 0 { 80 } else { 40 })).unwrap();
        assert!(
            jumps.measured.contains("44.4 and 88.9 %"),
            "{}",
            jumps.measured
        );
        assert_eq!(unstable(&run(|e| 45 + (e * 7) % 5)), None);
        assert_eq!(unstable(&run(|e| 30 + e)), None);
        assert_eq!(unstable(&run(|_| 90)), None);
        assert_eq!(unstable(&[]), None);
    }
}
