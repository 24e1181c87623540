//! What came of a remedy, in sentences.

use super::effect::{SEEN, counts, validation};
use super::{Difference, Effect, MeanDifference, RemedyRecord, Share};
use crate::diagnose::gates::{p_value, points, share};
use crate::diagnose::probes::Training;
use crate::diagnose::statistics::{least_seen_paired, least_seen_unpaired};
use crate::run::SplitMetrics;

/// "with 90 images less than about 10 points cannot be seen"
pub(super) fn least_seen(before: &Training, after: &Training) -> String {
    let (Some(one), Some(other)) = (validation(before), validation(after)) else {
        return String::new();
    };
    let seen = match counts(&before.validation, &after.validation) {
        Some(counts) => Some(least_seen_paired(
            counts.n(),
            counts.only_first + counts.only_second,
        )),
        None => least_seen_unpaired(one.correct, one.n, other.n),
    };
    match seen {
        Some(least) => format!(
            "with {} images less than about {:.0} points cannot be seen",
            other.n,
            100.0 * least
        ),
        None => format!("with {} images no rise from there could be seen", other.n),
    }
}

/// The effect with its numbers; `p` is corrected for `tried` remedies, `least` says what could not have been seen.
pub(super) fn words(
    record: &RemedyRecord,
    (before, after): (&Share, &Share),
    difference: Difference,
    p: f64,
    tried: usize,
    least: &str,
) -> String {
    let metrics = |of: &Share| share(&SplitMetrics::new(0.0, of.correct, of.n));
    let opening = match record.effect {
        Effect::Helps => "It helps",
        Effect::Harms => "It harms",
        Effect::Unseen | Effect::Unknown => "No effect could be seen",
    };
    let mut said = format!(
        "{opening}: validation gets {} right, and got {} before, {} points {} (95 % interval {} to {}; p = {}{}).",
        metrics(after),
        metrics(before),
        points(difference.value.abs()),
        if difference.value < 0.0 {
            "less"
        } else {
            "more"
        },
        points(difference.interval.low),
        points(difference.interval.high),
        p_value(p),
        match tried {
            1 => String::new(),
            tried => format!(", corrected for {tried} that were tried"),
        }
    );
    match record.effect {
        Effect::Unseen if p < SEEN => said += " Over the seeds it goes the other way.",
        // What could not have been seen is no sign that there is nothing.
        Effect::Unseen => said += &format!(" It may still do something: {least}."),
        Effect::Helps | Effect::Harms | Effect::Unknown => {}
    }
    if !record.paired {
        said += " It was validated on other images than the run, so the two are not paired.";
    }
    if let Some(MeanDifference { seeds, mean }) = record.over_seeds {
        said += &format!(
            " Over {} seeds the difference is {} points on average (95 % interval {} to {}).",
            seeds,
            points(mean.value),
            points(mean.interval.low),
            points(mean.interval.high)
        );
        let open = mean.interval.low <= 0.0 && mean.interval.high >= 0.0;
        if open && record.effect != Effect::Unseen {
            said += " That leaves open whether it does so with other seeds.";
        }
    }
    said
}
