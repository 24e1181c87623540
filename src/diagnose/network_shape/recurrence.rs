//! Recurrent layers that get nothing to recur over, or whose reading is not used.

use super::{grouped, named};
use crate::diagnose::finding::{Cause, Finding, Severity};
use crate::model::{Place, PlannedLayer};
use crate::run::Layer;

pub(super) fn single_step(layer: &PlannedLayer) -> Option<Finding> {
    let (Layer::Lstm(_) | Layer::Gru(_)) = &layer.layer else {
        return None;
    };
    if layer.input[0] != 1 {
        return None;
    }
    let idle: usize = layer
        .tensors()
        .iter()
        .filter(|t| t.name.contains("weight_hh"))
        .map(|t| t.shape.iter().product::<usize>())
        .sum();
    let mut finding = Finding::new(
        "recurrence-over-one-step",
        Severity::Warning,
        "The recurrent layer reads a sequence of length one",
    );
    finding.cause = Some(Cause::Memorisation);
    finding.measured = format!(
        "{} gets one step of {} numbers an image. Its {} recurrent weights (weight_hh) never get a gradient.",
        named(layer),
        layer.input[1],
        grouped(idle)
    );
    finding.why = "With one step there is no order to read: the layer is a gated linear map with more ways to saturate, and \
                   bidirectional only computes the same step twice."
        .to_owned();
    finding.remedy = "Leave the recurrent layer out, or give it a sequence: { sequence = { of = \"columns\" } } reads an image \
                      from left to right (preset crnn)."
        .to_owned();
    finding.false_alarm =
        "The network is meant to be given longer sequences later with these weights.".to_owned();
    Some(finding)
}

pub(super) fn one_sided(place: &Place) -> Option<Finding> {
    let layer = place.layer;
    let (Layer::LastStep, Some(recurrent)) = (&layer.layer, place.before.last()) else {
        return None;
    };
    if !matches!(&recurrent.layer, Layer::Lstm(l) | Layer::Gru(l) if l.bidirectional)
        || layer.input[0] == 1
    {
        return None;
    }
    let mut finding = Finding::new(
        "backward-direction-unread",
        Severity::Note,
        "Half of the bidirectional layer has seen one step only",
    );
    finding.measured = format!(
        "The last of {} steps is taken; there the backward direction of {} has read the last step and nothing else.",
        layer.input[0],
        named(recurrent)
    );
    finding.why = "Half of the features that go on know almost nothing of the image.".to_owned();
    finding.remedy = "Use one direction, or pool over all steps.".to_owned();
    finding.false_alarm = "The end of the sequence is what matters.".to_owned();
    Some(finding)
}
