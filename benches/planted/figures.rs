//! The figures of the reporting cases.

use crate::line::{Line, Reported};
use gapwatch::diagnose::STATED;
use gapwatch::diagnose::finding::Cause;
use gapwatch::diagnose::probes::Calibration;

/// Share of the clean run's accuracy that a remedy is to bring back.
const RESTORED: f64 = 0.8;
/// Causes whose first remedy is applied without looking.
const MENDABLE: [Cause; 11] = [
    Cause::Memorisation,
    Cause::LabelMapMismatch,
    Cause::ScrambledLabels,
    Cause::SplitShift,
    Cause::OrderedSplit,
    Cause::MissingClasses,
    Cause::PreprocessingMismatch,
    Cause::BnEvalDiscrepancy,
    Cause::NotLearning,
    Cause::ClassImbalance,
    Cause::LabelNoise,
];

/// A case with how it was judged.
pub type Judged<'a> = (&'a Line, &'a Reported);

/// Of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub yes: usize,
    pub of: usize,
}

impl Count {
    pub fn share(self) -> f64 {
        self.yes as f64 / self.of.max(1) as f64
    }

    fn add(&mut self, yes: bool) {
        self.yes += usize::from(yes);
        self.of += 1;
    }
}

/// How often a rule names a planted cause first, or among the first two, of the cases with a fault; and how often it names any
/// on a healthy run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hits {
    pub first: Count,
    pub second: Count,
    pub alarms: Count,
}

impl Hits {
    /// `named` are causes in a rule's order; `asserted` those of them that it states as faults.
    pub fn of<'a>(
        cases: &[Judged<'a>],
        named: impl Fn(&'a Reported) -> Vec<Cause>,
        asserted: impl Fn(&'a Reported) -> usize,
    ) -> Hits {
        let mut hits = Hits::default();
        for (line, reported) in cases {
            let named = named(reported);
            let right = |most: usize| named.iter().take(most).any(|c| line.planted.contains(c));
            match line.planted.is_empty() {
                true => hits.alarms.add(asserted(reported) > 0),
                false => {
                    hits.first.add(right(1));
                    hits.second.add(right(2));
                }
            }
        }
        hits
    }
}

/// Causes that the document states with more than one half.
pub fn asserted(reported: &Reported) -> usize {
    let probable = reported.named.iter().filter_map(|named| named.confidence);
    probable.filter(|confidence| *confidence > STATED).count()
}

/// Summed over causes, the mean over cases of (probability − truth)²: ours, and that of the calibration's base rates.
pub fn brier(cases: &[Judged], rates: impl Fn(Cause) -> f64) -> (f64, f64) {
    let (mut ours, mut base) = (0.0, 0.0);
    for (line, reported) in cases {
        for (cause, p) in &reported.probable {
            let truth = f64::from(u8::from(line.planted.contains(cause)));
            ours += (p - truth).powi(2);
            base += (rates(*cause) - truth).powi(2);
        }
    }
    let n = cases.len().max(1) as f64;
    (ours / n, base / n)
}

/// The share of the planted benchmark's plans that have a cause.
pub fn base_rate(calibration: &Calibration, cause: Cause) -> f64 {
    calibration.causes.get(&cause).map_or(0.0, |of| of.share)
}

/// How often the remedy brings back what was lost, over cases with a mendable cause; and how often doing nothing would.
pub fn mended(cases: &[Judged], alone: bool) -> (Count, Count) {
    let (mut after, mut before) = (Count::default(), Count::default());
    for (line, reported) in cases {
        let mendable = line.planted.iter().any(|cause| MENDABLE.contains(cause));
        if mendable && (!alone || line.planted.len() == 1) {
            let mended = &reported.mended;
            after.add(mended.after >= RESTORED * mended.clean);
            before.add(mended.before >= RESTORED * mended.clean);
        }
    }
    (after, before)
}

/// The median of trainings spent on probes, every seed and fold counted as one; the run's own is the user's.
pub fn median_trainings(cases: &[Judged]) -> usize {
    let spent = |(line, _): &Judged| line.trainings.saturating_sub(1);
    let mut trainings: Vec<usize> = cases.iter().map(spent).collect();
    trainings.sort_unstable();
    trainings.get(trainings.len() / 2).copied().unwrap_or(0)
}

/// Probabilities in bins of a tenth: their mean, the share of them that hold, and how many there are.
pub fn reliability(cases: &[Judged]) -> Vec<(f64, f64, usize)> {
    let mut bins = vec![(0.0, 0.0, 0_usize); 10];
    for (line, reported) in cases {
        for (cause, p) in &reported.probable {
            let bin = &mut bins[((p * 10.0) as usize).min(9)];
            bin.0 += p;
            bin.1 += f64::from(u8::from(line.planted.contains(cause)));
            bin.2 += 1;
        }
    }
    let mean = |(p, held, n): (f64, f64, usize)| (p / n as f64, held / n as f64, n);
    bins.into_iter()
        .filter(|(_, _, n)| *n > 0)
        .map(mean)
        .collect()
}
