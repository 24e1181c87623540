//! Brightness, contrast, size and so on: their distributions by split, and how far validation's and test's are from training's.

use super::{Gallery, Portrait};
use crate::diagnose::statistics::{auc, holm, kolmogorov_smirnov};
use crate::run::Split;
use serde::{Deserialize, Serialize};

/// Bars of a distribution.
const BARS: usize = 20;
/// What a distribution spans of every split, however few images it has: those beyond are counted in its outermost bars.
const SPANNED: [f64; 2] = [0.005, 0.995];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    Brightness,
    Contrast,
    Skewness,
    Sharpness,
    RedOverBlue,
    GreenOverRest,
    Width,
    Height,
}

impl Property {
    pub const ALL: [Property; 8] = [
        Property::Brightness,
        Property::Contrast,
        Property::Skewness,
        Property::Sharpness,
        Property::RedOverBlue,
        Property::GreenOverRest,
        Property::Width,
        Property::Height,
    ];

    pub(super) fn of(self, portrait: &Portrait, size: (u32, u32)) -> f64 {
        match self {
            Property::Brightness => portrait.brightness,
            Property::Contrast => portrait.contrast,
            Property::Skewness => portrait.skewness,
            Property::Sharpness => portrait.sharpness,
            Property::RedOverBlue => portrait.red_over_blue,
            Property::GreenOverRest => portrait.green_over_rest,
            Property::Width => f64::from(size.0),
            Property::Height => f64::from(size.1),
        }
    }

    /// As a heading: "Red over blue".
    pub fn title(self) -> &'static str {
        match self {
            Property::Brightness => "Brightness",
            Property::Contrast => "Contrast",
            Property::Skewness => "Skewness",
            Property::Sharpness => "Sharpness",
            Property::RedOverBlue => "Red over blue",
            Property::GreenOverRest => "Green over the rest",
            Property::Width => "Width",
            Property::Height => "Height",
        }
    }

    /// What is measured, for those who ask.
    pub fn meaning(self) -> &'static str {
        match self {
            Property::Brightness => "mean of gray, 0 to 1",
            Property::Contrast => "standard deviation of gray, 0 to 1",
            Property::Skewness => "skewness of gray: above 0 where most is dark",
            Property::Sharpness => "logarithm of the share of fine detail: low where blurred",
            Property::RedOverBlue => "mean of red minus blue, -1 to 1",
            Property::GreenOverRest => "mean of green minus the other two, -1 to 1",
            Property::Width => "pixels",
            Property::Height => "pixels",
        }
    }

    /// What a smaller and a larger value mean.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Property::Brightness => ("darker", "brighter"),
            Property::Contrast => ("of less contrast", "of more contrast"),
            Property::Skewness => ("with more bright than dark", "with more dark than bright"),
            Property::Sharpness => ("blurrier", "sharper"),
            Property::RedOverBlue => ("bluer", "redder"),
            Property::GreenOverRest => ("less green", "greener"),
            Property::Width => ("narrower", "wider"),
            Property::Height => ("lower", "higher"),
        }
    }
}

/// One property over one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PropertySummary {
    pub split: Split,
    pub property: Property,
    pub median: f64,
    /// 5th and 95th percentiles.
    pub low: f64,
    pub high: f64,
    pub distribution: Distribution,
}

/// How many images have which value. All splits' distributions of a property have the same ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    pub from: f64,
    /// Equal to `from` where all images have the same value: then one bar holds them.
    pub to: f64,
    /// In bars of equal width.
    pub images: Vec<u32>,
}

/// A property of validation or test beside training's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PropertyComparison {
    pub split: Split,
    pub property: Property,
    /// Of the distribution functions, 0 to 1 (Smirnov 1939).
    pub distance: f64,
    /// Of the distance, corrected for the number of properties (Holm 1979).
    pub p: f64,
    /// The effect's size: the probability that an image of the split has a larger value than one of training, ties counting
    /// half; one half where they are alike (Vargha and Delaney 2000).
    pub superiority: f64,
}

/// A property's values over the readable images of a split.
fn values(gallery: &Gallery, split: Split, property: Property) -> Vec<f64> {
    gallery
        .of(split)
        .filter_map(|at| {
            let entry = &gallery.dataset.index.entries[at];
            Some(property.of(gallery.portraits[at].as_ref()?, (entry.width, entry.height)))
        })
        .collect()
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Of each split that has images, by split and then property.
pub(super) fn summaries(gallery: &Gallery) -> Vec<PropertySummary> {
    let mut summaries: Vec<PropertySummary> = Property::ALL
        .into_iter()
        .flat_map(|property| summary(gallery, property))
        .collect();
    summaries.sort_by_key(|summary| summary.split as usize);
    summaries
}

/// Where the bars of all splits begin and end; their values are sorted.
fn span(sorted: &[Vec<f64>]) -> (f64, f64) {
    let any = sorted.iter().filter(|values| !values.is_empty());
    any.fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), values| {
        let [low, high] = SPANNED.map(|share| percentile(values, share));
        (from.min(low), to.max(high))
    })
}

fn summary(gallery: &Gallery, property: Property) -> Vec<PropertySummary> {
    let sorted = Split::ALL.map(|split| {
        let mut values = values(gallery, split, property);
        values.sort_by(f64::total_cmp);
        values
    });
    let (from, to) = span(&sorted);
    let width = (to - from) / BARS as f64;
    Split::ALL
        .into_iter()
        .zip(sorted)
        .filter(|(_, values)| !values.is_empty())
        .map(|(split, values)| {
            let mut images = vec![0; BARS];
            for value in &values {
                // A value below the first bar, or no width at all, gives the first: the cast saturates.
                let bar = if width > 0.0 {
                    (value - from) / width
                } else {
                    0.0
                };
                images[(bar as usize).min(BARS - 1)] += 1;
            }
            PropertySummary {
                split,
                property,
                median: percentile(&values, 0.5),
                low: percentile(&values, 0.05),
                high: percentile(&values, 0.95),
                distribution: Distribution { from, to, images },
            }
        })
        .collect()
}

/// Validation and test beside training, where both have images.
pub(super) fn comparisons(gallery: &Gallery) -> Vec<PropertyComparison> {
    let mut comparisons = Vec::new();
    for split in [Split::Val, Split::Test] {
        let mut of_split: Vec<PropertyComparison> = Property::ALL
            .into_iter()
            .filter_map(|property| {
                let train = values(gallery, Split::Train, property);
                let other = values(gallery, split, property);
                let test = kolmogorov_smirnov(&train, &other)?;
                Some(PropertyComparison {
                    split,
                    property,
                    distance: test.distance,
                    p: test.p,
                    superiority: auc(&train, &other)?.value,
                })
            })
            .collect();
        let adjusted = holm(&of_split.iter().map(|c| c.p).collect::<Vec<_>>());
        for (comparison, p) in of_split.iter_mut().zip(adjusted) {
            comparison.p = p;
        }
        comparisons.extend(of_split);
    }
    comparisons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_span_a_split_of_few_images_too() {
        let sorted = |n: usize, from: f64| -> Vec<f64> {
            (0..n).map(|i| from + i as f64 / n as f64).collect()
        };
        let (from, to) = span(&[sorted(10_000, 0.0), sorted(10, 5.0), Vec::new()]);
        assert!(from < 0.01 && to > 5.8, "{from} {to}");
        assert_eq!(span(&[vec![2.0; 5], vec![2.0]]), (2.0, 2.0));
    }
}
