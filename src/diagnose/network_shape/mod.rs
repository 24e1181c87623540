//! What a network's layers tell before it runs: weights that do nothing, weights that only memorise, and bottlenecks.

mod capacity;
mod normalization;
mod recurrence;

use super::finding::{Finding, Severity};
use crate::model::{Place, Plan, PlannedLayer};
use crate::run::Layer;
use capacity::{capacity, tied_to_place};
use normalization::{dropout_before_norm, idle_bias};
use recurrence::{one_sided, single_step};

/// The findings on a plan, those on a layer with its position, or its residual block's; `images` is the number of
/// training images, where it is known. They are facts of the layers, not measurements: they raise the odds of
/// memorisation and choose its remedies.
pub fn network_findings(plan: &Plan, images: Option<usize>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for place in plan.places() {
        let found = [
            single_step(place.layer),
            one_sided(&place),
            narrow(plan, &place),
            linear_in_a_row(&place),
            idle_bias(&place),
            dropout_before_norm(&place),
            tied_to_place(plan, &place),
        ];
        findings.extend(found.into_iter().flatten().map(|mut finding| {
            finding.layer = Some(place.position);
            finding
        }));
    }
    findings.extend(capacity(plan, images));
    super::finding::rank(&mut findings);
    findings
}

/// "flc (linear)"
fn named(layer: &PlannedLayer) -> String {
    format!("{} ({})", layer.name, layer.kind)
}

/// 4,278,339
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A layer before the last that leaves no more numbers than there are classes.
fn narrow(plan: &Plan, place: &Place) -> Option<Finding> {
    let layer = place.layer;
    let is_last = !place.after().any(|l| l.parameters > 0);
    let width = match &layer.layer {
        Layer::Lstm(settings) | Layer::Gru(settings) => settings.hidden,
        Layer::Linear(_) | Layer::Conv2d(_) => layer.output.iter().product(),
        _ => return None,
    };
    // Inside a residual block the rest goes past it.
    if is_last || place.depth > 0 || width > plan.classes {
        return None;
    }
    let mut finding = Finding::new(
        "bottleneck",
        Severity::Note,
        "A layer is as narrow as the classes are many",
    );
    finding.measured = format!(
        "{} has {} hidden units{} for {} classes.",
        named(layer),
        width,
        if matches!(layer.layer, Layer::Lstm(_) | Layer::Gru(_)) {
            " a direction"
        } else {
            ""
        },
        plan.classes
    );
    finding.why = "Everything the network knows of an image goes through so few numbers that it must already have decided there; \
                   what it learns then depends on the start."
        .to_owned();
    finding.remedy =
        "Make it a few times as wide as there are classes, or leave it out.".to_owned();
    finding.false_alarm =
        "Classes that lie on one scale (few dimensions) fit through a bottleneck.".to_owned();
    Some(finding)
}

/// A linear layer whose output goes into another linear map with nothing between.
fn linear_in_a_row(place: &Place) -> Option<Finding> {
    let layer = place.layer;
    if !matches!(layer.layer, Layer::Linear(_)) {
        return None;
    }
    // What follows a block gets a sum, which is no linear map of one layer's result alone.
    let next = place.rest_of_list().iter().find(|l| {
        !matches!(
            l.layer,
            Layer::Dropout(_) | Layer::Flatten | Layer::Sequence(_) | Layer::LastStep
        )
    })?;
    if !matches!(
        next.layer,
        Layer::Linear(_) | Layer::Lstm(_) | Layer::Gru(_)
    ) {
        return None;
    }
    let mut finding = Finding::new(
        "linear-after-linear",
        Severity::Note,
        "Two linear maps follow each other",
    );
    finding.measured = format!(
        "Nothing bends between {} with {} parameters and {}.",
        named(layer),
        grouped(layer.parameters),
        named(next)
    );
    finding.why = "A linear map of a linear map is one linear map: the first adds parameters to memorise with, but nothing that \
                   can be expressed."
        .to_owned();
    finding.remedy = "Put { relu = {} } between them, or leave the first out.".to_owned();
    finding.false_alarm = "A deliberately narrow first map (low rank) saves parameters.".to_owned();
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::ModelSpec;

    fn of(model: ModelSpec, input: [usize; 3], images: usize) -> Vec<Finding> {
        network_findings(&Plan::new(&model, input, 9).unwrap(), Some(images))
    }

    fn preset(name: &str) -> Vec<Finding> {
        of(ModelSpec::Preset(name.to_owned()), [3, 128, 256], 630)
    }

    fn find<'a>(findings: &'a [Finding], id: &str) -> &'a Finding {
        findings
            .iter()
            .find(|f| f.id == id)
            .unwrap_or_else(|| panic!("{id} in {findings:?}"))
    }

    #[test]
    fn the_questions_network_is_told_what_its_asker_could_not_see() {
        let findings = preset("cnn-bilstm");
        let flc = find(&findings, "flatten-then-linear");
        assert!(
            flc.measured.contains("4,195,328 of 4,278,339") && flc.measured.contains("98.1 %"),
            "{}",
            flc.measured
        );
        let plan = Plan::new(
            &ModelSpec::Preset("cnn-bilstm".to_owned()),
            [3, 128, 256],
            9,
        )
        .unwrap();
        assert_eq!(plan.layers[flc.layer.unwrap()].name, "flc");
        assert!(
            find(&findings, "parameters-an-image")
                .measured
                .contains("6,791 for each")
        );
        let lstm = find(&findings, "recurrence-over-one-step");
        assert_eq!(plan.layers[lstm.layer.unwrap()].kind, "lstm");
        assert!(
            lstm.measured.contains("1,296 recurrent weights"),
            "{}",
            lstm.measured
        );
        for id in [
            "bottleneck",
            "bias-before-batch-norm",
            "dropout-before-batch-norm",
            "linear-after-linear",
        ] {
            let finding = find(&findings, id);
            assert!(
                !finding.why.is_empty()
                    && !finding.remedy.is_empty()
                    && !finding.false_alarm.is_empty()
            );
        }
        assert_eq!(findings[0].severity, Severity::Warning, "the worst first");
    }

    #[test]
    fn the_way_out_has_nothing_to_warn_of() {
        let findings = preset("cnn-gap");
        let warned: Vec<&Finding> = findings
            .iter()
            .filter(|f| f.severity > Severity::Note)
            .collect();
        assert!(warned.is_empty(), "{warned:?}");
        assert!(
            !findings
                .iter()
                .any(|f| f.id == "flatten-then-linear" || f.id == "bottleneck")
        );
    }

    #[test]
    fn a_backward_direction_that_nobody_reads_is_found() {
        let layers = r#"[{"sequence":{"of":"columns"}},{"lstm":{"hidden":32,"bidirectional":true}},{"last_step":{}},{"linear":{}}]"#;
        let model = ModelSpec::Layers(serde_json::from_str(layers).unwrap());
        let findings = of(model, [1, 8, 16], 100_000);
        assert_eq!(find(&findings, "backward-direction-unread").layer, Some(2));
        assert_eq!(findings.len(), 1, "{findings:?}");
    }

    #[test]
    fn what_lies_inside_a_residual_block_is_found_and_told_of_its_block() {
        let layers = r#"[{"dropout":{"p":0.5}},{"name":"block","residual":{"layers":[
            {"conv2d":{"out":1,"kernel":1}},{"batch_norm":{}},{"conv2d":{"out":3,"kernel":1,"bias":false}}]}},
            {"adaptive_avg_pool":{}},{"flatten":{}},{"linear":{"out":40}},{"relu":{}},{"linear":{}}]"#;
        let model = ModelSpec::Layers(serde_json::from_str(layers).unwrap());
        let findings = of(model, [3, 8, 16], 100_000);
        let bias = find(&findings, "bias-before-batch-norm");
        assert_eq!(bias.layer, Some(1));
        assert!(bias.measured.contains("block.body.0"), "{}", bias.measured);
        let dropout = find(&findings, "dropout-before-batch-norm");
        assert!(
            dropout.measured.contains("block.body.1"),
            "{}",
            dropout.measured
        );
        // One channel inside a block is no bottleneck: the input goes past it.
        assert_eq!(findings.len(), 2, "{findings:?}");
    }
}
