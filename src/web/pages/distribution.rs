//! How a property of the images is distributed in each split: a drawing with its words.

use super::wording::figure;
use crate::chart::{Distributions, draw_inline};
use crate::diagnose::audit::PropertySummary;

/// One property's summaries by split as an SVG element; empty where it could not be drawn.
pub fn distribution<'a>(by_split: impl Iterator<Item = &'a PropertySummary>) -> String {
    let known: Vec<&PropertySummary> = by_split.collect();
    let Some(first) = known.first() else {
        return String::new();
    };
    let says: Vec<String> = known
        .iter()
        .map(|s| {
            format!(
                "{} median {}, nine in ten from {} to {}",
                s.split.word(),
                figure(s.median),
                figure(s.low),
                figure(s.high)
            )
        })
        .collect();
    let distributions = Distributions {
        from: first.distribution.from,
        to: first.distribution.to,
        splits: known
            .iter()
            .map(|s| (s.split, s.distribution.images.clone()))
            .collect(),
    };
    let says = format!("{} by split: {}.", first.property.title(), says.join("; "));
    draw_inline(&distributions, &says).unwrap_or_else(|error| {
        tracing::error!("{error}");
        String::new()
    })
}
