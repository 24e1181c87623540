//! What normalization undoes of the layers before it.

use super::{grouped, named};
use crate::diagnose::finding::{Cause, Finding, Severity};
use crate::model::{Place, PlannedLayer};
use crate::run::Layer;

pub(super) fn idle_bias(place: &Place) -> Option<Finding> {
    let layer = place.layer;
    let next = place.next().filter(|next| next.cancels_bias())?;
    let has_bias = match &layer.layer {
        Layer::Conv2d(conv) => conv.bias,
        Layer::Linear(linear) => linear.bias,
        _ => false,
    };
    if !has_bias {
        return None;
    }
    let mut finding = Finding::new(
        "bias-before-batch-norm",
        Severity::Note,
        "A bias before batch norm does nothing",
    );
    finding.measured = format!(
        "{} has a bias for each of {} outputs, and {} subtracts the mean right after it.",
        named(layer),
        grouped(layer.output[0]),
        named(next)
    );
    finding.why = "It gets only rounding for a gradient. It does no harm either.".to_owned();
    finding.remedy = "Set bias = false in that layer.".to_owned();
    finding.false_alarm = "Weights are to be loaded that have one.".to_owned();
    Some(finding)
}

pub(super) fn dropout_before_norm(place: &Place) -> Option<Finding> {
    let Layer::Dropout(dropout) = &place.layer.layer else {
        return None;
    };
    let norm = place
        .after()
        .flat_map(PlannedLayer::with_inside)
        .find(|l| matches!(l.layer, Layer::BatchNorm(_)))?;
    if dropout.p == 0.0 {
        return None;
    }
    let mut finding = Finding::new(
        "dropout-before-batch-norm",
        Severity::Note,
        "Dropout stands before batch norm",
    );
    finding.cause = Some(Cause::BnEvalDiscrepancy);
    finding.measured = format!("Dropout of {} comes before {}.", dropout.p, named(norm));
    finding.why = "In training batch norm learns the variance of what dropout left; in evaluation nothing is dropped and the \
                   variance is another (variance shift, Li et al. 2019). Accuracy in evaluation mode falls."
        .to_owned();
    finding.remedy =
        "Use dropout only after the last batch norm, before the last linear layer.".to_owned();
    finding.false_alarm =
        "With small p and wide layers the shift is small: compare training accuracy in training and in evaluation mode."
            .to_owned();
    Some(finding)
}
