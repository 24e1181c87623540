//! Facts that follow from where a layer stands.

use super::{Place, PlannedLayer};
use crate::run::Layer;

/// What a user may not expect of a layer in its place.
pub(super) fn note(place: &Place) -> Option<&'static str> {
    let layer = place.layer;
    match &layer.layer {
        Layer::Conv2d(conv) if conv.bias && followed_by_mean(place) => {
            Some("its bias does nothing: the normalization right after it subtracts the mean")
        }
        Layer::Lstm(_) | Layer::Gru(_) if layer.input[0] == 1 => Some(
            "over a sequence of length one its recurrent weights (weight_hh) do nothing: \
             each step starts from a zero state and there is only one",
        ),
        Layer::LastStep if layer.input[0] > 1 => match place.before.last().map(|l| &l.layer) {
            Some(Layer::Lstm(settings) | Layer::Gru(settings)) if settings.bidirectional => {
                Some("of the backward direction the last step has seen only the last element")
            }
            _ => None,
        },
        _ => None,
    }
}

/// Why the parameter `name` of a layer gets no gradient whatever the data, if so.
pub fn zero_gradient(place: &Place, name: &str) -> Option<&'static str> {
    match &place.layer.layer {
        Layer::Conv2d(_) | Layer::Linear(_)
            if name.ends_with(".bias") && followed_by_mean(place) =>
        {
            Some("the normalization right after it subtracts the mean, and with it any bias")
        }
        Layer::Lstm(_) | Layer::Gru(_)
            if name.contains(".weight_hh_") && place.layer.input[0] == 1 =>
        {
            Some("a sequence of length one has no earlier step, and the state starts at zero")
        }
        Layer::Lstm(settings) | Layer::Gru(settings)
            if name.ends_with(&format!(".weight_hh_l{}_reverse", settings.layers - 1))
                && matches!(place.next().map(|l| &l.layer), Some(Layer::LastStep)) =>
        {
            Some("only the last step is used, and it is the backward direction's first")
        }
        _ => None,
    }
}

impl PlannedLayer {
    /// True where the layer subtracts each channel's mean, so that a bias before it does nothing.
    pub fn cancels_bias(&self) -> bool {
        match &self.layer {
            Layer::BatchNorm(_) => true,
            // Groups of one channel; larger ones keep the differences between channels.
            Layer::GroupNorm(norm) => norm.groups == self.input[0],
            _ => false,
        }
    }
}

fn followed_by_mean(place: &Place) -> bool {
    place.next().is_some_and(PlannedLayer::cancels_bias)
}
