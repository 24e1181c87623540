//! Does training reach every layer? Parameters without a gradient, and those that have not moved.

use crate::diagnose::finding::{Cause, Evidence, Finding, Found, Severity, some_of};
use crate::run::{Examination, Reach, StillParameter};

pub(super) fn look(examination: &Examination) -> Found {
    let mut found = Found::default();
    let Some(reach) = &examination.parameters else {
        found.not_checked.push(
            "Frozen layers: nothing was told of the network's gradients and of what has moved."
                .to_owned(),
        );
        return found;
    };
    found.findings.extend(frozen(reach, examination.epoch));
    found
}

fn frozen(reach: &Reach, epoch: u32) -> Option<Finding> {
    // What the structure leaves without a gradient is told beside the layer that causes it.
    let odd: Vec<&StillParameter> = reach
        .still
        .iter()
        .filter(|still| still.by_structure.is_none())
        .collect();
    let unmoved: Vec<&str> = odd
        .iter()
        .filter(|still| still.unmoved)
        .map(|still| still.name.as_str())
        .collect();
    let without: Vec<&str> = odd
        .iter()
        .filter(|still| still.no_gradient && !still.unmoved)
        .map(|still| still.name.as_str())
        .collect();
    let could_move = reach.tensors as usize - (reach.still.len() - odd.len());
    let (severity, title) = match (unmoved.len(), without.len()) {
        (0, 0) => return None,
        (0, _) => (
            Severity::Note,
            "Some layers got no gradient at the first step",
        ),
        (n, _) if n >= could_move => (Severity::Problem, "Training does not move the network"),
        _ => (Severity::Warning, "Training does not reach all layers"),
    };
    let mut finding = Finding::new("frozen-layers", severity, title);
    finding.cause = Some(Cause::FrozenLayers);
    let mut sentences = Vec::new();
    if !unmoved.is_empty() {
        sentences.push(format!(
            "After epoch {epoch} {} of {could_move} parameter tensors are, number for number, what they were before training: {}.",
            unmoved.len(),
            some_of(&unmoved, 6)
        ));
    }
    if !without.is_empty() {
        sentences.push(format!(
            "The first step gave no gradient, or one that is not finite, to {}, which has moved since: weight decay moves \
             weights without any.",
            some_of(&without, 6)
        ));
    }
    finding.measured = sentences.join(" ");
    finding.evidence.push(Evidence {
        statement: finding.measured.clone(),
        statistic: "parameter tensors that have not moved",
        value: Some(unmoved.len() as f64),
        threshold: Some(0.0),
        p: None,
        reference: "any after the first epoch",
    });
    finding.why =
        "What does not move stays random: the layers behind it must make do with random features."
            .to_owned();
    finding.remedy = "Look for a dropout near 1, a ReLU whose inputs are all negative, a learning rate so small that the steps \
                      vanish in rounding, or parameters that are switched off (requires_grad, trainable) or left out of the \
                      optimizer."
        .to_owned();
    finding.false_alarm = "Layers may be frozen on purpose, as when only the head of a trained network is trained on.".to_owned();
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still(name: &str, unmoved: bool, by_structure: Option<&str>) -> StillParameter {
        StillParameter {
            name: name.to_owned(),
            no_gradient: true,
            unmoved,
            by_structure: by_structure.map(str::to_owned),
        }
    }

    #[test]
    fn frozen_layers_are_named_and_those_of_the_structure_are_not() {
        let with = |still| Examination {
            epoch: 2,
            parameters: Some(Reach { tensors: 4, still }),
            ..Examination::default()
        };
        let one = look(&with(vec![still("conv.weight", true, None)])).findings;
        assert_eq!(one[0].severity, Severity::Warning);
        assert!(one[0].measured.contains("conv.weight"));
        let structure = vec![still("lstm.weight_hh_l0", true, Some("length one"))];
        assert_eq!(look(&with(structure)), Found::default());
        let all = ["a", "b", "c"].map(|name| still(name, true, None));
        let mut all = all.to_vec();
        all.push(still("d", true, Some("structure")));
        assert_eq!(look(&with(all)).findings[0].severity, Severity::Problem);
        let revived = look(&with(vec![still("a", false, None)])).findings;
        assert_eq!(revived[0].severity, Severity::Note);
        assert_eq!(look(&Examination::default()).not_checked.len(), 1);
    }
}
