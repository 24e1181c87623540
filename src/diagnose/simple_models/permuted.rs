//! Does what a simple model learnt in training hold in a split under other names of the classes?

use super::Scored;
use super::verdicts::{evidence, word};
use crate::diagnose::finding::{Cause, Evidence, Finding, MatchedConfusion, Severity, some_of};
use crate::diagnose::gates::{p_value, percent};
use crate::diagnose::predictions::{LabelMap, Pair, label_map};
use crate::run::Split;

/// The finding on a split, by the model whose answers the map explains best. `transfers` are models fitted on training, with
/// label and given class of each image that they were scored on.
pub(super) fn finding(
    transfers: &[(Scored, Vec<Pair>)],
    split: Split,
    classes: &[String],
    seed: u64,
) -> Option<Finding> {
    let (scored, pairs, map) = transfers
        .iter()
        .filter(|(scored, _)| scored.scored_on == split)
        .filter_map(|(scored, pairs)| {
            let map = label_map(pairs, classes.len(), seed)?;
            map.is_permuted().then_some((scored, pairs, map))
        })
        .max_by(|a, b| a.2.confirmed.total_cmp(&b.2.confirmed))?;
    Some(tell(scored, pairs, &map, classes))
}

fn tell(scored: &Scored, pairs: &[Pair], map: &LabelMap, classes: &[String]) -> Finding {
    let split = scored.scored_on.word();
    let moved: Vec<String> = map
        .columns
        .iter()
        .enumerate()
        .filter(|(label, given)| {
            label != *given && pairs.contains(&(*label as u32, **given as u32))
        })
        .map(|(label, given)| format!("{} → {}", classes[label], classes[*given]))
        .collect();
    let mut finding = Finding::new(
        "labels-permuted",
        Severity::Problem,
        format!("The {split} labels name other classes than training's"),
    );
    finding.cause = Some(Cause::LabelMapMismatch);
    finding.confusion = MatchedConfusion::of(scored.scored_on, classes, pairs, &map.columns);
    finding.measured = format!(
        "Fitted on training, {} gets {} of the {split} pictures right. With {} it gets {}, by a map that was found on the other half of the pictures.",
        word(scored.model),
        percent(map.accuracy),
        some_of(&moved, 10),
        percent(map.confirmed)
    );
    finding.why = "Right answers are counted as wrong: the classes have other numbers or names in this split, as where each split's \
                   folders were numbered for themselves. No network can do well there."
        .to_owned();
    finding.remedy = "Compare the class lists of the splits, and use training's for all; look at ten pictures of each class named here."
        .to_owned();
    finding.false_alarm =
        "The split's pictures look otherwise, so that one class is always taken for another."
            .to_owned();
    finding.evidence = vec![
        evidence(scored),
        Evidence {
            statement: format!(
                "Labels matched with answers: {} right, against {} for answers that know nothing (99th percentile; p = {}).",
                percent(map.matched),
                percent(map.null_99),
                p_value(map.p)
            ),
            statistic: "accuracy after Hungarian matching, confirmed on the other half by McNemar's test",
            value: Some(map.confirmed),
            threshold: Some(map.accuracy),
            p: Some(map.confirmed_p),
            reference: "Kuhn 1955; McNemar 1947",
        },
    ];
    finding
}
