//! What a probe's trainings answer, with the test behind it.

use super::signs::Measured;
use super::suspects::suspects;
use super::training::{Training, Validated};
use super::{Probe, SHARES};
use crate::diagnose::finding::{Evidence, some_of};
use crate::diagnose::gates::{beats_guessing, beside_guessing, p_value, percent, share};
use crate::diagnose::statistics::mcnemar_exact;
use crate::diagnose::{Answer, fisher_exact, upper_tail};
use crate::run::{Split, SplitMetrics};
use std::collections::HashMap;

/// Training accuracy from which a network knows its images by heart (Zhang et al. 2017 reach 100 %).
const BY_HEART: f64 = 0.95;
/// Shares of suspected labels that are a word of warning and a strong one (ours, not calibrated).
const SUSPECTED: f64 = 0.1;
const STRONGLY_SUSPECTED: f64 = 0.2;

/// The answer with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    pub answer: Answer,
    pub evidence: Evidence,
    /// Nothing where it is not known.
    pub measured: Measured,
    /// Paths of the images behind it, the strongest first.
    pub images: Vec<String>,
}

impl Reading {
    fn new(
        answer: Answer,
        statistic: &'static str,
        reference: &'static str,
        statement: String,
    ) -> Self {
        Reading {
            answer,
            evidence: Evidence {
                statement,
                statistic,
                value: None,
                threshold: None,
                p: None,
                reference,
            },
            measured: Measured::default(),
            images: Vec::new(),
        }
    }

    /// With the probe's effect, which is the evidence's value as well, and how good its networks are in validation.
    fn with(mut self, effect: f64, level: f64, p: Option<f64>) -> Self {
        let known = |number: f64| if number.is_finite() { number } else { 0.0 };
        self.measured = Measured {
            effect: known(effect).clamp(-1.0, 1.0),
            level: known(level).clamp(-1.0, 1.0),
        };
        self.evidence.value = effect.is_finite().then_some(effect);
        self.evidence.p = p;
        self
    }

    pub fn is_strong(&self) -> bool {
        self.answer == Answer::Yes && self.evidence.value.is_some_and(|v| v > STRONGLY_SUSPECTED)
    }
}

/// Reads a probe whose trainings are done, in the order of [`Probe::trainings`]. `chance` is the accuracy of guessing in
/// validation.
pub(super) fn read(
    probe: Probe,
    run: &Training,
    trials: &[&Training],
    classes: usize,
    chance: f64,
) -> Reading {
    let missing = || {
        let why = "A training of this probe ended without figures, so it tells nothing.";
        Reading::new(Answer::Unknown, "none", "none", why.to_owned())
    };
    let read = match (probe, trials) {
        (Probe::Baseline, [small]) => baseline(run, small, chance),
        (Probe::PooledResplit, [pooled]) => resplit(run, pooled, chance),
        (Probe::ShuffledLabels, [shuffled]) => by_heart(run, shuffled),
        (Probe::LearningCurve, [quarter, half]) => curve(run, quarter, half, chance),
        (Probe::GroupedFolds, folds) => grouped(folds, chance),
        (Probe::LabelSuspects, folds) => labels(run, folds, classes),
        (Probe::LongerTraining | Probe::CoolerTraining, [other]) => learns(run, other),
        _ => None,
    };
    read.unwrap_or_else(missing)
}

/// Yes below `sure`, weak below `perhaps`, no above, for a difference in the direction that was asked for.
fn answer(right_way: bool, p: f64, sure: f64, perhaps: f64) -> Answer {
    match p {
        _ if !right_way => Answer::No,
        p if p < sure => Answer::Yes,
        p if p < perhaps => Answer::Weak,
        _ => Answer::No,
    }
}

/// Images that the second gets right and the first does not, and the other way round; None where they share none.
fn discordant<'a>(
    first: impl Iterator<Item = &'a Validated>,
    second: impl Iterator<Item = &'a Validated>,
) -> Option<(u32, u32)> {
    let before: HashMap<&str, bool> = first.map(|i| (i.path.as_str(), i.is_right())).collect();
    let (mut gained, mut lost, mut shared) = (0, 0, 0);
    for image in second {
        if let Some(right) = before.get(image.path.as_str()) {
            shared += 1;
            gained += u32::from(!right && image.is_right());
            lost += u32::from(*right && !image.is_right());
        }
    }
    (shared > 0).then_some((gained, lost))
}

/// An accuracy in validation as a share of all that is above guessing.
fn lift(accuracy: f64, chance: f64) -> f64 {
    (accuracy - chance) / (1.0 - chance).max(1e-3)
}

fn baseline(run: &Training, small: &Training, chance: f64) -> Option<Reading> {
    let (own, other) = (run.last(Split::Val)?, small.last(Split::Val)?);
    let (gained, lost) = discordant(run.validation.iter(), small.validation.iter())?;
    let p = mcnemar_exact(gained, lost);
    let above = upper_tail(other.correct, other.n, chance);
    let told = match beats_guessing(above) {
        Answer::Yes => String::new(),
        answer => format!(", and is itself {}", beside_guessing(answer)),
    };
    let statement = format!(
        "On the same validation images the small network gets {} and this one {}: {gained} images are right only there and \
         {lost} only here (p = {}){told}.",
        share(other),
        share(own),
        p_value(p)
    );
    let reading = Reading::new(
        answer(gained > lost, p, 0.05, 0.2),
        "McNemar's exact test on the same validation images",
        "McNemar 1947",
        statement,
    );
    Some(reading.with(
        other.accuracy - own.accuracy,
        lift(other.accuracy, chance),
        Some(p),
    ))
}

fn resplit(run: &Training, pooled: &Training, chance: f64) -> Option<Reading> {
    let (own, other) = (run.last(Split::Val)?, pooled.last(Split::Val)?);
    let p = fisher_exact(other.correct, other.n, own.correct, own.n);
    let statement = format!(
        "Validation gets {} right as the splits are, and {} when it is drawn anew from one pool with training (p = {}).",
        share(own),
        share(other),
        p_value(p)
    );
    let reading = Reading::new(
        answer(other.accuracy > own.accuracy, p, 0.01, 0.1),
        "Fisher's exact test, two-sided",
        "Fisher 1934",
        statement,
    );
    Some(reading.with(
        other.accuracy - own.accuracy,
        lift(other.accuracy, chance),
        Some(p),
    ))
}

fn by_heart(run: &Training, shuffled: &Training) -> Option<Reading> {
    let trained = shuffled.last(Split::Train)?;
    let when = |training: &Training| match training.fitted_at(BY_HEART) {
        Some(epoch) => format!("reaches {} in epoch {epoch}", percent(BY_HEART)),
        None => format!("never reaches {}", percent(BY_HEART)),
    };
    let statement = format!(
        "With shuffled labels the network gets {} of its training images right: it {}, and with the true labels it {}. What it \
         learns of shuffled labels it learns by heart.",
        share(trained),
        when(shuffled),
        when(run)
    );
    let reading = Reading::new(
        match trained.accuracy {
            a if a >= BY_HEART => Answer::Yes,
            a if a >= 0.8 => Answer::Weak,
            _ => Answer::No,
        },
        "training accuracy with shuffled labels",
        "Zhang et al. 2017",
        statement,
    );
    let mut reading = reading.with(trained.accuracy, 0.0, None);
    reading.evidence.threshold = Some(BY_HEART);
    Some(reading)
}

fn curve(run: &Training, quarter: &Training, half: &Training, chance: f64) -> Option<Reading> {
    let [few, some, all] = [quarter, half, run].map(|training| training.last(Split::Val));
    let (few, some, all): (&SplitMetrics, _, &SplitMetrics) = (few?, some?, all?);
    let (gained, lost) = discordant(quarter.validation.iter(), run.validation.iter())?;
    let p = mcnemar_exact(gained, lost);
    let statement = format!(
        "Validation gets {} right with {} of the training images, {} with {} and {} with all (a quarter against all: p = {}).",
        percent(few.accuracy),
        percent(SHARES[0]),
        percent(some.accuracy),
        percent(SHARES[1]),
        share(all),
        p_value(p)
    );
    let still_rises = all.accuracy > some.accuracy;
    let reading = Reading::new(
        match answer(gained > lost, p, 0.05, 0.2) {
            Answer::Yes if !still_rises => Answer::Weak,
            answer => answer,
        },
        "McNemar's exact test of a quarter against all training images",
        "McNemar 1947",
        statement,
    );
    Some(reading.with(
        all.accuracy - few.accuracy,
        lift(few.accuracy, chance),
        Some(p),
    ))
}

fn grouped(folds: &[&Training], chance: f64) -> Option<Reading> {
    let (by_group, by_class) = folds.split_at(folds.len() / 2);
    let images = |of: &[&Training]| -> Vec<Validated> {
        of.iter()
            .flat_map(|t| t.validation.iter().cloned())
            .collect()
    };
    let (by_group, by_class) = (images(by_group), images(by_class));
    let (gained, lost) = discordant(by_group.iter(), by_class.iter())?;
    let p = mcnemar_exact(gained, lost);
    let accuracy = |images: &[Validated]| {
        images.iter().filter(|i| i.is_right()).count() as f64 / images.len().max(1) as f64
    };
    let (groups, classes) = (accuracy(&by_group), accuracy(&by_class));
    let statement = format!(
        "Cross-validated on {} images, the network gets {} right when whole groups are held out and {} when single images are: \
         {gained} images are right only with their group in training, {lost} only without (p = {}).",
        by_group.len(),
        percent(groups),
        percent(classes),
        p_value(p)
    );
    let reading = Reading::new(
        answer(classes > groups, p, 0.01, 0.1),
        "McNemar's exact test of cross-validation by class against by group",
        "McNemar 1947",
        statement,
    );
    Some(reading.with(classes - groups, lift(classes, chance), Some(p)))
}

fn labels(run: &Training, folds: &[&Training], classes: usize) -> Option<Reading> {
    let images: Vec<Validated> = folds
        .iter()
        .flat_map(|fold| fold.validation.iter().cloned())
        .collect();
    let n = images.len();
    if n == 0 {
        return None;
    }
    let mut counts = vec![0_u32; classes];
    for image in &images {
        if let Some(count) = counts.get_mut(image.label as usize) {
            *count += 1;
        }
    }
    let right = images.iter().filter(|image| image.is_right()).count();
    let commonest = f64::from(counts.into_iter().max().unwrap_or(0)) / n as f64;
    let chance = commonest.max(1.0 / classes.max(1) as f64);
    let statistic = "share of labels that networks contradict out of fold";
    let reference = "Northcutt, Jiang and Chuang 2021";
    let beats = beats_guessing(upper_tail(right as u32, n as u32, chance));
    if beats != Answer::Yes {
        let statement = format!(
            "On images left out of training, {right} of {n} are right, {}: such networks contradict no label.",
            beside_guessing(beats)
        );
        return Some(Reading::new(
            Answer::Unknown,
            statistic,
            reference,
            statement,
        ));
    }
    // Where the small network does better it is asked in place of the run's own.
    let networks = match folds.iter().any(|fold| fold.spec.model != run.spec.model) {
        true => "Small networks",
        false => "Networks",
    };
    let found = suspects(&images, classes);
    let share = found.len() as f64 / n as f64;
    let shown: Vec<&str> = found.iter().map(|at| images[*at].path.as_str()).collect();
    let statement = format!(
        "{networks} that never saw them contradict the labels of {} of {n} images with confidence ({}){}; out of fold {right} are \
         right.",
        found.len(),
        percent(share),
        match &shown[..] {
            [] => String::new(),
            shown => format!(", the surest {}", some_of(shown, 3)),
        }
    );
    let reading = Reading::new(
        match share {
            s if s > SUSPECTED => Answer::Yes,
            s if s > SUSPECTED / 2.0 => Answer::Weak,
            _ => Answer::No,
        },
        statistic,
        reference,
        statement,
    );
    let mistakes = (n - right).max(1) as f64;
    let mut reading = reading.with(share, found.len() as f64 / mistakes, None);
    reading.evidence.threshold = Some(SUSPECTED);
    reading.images = shown.into_iter().map(str::to_owned).collect();
    Some(reading)
}

fn learns(run: &Training, other: &Training) -> Option<Reading> {
    let (train, val) = (other.last(Split::Train)?, other.last(Split::Val));
    // Of a run that diverged in its first epoch there are no figures: anything is more than nothing.
    let against = |now: &SplitMetrics, before: Option<&SplitMetrics>| {
        let (correct, n) = before.map_or((0, now.n), |m| (m.correct, m.n));
        let rises = before.is_none_or(|m| now.accuracy > m.accuracy);
        let p = fisher_exact(now.correct, now.n, correct, n);
        if rises { p } else { 1.0 }
    };
    let trained = against(train, run.last(Split::Train));
    let validated = val.map_or(1.0, |val| against(val, run.last(Split::Val)));
    // Two looks at one question: Bonferroni.
    let p = (2.0 * trained.min(validated)).min(1.0);
    let figures = |training: &Training| {
        let of = |split| training.last(split).map_or("no figure".to_owned(), share);
        format!(
            "{} in training and {} in validation",
            of(Split::Train),
            of(Split::Val)
        )
    };
    let statement = format!(
        "It then gets {} right, and got {} before (p = {}).",
        figures(other),
        figures(run),
        p_value(p)
    );
    let reading = Reading::new(
        answer(true, p, 0.01, 0.1),
        "Fisher's exact test, two-sided, the smaller of two by Bonferroni",
        "Fisher 1934",
        statement,
    );
    let before = run.last(Split::Train).map_or(0.0, |m| m.accuracy);
    Some(reading.with(train.accuracy - before, 0.0, Some(p)))
}
