//! Does evaluation mode make another network of it? Batch norm's running statistics against those of the batches.

use super::Paired;
use crate::diagnose::finding::{Cause, Evidence, Finding, Found, Severity};
use crate::diagnose::gates::{p_value, percent, points, share};
use crate::diagnose::statistics::fisher_exact;
use crate::run::{Examination, Pass, Split, Statistics};

/// Training accuracy may fall this much in evaluation mode.
const DROP: f64 = 0.10;
/// And the training loss may rise by this share of itself (TheDeepChecker, Ben Braiek and Khomh 2023), unless by fewer nats
/// than this (ours, not calibrated: a fitted network's losses are thousandths).
const LOSS_RISE: f64 = 0.5;
const LOSS_NATS: f64 = 0.1;
/// A difference on training images counts below this probability of chance.
const P: f64 = 0.01;
/// A gain on held-out images where training images show a drop.
const P_WITH_DROP: f64 = 0.05;

/// A split before and after the running statistics were estimated anew.
struct Recovery<'a> {
    before: &'a Pass,
    after: &'a Pass,
    paired: Paired,
}

pub(super) fn look(examination: &Examination) -> Found {
    let Some(recalibrated) = recoveries(examination) else {
        return Found::default();
    };
    let mut found = Found::default();
    for split in [Split::Val, Split::Test] {
        let after = examination.pass(split, Statistics::Recalibrated, false);
        if after.is_some_and(|pass| pass.prediction.is_empty()) {
            found.not_checked.push(format!(
                "Whether batch norm's statistics, estimated anew, help on {} images: there are too many to be kept one by one.",
                split.word()
            ));
        }
    }
    found.findings.extend(finding(examination, &recalibrated));
    found
}

/// None where the network has no batch norm, as far as the passes tell.
fn recoveries(examination: &Examination) -> Option<Vec<Recovery<'_>>> {
    let batch = |pass: &Pass| pass.statistics != Statistics::Running;
    if !examination.passes.iter().any(batch) {
        return None;
    }
    let found = [Split::Val, Split::Test].into_iter().filter_map(|split| {
        let before = examination.pass(split, Statistics::Running, false)?;
        let after = examination.pass(split, Statistics::Recalibrated, false)?;
        Some(Recovery {
            paired: Paired::of(examination, before, after)?,
            before,
            after,
        })
    });
    Some(found.collect())
}

fn finding(examination: &Examination, recoveries: &[Recovery]) -> Option<Finding> {
    let running = examination.pass(Split::Train, Statistics::Running, false)?;
    let batch = [false, true]
        .into_iter()
        .find_map(|dropout| examination.pass(Split::Train, Statistics::Batch, dropout))?;
    let (eval, train) = (&running.metrics, &batch.metrics);
    let drop = train.accuracy - eval.accuracy;
    let p = fisher_exact(train.correct, train.n, eval.correct, eval.n);
    let dropped = drop > DROP && p < P;
    let rise = eval.loss - train.loss;
    let risen = rise > LOSS_RISE * train.loss && rise > LOSS_NATS;
    let level = if dropped || risen { P_WITH_DROP } else { P };
    // Held-out images of both splits together: no split is chosen for its figure.
    let held_out = Paired::together(recoveries.iter().map(|recovery| &recovery.paired));
    let recovers = held_out.gains(level);
    if !dropped && !risen && !recovers {
        return None;
    }
    let severity = if dropped && recovers {
        Severity::Problem
    } else {
        Severity::Warning
    };
    let mut finding = Finding::new(
        "batch-norm-in-evaluation",
        severity,
        "In evaluation mode batch norm makes a worse network of it",
    );
    finding.cause = Some(Cause::BnEvalDiscrepancy);
    finding.measured = format!(
        "Of the same training images the network gets {} right with each batch's own statistics (loss {:.3}) and {} with the \
         running statistics of evaluation mode (loss {:.3}).",
        share(train),
        train.loss,
        share(eval),
        eval.loss
    );
    finding.evidence.push(Evidence {
        statement: format!(
            "Training accuracy falls by {} points in evaluation mode (p = {}).",
            points(drop),
            p_value(p)
        ),
        statistic: "training accuracy with batch statistics − with running statistics; Fisher's exact test",
        value: Some(drop),
        threshold: Some(DROP),
        p: Some(p),
        reference: "Fisher 1934; a drop of more than 10 points",
    });
    if risen {
        finding.evidence.push(Evidence {
            statement: format!("The training loss rises by {rise:.3} nats in evaluation mode."),
            statistic: "relative change of the training loss",
            value: Some(rise / train.loss.max(f64::MIN_POSITIVE)),
            threshold: Some(LOSS_RISE),
            p: None,
            reference: "Ben Braiek and Khomh 2023 (TheDeepChecker)",
        });
    }
    for recovery in recoveries {
        let split = recovery.before.split.word();
        let sentence = format!(
            "With the running statistics estimated anew on the training images {split} accuracy goes from {} to {} (p = {}).",
            percent(recovery.before.metrics.accuracy),
            percent(recovery.after.metrics.accuracy),
            p_value(recovery.paired.p)
        );
        finding.measured += " ";
        finding.measured += &sentence;
    }
    if !recoveries.is_empty() {
        finding.evidence.push(Evidence {
            statement: format!(
                "With the running statistics estimated anew {} held-out images become right and {} wrong (p = {}).",
                held_out.gained,
                held_out.lost,
                p_value(held_out.p)
            ),
            statistic: "McNemar's exact test over validation and test together",
            value: Some(f64::from(held_out.gained) - f64::from(held_out.lost)),
            threshold: Some(0.0),
            p: Some(held_out.p),
            reference: "McNemar 1947",
        });
    }
    finding.why = "In training batch norm divides by the statistics of the batch, in evaluation by running averages. Where these \
                   have not kept up, what was learnt is there but does not show: every figure in evaluation mode is too low."
        .to_owned();
    finding.remedy = "Estimate the running statistics anew on the training images before scoring, train longer or with a larger \
                      momentum, take larger batches, or use group norm, which has no running statistics."
        .to_owned();
    finding.false_alarm = if batch.dropout {
        "The pass with batch statistics had dropout on, which lowers its figures: the true difference is larger. Batches sorted \
         by class would tell the class."
    } else {
        "Batches sorted by class tell the class through their statistics (Gapwatch shuffles them); after very few steps running \
         averages always lag."
    }
    .to_owned();
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Preparation, SplitMetrics};

    fn pass(split: Split, statistics: Statistics, right: u32, n: u32, loss: f64) -> Pass {
        let labels = 0..n;
        Pass {
            split,
            statistics,
            dropout: false,
            preparation: Preparation::Evaluation,
            metrics: SplitMetrics::new(loss * f64::from(n), right, n),
            prediction: match split {
                Split::Train => Vec::new(),
                _ => labels.map(|i| if i < right { i % 9 } else { 9 }).collect(),
            },
        }
    }

    fn examination(train: (u32, u32), val: (u32, u32), losses: (f64, f64)) -> Examination {
        Examination {
            epoch: 3,
            passes: vec![
                pass(Split::Train, Statistics::Running, train.0, 630, losses.0),
                pass(Split::Train, Statistics::Batch, train.1, 630, losses.1),
                pass(Split::Val, Statistics::Running, val.0, 90, 1.0),
                pass(Split::Val, Statistics::Recalibrated, val.1, 90, 1.0),
            ],
            labels: vec![(Split::Val, (0..90).map(|i| i % 9).collect())],
            ..Examination::default()
        }
    }

    #[test]
    fn stale_statistics_are_found_and_fresh_ones_are_left_alone() {
        let stale = look(&examination((80, 620), (12, 70), (4.0, 0.1))).findings;
        assert_eq!(stale[0].severity, Severity::Problem);
        assert!(stale[0].breaks_evaluation());
        assert!(
            stale[0].measured.contains("13.3 % to 77.8 %"),
            "{}",
            stale[0].measured
        );
        // A fitted network's losses differ by thousandths, a memorising one's validation by noise.
        let fresh = examination((630, 628), (18, 21), (0.001, 0.004));
        assert_eq!(look(&fresh), Found::default());
        // Dropout and batch noise make training mode worse, which is as it should be.
        assert_eq!(
            look(&examination((620, 500), (60, 58), (0.1, 0.6))),
            Found::default()
        );
    }

    #[test]
    fn a_drop_that_validation_does_not_share_is_a_warning() {
        let found = look(&examination((400, 620), (12, 13), (1.0, 0.1))).findings;
        assert_eq!(found[0].severity, Severity::Warning);
        assert!(!found[0].breaks_evaluation());
    }

    #[test]
    fn a_network_without_batch_norm_has_nothing_to_look_at() {
        let mut examination = examination((80, 620), (12, 70), (4.0, 0.1));
        examination
            .passes
            .retain(|pass| pass.statistics == Statistics::Running);
        assert_eq!(look(&examination), Found::default());
    }
}
