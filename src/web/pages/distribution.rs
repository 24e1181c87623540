//! How a property of the images is distributed in each split: a drawing with its words.

use crate::chart::{Distributions, draw_inline};
use crate::diagnose::audit::PropertySummary;
use std::borrow::Borrow;

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

/// "0.482", "−1.25", "256"
pub fn figure(value: impl Borrow<f64>) -> String {
    let value = *value.borrow();
    let text = match value.abs() {
        a if value.fract() == 0.0 && a < 1e6 => format!("{value:.0}"),
        a if a >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_say_something() {
        assert_eq!(figure(256.0), "256");
        assert_eq!(figure(-1.2345), "−1.234");
        assert_eq!(figure(0.5), "0.500");
        assert_eq!(figure(12.34), "12.3");
    }
}
