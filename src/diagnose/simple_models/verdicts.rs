//! What the simple models' scores say together.

use super::{Scored, SimpleModel, TwoSample};
use crate::diagnose::finding::{Cause, Evidence, Finding, Severity};
use crate::diagnose::gates::{p_value, percent};
use crate::diagnose::statistics::{Interval, holm, wilson};
use crate::run::Split;

/// 2 · AUC − 1 from which a difference of the splits is worth a word, and from which it is strong (deepchecks).
const SHIFT: f64 = 0.1;
const STRONG_SHIFT: f64 = 0.25;

/// `reference` is training cross-validated with as few images as validation has; of the splits in `told` it is known that their
/// labels are permuted, which explains what is seen of them here.
pub(super) fn findings(
    scored: &[Scored],
    reference: &[Scored],
    two_sample: &[TwoSample],
    told: &[Split],
) -> Vec<Finding> {
    let best = |from: Split, to: Split| {
        let of = scored
            .iter()
            .filter(move |s| (s.fitted_on, s.scored_on) == (from, to));
        // The smaller p; where they are equal the higher accuracy.
        of.min_by(|a, b| a.p.total_cmp(&b.p).then(b.accuracy.total_cmp(&a.accuracy)))
    };
    let mut findings: Vec<Finding> = two_sample.iter().filter_map(shift).collect();
    let Some(train) = best(Split::Train, Split::Train) else {
        return findings;
    };
    for split in [Split::Val, Split::Test] {
        if told.contains(&split) {
            continue;
        }
        let (Some(within), Some(transfer)) = (best(split, split), best(Split::Train, split)) else {
            continue;
        };
        let enough = reference
            .iter()
            .any(|r| r.accuracy >= within.detectable && r.is_above_chance());
        let shifted = two_sample
            .iter()
            .any(|t| t.split == split && t.p < 0.01 && 2.0 * t.auc.value - 1.0 > STRONG_SHIFT);
        match (
            train.is_above_chance(),
            transfer.is_above_chance(),
            within.is_above_chance(),
        ) {
            (true, false, false) if enough && !shifted => {
                findings.push(scrambled(train, within, transfer))
            }
            (true, false, true) => findings.push(split_at_fault(train, within, transfer)),
            (true, true, _) => {
                let own = scored.iter().find(|s| {
                    (s.model, s.fitted_on, s.scored_on)
                        == (transfer.model, Split::Train, Split::Train)
                });
                match own.filter(|own| interval(transfer).high < interval(own).low) {
                    Some(own) => findings.push(carries_over_in_part(own, transfer)),
                    None => findings.push(carries_over(transfer)),
                }
            }
            _ => {}
        }
    }
    let p_values: Vec<f64> = scored.iter().map(|s| s.p).collect();
    if holm(&p_values).into_iter().all(|p| p > 0.05) {
        findings.push(no_signal(scored, train));
    }
    findings
}

pub(super) fn word(model: SimpleModel) -> &'static str {
    match model {
        SimpleModel::Linear => "a linear model",
        SimpleModel::NearestNeighbours => "the five nearest neighbours",
    }
}

pub(super) fn evidence(scored: &Scored) -> Evidence {
    let how = if scored.fitted_on == scored.scored_on {
        format!("within {}", scored.fitted_on.word())
    } else {
        format!(
            "from {} to {}",
            scored.fitted_on.word(),
            scored.scored_on.word()
        )
    };
    Evidence {
        statement: format!(
            "{how}, {} gets {} of {} images right; shuffled labels give {} (p = {}), and {} would be seen.",
            word(scored.model),
            percent(scored.accuracy),
            scored.scored,
            percent(scored.chance),
            p_value(scored.p),
            percent(scored.detectable)
        ),
        statistic: "accuracy of a simple model, permutation of the labels",
        value: Some(scored.accuracy),
        threshold: Some(scored.chance),
        p: Some(scored.p),
        reference: "Ojala and Garriga 2010",
    }
}

fn shift(found: &TwoSample) -> Option<Finding> {
    let effect = 2.0 * found.auc.value - 1.0;
    if found.p >= 0.01 || effect <= SHIFT {
        return None;
    }
    let mut finding = Finding::new(
        "splits-told-apart",
        if effect > STRONG_SHIFT {
            Severity::Warning
        } else {
            Severity::Note
        },
        format!(
            "A linear model can tell {} pictures from training's",
            found.split.word()
        ),
    );
    finding.cause = Some(Cause::SplitShift);
    finding.measured = format!(
        "Shown one picture of each, it knows in {} of the cases which is of {} ({} images of each; p = {}).",
        percent(found.auc.value),
        found.split.word(),
        found.images,
        p_value(found.p)
    );
    finding.why =
        "The splits are not drawn from one heap: what is learnt on one need not hold on the other."
            .to_owned();
    finding.remedy = "Look at the audit's properties and groups for what differs; split anew from one pool, and compare.".to_owned();
    finding.false_alarm =
        "Told apart is not yet harmful: what differs may not matter for the classes.".to_owned();
    finding.evidence.push(Evidence {
        statement: format!(
            "AUC {:.2}, 95 % interval {:.2} to {:.2}.",
            found.auc.value, found.auc.interval.low, found.auc.interval.high
        ),
        statistic: "AUC of a classifier two-sample test",
        value: Some(found.auc.value),
        threshold: Some((1.0 + SHIFT) / 2.0),
        p: Some(found.p),
        reference: "Lopez-Paz and Oquab 2017; DeLong 1988",
    });
    Some(finding)
}

fn scrambled(train: &Scored, within: &Scored, transfer: &Scored) -> Finding {
    let split = within.scored_on.word();
    let mut finding = Finding::new(
        "labels-say-nothing",
        Severity::Problem,
        format!("The {split} labels have nothing to do with their pictures"),
    );
    finding.cause = Some(Cause::ScrambledLabels);
    finding.measured = format!(
        "Simple models learn the classes from training ({}) but not from {split} ({} against {} for shuffled labels), and what \
         they learn in training does not hold there ({}). As few training images are enough for them.",
        percent(train.accuracy),
        percent(within.accuracy),
        percent(within.chance),
        percent(transfer.accuracy)
    );
    finding.why = "If the labels of a split are mixed up, no network can do well there.".to_owned();
    finding.remedy = format!(
        "Look at twenty {split} pictures with their labels; look for a list of labels that was sorted or shuffled apart from its pictures."
    );
    finding.false_alarm =
        "The split may hold harder pictures of the same look, which these models cannot read."
            .to_owned();
    finding.evidence = [train, within, transfer].map(evidence).to_vec();
    finding
}

fn split_at_fault(train: &Scored, within: &Scored, transfer: &Scored) -> Finding {
    let split = within.scored_on.word();
    let mut finding = Finding::new(
        "signal-does-not-carry-over",
        Severity::Problem,
        format!("Training and {split} each make sense, but not together"),
    );
    finding.cause = Some(Cause::LabelMapMismatch);
    finding.measured = format!(
        "Simple models learn the classes within training ({}) and within {split} ({}), but what they learn in training does not \
         hold in {split} ({} against {} for shuffled labels).",
        percent(train.accuracy),
        percent(within.accuracy),
        percent(transfer.accuracy),
        percent(transfer.chance)
    );
    finding.why = "The gap is in the splits and not in your network: class numbers that differ, or pictures prepared otherwise.".to_owned();
    finding.remedy = "Compare the class lists of the splits, and how their pictures are prepared; score with permuted labels.".to_owned();
    finding.false_alarm =
        "With few images a weak signal may be seen in one place and missed in another.".to_owned();
    finding.evidence = [train, within, transfer].map(evidence).to_vec();
    finding
}

fn carries_over(transfer: &Scored) -> Finding {
    let split = transfer.scored_on.word();
    let mut finding = Finding::new(
        "simple-baseline",
        Severity::Note,
        format!("A simple model does better than chance on {split}"),
    );
    finding.measured = format!(
        "Fitted on training, {} gets {} of the {split} pictures right; shuffled labels give {}.",
        word(transfer.model),
        percent(transfer.accuracy),
        percent(transfer.chance)
    );
    finding.why = "The data hold a signal that carries over. A network that does worse than this is at fault itself.".to_owned();
    finding.remedy = "Take it as the figure to beat.".to_owned();
    finding.false_alarm =
        "Copies of training pictures in the split help such a model: look at the audit.".to_owned();
    finding.evidence.push(evidence(transfer));
    finding
}

/// Wilson's interval of an accuracy.
fn interval(scored: &Scored) -> Interval {
    let right = (scored.accuracy * scored.scored as f64).round();
    wilson(right as u32, scored.scored as u32)
}

fn carries_over_in_part(own: &Scored, transfer: &Scored) -> Finding {
    let split = transfer.scored_on.word();
    let mut finding = Finding::new(
        "carries-over-in-part",
        Severity::Warning,
        format!("What a simple model learns in training holds in {split} only in part"),
    );
    finding.cause = Some(Cause::SplitShift);
    finding.measured = format!(
        "On training pictures that it was not fitted to, {} gets {} right; on {split} pictures {}, where shuffled labels give {}.",
        word(transfer.model),
        percent(own.accuracy),
        percent(transfer.accuracy),
        percent(transfer.chance)
    );
    finding.why = format!(
        "The {split} pictures ask something else than training's: a gap of this kind is in the splits, and a smaller network or \
         dropout does not close it."
    );
    finding.remedy = "Look at the audit's groups and properties for what differs; if new groups are what it must work for, collect \
                      more of them; else split anew from one pool."
        .to_owned();
    finding.false_alarm =
        "Copies or series of pictures within training make it look easier than it is.".to_owned();
    finding.evidence = [own, transfer].map(evidence).to_vec();
    finding
}

fn no_signal(scored: &[Scored], train: &Scored) -> Finding {
    let mut finding = Finding::new(
        "no-simple-signal",
        Severity::Note,
        "Simple models find no signal in these pictures",
    );
    finding.cause = Some(Cause::NoSignal);
    finding.measured = format!(
        "Neither {} nor {} does better than shuffled labels, within training ({}) or elsewhere; with so many images {} would be seen.",
        word(SimpleModel::Linear),
        word(SimpleModel::NearestNeighbours),
        percent(train.accuracy),
        percent(train.detectable)
    );
    finding.why = "Either the classes cannot be told from the pictures, or only by features that these models lack.".to_owned();
    finding.remedy =
        "Try a small convolutional network with global pooling (preset cnn-gap) before giving up."
            .to_owned();
    finding.false_alarm = "No simple signal is not no signal: textures and things at random places need a convolution.".to_owned();
    finding.evidence = scored.iter().map(evidence).collect();
    finding
}
