//! The sentence a beginner understands, with the numbers.

use super::finding::Finding;
use super::gates::{Answer, beside_guessing, percent, points, share};
use super::trend::{self, Parting};
use super::verdict::{Case, Verdict};
use crate::run::{EpochRecord, RunStatus, Split};

/// One or two sentences on a verdict.
pub(super) fn summary(case: &Case, verdict: Verdict, findings: &[Finding]) -> String {
    let (Some(last), Some(gates)) = (case.last, &case.gates) else {
        return match case.subject.status {
            RunStatus::Queued => "The run waits for its turn.".to_owned(),
            RunStatus::Running => "The first epoch is not done yet.".to_owned(),
            RunStatus::Diverged => {
                "The loss stopped being a number in the first epoch: lower the learning rate."
                    .to_owned()
            }
            _ => "No epoch was finished, so there is nothing to judge.".to_owned(),
        };
    };
    let after = format!(
        "After epoch {}, {}",
        last.epoch,
        figures(case, last).unwrap_or_else(|| "the numbers are incomplete".to_owned())
    );
    let chance = case
        .subject
        .chance(Split::Val)
        .map_or(String::new(), |c| format!(" Guessing gets {}.", percent(c)));
    let parting = parting(case);
    let beside = beside_guessing(gates.above_chance.answer);
    let says = match verdict {
        Verdict::Diverged if case.curves.is_lost(Split::Train) || case.curves.is_lost(Split::Val) => {
            "The loss is no longer a number: the run diverged. Lower the learning rate, or look at the inputs' scale."
                .to_owned()
        }
        Verdict::Diverged => {
            "The training loss is back where it started, or above: the run diverged. Lower the learning rate, or look at the inputs' scale."
                .to_owned()
        }
        Verdict::BrokenEvaluation => {
            let title = findings
                .iter()
                .find(|f| f.breaks_evaluation())
                .map_or("", |f| &f.title);
            format!("But scoring contradicts itself, so these figures cannot be trusted: {title}.")
        }
        Verdict::NotLearning if !case.subject.status.is_over() => {
            format!("So far training itself is no better than guessing.{chance}")
        }
        Verdict::NotLearning => format!(
            "Training itself is no better than guessing, so this is not overfitting: the network does not learn.{chance}"
        ),
        Verdict::Memorising if gates.fitted.answer == Answer::Yes => format!(
            "{parting} On new images it is {beside}: so far we see no sign that it learnt anything that works there.{chance}"
        ),
        Verdict::Memorising => format!(
            "{parting} On new images it is {beside}, and it has not learnt all of its training images either.{chance}"
        ),
        Verdict::Overfitting => match gates.above_chance.answer {
            Answer::Yes | Answer::Weak | Answer::No => {
                format!("{parting} On new images it is {beside}.{chance}")
            }
            Answer::Unknown => parting,
        },
        Verdict::Underfitting => {
            "No gap is larger than chance, and the training loss still falls: train longer, or raise the learning rate."
                .to_owned()
        }
        Verdict::Healthy => {
            match gates.above_chance.answer {
                Answer::No => format!("{parting} But on new images it is no better than guessing.{chance}"),
                _ => format!("{parting} What it learnt works on new images, too.{chance}"),
            }
        }
        Verdict::Undetermined if case.is_early() && !parting.is_empty() => {
            format!("{parting} It is too early for a verdict: the network still learns its training images.")
        }
        Verdict::Undetermined => "These numbers do not decide whether the gap is real.".to_owned(),
    };
    let turned = match (verdict, case.onset_epoch) {
        (Verdict::Memorising | Verdict::Overfitting, Some(epoch)) => {
            format!(" Validation loss has been rising since epoch {epoch}.")
        }
        _ => String::new(),
    };
    format!("{after}. {says}{turned}")
}

/// What the figures say of the gap, a sentence; empty where they say nothing. Without counts the gap's gate has none, and the
/// curves decide; the gap is the last epoch's either way.
pub(super) fn parting(case: &Case) -> String {
    match &case.gates {
        Some(gates) if gates.gap.answer != Answer::Unknown => gates.gap.statement.clone(),
        _ => trend::parting(case.curves).map_or(String::new(), |parting| by_curves(case, parting)),
    }
}

/// The gap's sentence where nobody knows the numbers of images.
fn by_curves(case: &Case, parting: Parting) -> String {
    match parting {
        Parting::LossRises(percent) => format!(
            "Validation loss ends {percent:.0} % above its lowest level, which is more than normal fluctuation."
        ),
        // By the levels at the end, of which the last epoch's gap is one; a second number beside it would only confuse.
        Parting::AccuracyGap => match case.last.and_then(|last| last.gap(Split::Val)) {
            Some(gap) => format!(
                "Training accuracy ends {} points above validation accuracy, which is more than normal fluctuation.",
                points(gap)
            ),
            None => {
                "Training accuracy ends above validation accuracy by more than normal fluctuation."
                    .to_owned()
            }
        },
        Parting::Together => "Training and validation stay within normal fluctuation.".to_owned(),
    }
}

/// "training gets 98.6 % (621 of 630) right, validation 18.9 % (17 of 90), test 20.0 % (18 of 90)"
fn figures(case: &Case, last: &EpochRecord) -> Option<String> {
    let accuracies: Vec<String> = Split::ALL
        .into_iter()
        .filter_map(|split| last.split(split).map(|m| (split, m)))
        .map(|(split, m)| {
            let figure = match m.n {
                0 => percent(m.accuracy),
                _ => share(m),
            };
            if split == Split::Train {
                format!("training gets {figure} right")
            } else {
                format!("{} {figure}", split.word())
            }
        })
        .collect();
    if !accuracies.is_empty() {
        return Some(accuracies.join(", "));
    }
    let losses: Vec<String> = Split::ALL
        .into_iter()
        .filter_map(|split| {
            let (_, values) = case.curves.losses(split);
            Some(format!("{} {:.3}", split.word(), values.last()?))
        })
        .collect();
    (!losses.is_empty()).then(|| format!("the loss is {}", losses.join(", ")))
}
