//! Where a network keeps its parameters, and how many it has for each training image.

use super::{grouped, named};
use crate::diagnose::finding::{Cause, Evidence, Finding, Severity};
use crate::diagnose::gates::percent;
use crate::model::{Place, Plan, PlannedLayer};
use crate::run::Layer;

/// Parameters a training image from which they are worth a word, and from which a warning (ours, not calibrated).
const MANY_AN_IMAGE: f64 = 10.0;
const FAR_TOO_MANY_AN_IMAGE: f64 = 1_000.0;
/// One layer with this share of the parameters carries the network's capacity.
const LION_SHARE: f64 = 0.5;

/// A linear layer over flattened feature maps.
pub(super) fn tied_to_place(plan: &Plan, place: &Place) -> Option<Finding> {
    let layer = place.layer;
    if !matches!(layer.layer, Layer::Linear(_)) {
        return None;
    }
    let weighted = |l: &PlannedLayer| l.parameters > 0;
    let flatten = place
        .before
        .iter()
        .rev()
        .take_while(|l| !weighted(l))
        .find(|l| matches!(l.layer, Layer::Flatten))?;
    let [channels, height, width] = flatten.input[..] else {
        return None;
    };
    // Without convolutions before it nothing else was meant.
    let after_convolution = plan.layers[..=place.position]
        .iter()
        .flat_map(PlannedLayer::with_inside)
        .any(|l| matches!(l.layer, Layer::Conv2d(_)));
    let share = layer.parameters as f64 / plan.parameters.max(1) as f64;
    if height * width <= 1 || share < LION_SHARE || !after_convolution {
        return None;
    }
    let mut finding = Finding::new(
        "flatten-then-linear",
        if layer.parameters > 100_000 {
            Severity::Warning
        } else {
            Severity::Note
        },
        "One linear layer over the flattened image holds most of the parameters",
    );
    finding.cause = Some(Cause::Memorisation);
    finding.measured = format!(
        "{} has {} of {} parameters ({}): a weight for each of {channels} channels at each of {height} × {width} places.",
        named(layer),
        grouped(layer.parameters),
        grouped(plan.parameters),
        percent(share)
    );
    finding.why = "Each weight is tied to one place, so a pattern must be learnt anew for every place where it can stand. With few \
                   images the layer learns the pictures by heart."
        .to_owned();
    finding.remedy = format!(
        "Pool over the whole image first, {{ adaptive_max_pool = {{}} }} or {{ adaptive_avg_pool = {{}} }}: then this layer needs {} \
         weights in place of {} (preset cnn-gap).",
        grouped(channels * layer.output.last().copied().unwrap_or(1)),
        grouped(layer.parameters)
    );
    finding.false_alarm =
        "Where a thing stands tells its class (aligned faces, digits in the middle), or there are very many images.".to_owned();
    finding.evidence.push(Evidence {
        statement: format!("{} of all parameters are in one layer.", percent(share)),
        statistic: "share of the parameters",
        value: Some(share),
        threshold: Some(LION_SHARE),
        p: None,
        reference: "counted from the layers",
    });
    Some(finding)
}

pub(super) fn capacity(plan: &Plan, images: Option<usize>) -> Option<Finding> {
    let images = images.filter(|n| *n > 0)?;
    let each = plan.parameters as f64 / images as f64;
    if each < MANY_AN_IMAGE {
        return None;
    }
    let mut finding = Finding::new(
        "parameters-an-image",
        if each >= FAR_TOO_MANY_AN_IMAGE {
            Severity::Warning
        } else {
            Severity::Note
        },
        "There are far more parameters than images",
    );
    finding.cause = Some(Cause::Memorisation);
    finding.measured = format!(
        "{} parameters for {} training images: {} for each.",
        grouped(plan.parameters),
        grouped(images),
        grouped(each.round() as usize)
    );
    finding.why = "Such a network can learn any labels by heart, even random ones (Zhang et al. 2017), so a perfect training accuracy \
                   says nothing."
        .to_owned();
    finding.remedy = "Fewer channels, global pooling in place of flatten, weight decay, augmentation, or more images.".to_owned();
    finding.false_alarm = "Large networks often generalise well all the same, pre-trained ones above all: what counts is the \
                           validation accuracy."
        .to_owned();
    finding.evidence.push(Evidence {
        statement: finding.measured.clone(),
        statistic: "parameters a training image",
        value: Some(each),
        threshold: Some(MANY_AN_IMAGE),
        p: None,
        reference: "Zhang et al. 2017",
    });
    Some(finding)
}
