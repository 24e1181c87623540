//! The sentence a beginner understands, with the numbers.

use super::finding::Finding;
use super::gates::{Answer, percent, share};
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
    // Without counts the gap's gate has no sentence, and the curves speak.
    let parting = match gates.gap.answer {
        Answer::Unknown => trend::parting(case.curves).map(by_curves),
        _ => Some(gates.gap.statement.clone()),
    }
    .unwrap_or_default();
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
        Verdict::NotLearning => format!(
            "Training itself cannot be told from guessing, so this is not overfitting: the network does not learn.{chance}"
        ),
        Verdict::Memorising => format!(
            "{parting} And validation cannot be told from guessing: the network knows its training images by heart and nothing else.{chance}"
        ),
        Verdict::Overfitting => {
            let validation = match gates.above_chance.answer {
                Answer::Yes | Answer::No => " Validation is better than guessing, but what was learnt carries over only in part.",
                Answer::Weak => " Validation is perhaps better than guessing, but what was learnt carries over only in part.",
                Answer::Unknown => " What was learnt carries over only in part.",
            };
            format!("{parting}{validation}{chance}")
        }
        Verdict::Underfitting => {
            "No gap is larger than noise, and the training loss still falls: train longer, or raise the learning rate."
                .to_owned()
        }
        Verdict::Healthy => format!("{parting} What was learnt carries over to new images.{chance}"),
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

/// The gap's sentence where nobody knows the numbers of images.
fn by_curves(parting: Parting) -> String {
    match parting {
        Parting::LossRises(percent) => format!(
            "Validation loss ends {percent:.0} % above its lowest level, which is more than its wobble."
        ),
        Parting::AccuracyGap(gap) => format!(
            "Training accuracy ends {:.1} points above validation accuracy, which is more than their wobble.",
            100.0 * gap
        ),
        Parting::Together => {
            "Training and validation do not part by more than their wobble.".to_owned()
        }
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
