//! The shape of a residual block's sum, and what to do where there is none.

use super::PlannedLayer;
use crate::model::shape;

/// The shape of what a block's layers and its shortcut give, which must be one and the same.
pub(super) fn sum(
    body: &[PlannedLayer],
    shortcut: &[PlannedLayer],
    input: &[usize],
) -> Result<Vec<usize>, String> {
    let result = |layers: &[PlannedLayer]| {
        layers
            .last()
            .map_or_else(|| input.to_vec(), |last| last.output.clone())
    };
    let (of_body, of_shortcut) = (result(body), result(shortcut));
    if of_body == of_shortcut {
        return Ok(of_body);
    }
    let whose = if shortcut.is_empty() {
        "what comes in is"
    } else {
        "its shortcut gives"
    };
    Err(format!(
        "its layers give {} and {whose} {}, which cannot be added: {}",
        shape::words(&of_body),
        shape::words(&of_shortcut),
        projection(input, &of_body).unwrap_or_else(|| {
            "let its layers keep the shape, or give it a shortcut to the same shape".to_owned()
        })
    ))
}

/// The convolution of one pixel that takes an image's shape to another's.
fn projection(input: &[usize], output: &[usize]) -> Option<String> {
    let ([_, h, w], [channels, oh, ow]) = (input, output) else {
        return None;
    };
    let stride = h.div_ceil(*oh);
    let fits = |n: usize, out: usize| (n - 1) / stride + 1 == out;
    (fits(*h, *oh) && fits(*w, *ow)).then(|| {
        format!(
            "give it shortcut = [ {{ conv2d = {{ out = {channels}, kernel = 1, stride = {stride} }} }} ]"
        )
    })
}
