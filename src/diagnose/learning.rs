//! A network that does not learn its own training images: no gap to explain, but a cause of its own.

use super::finding::{Cause, Evidence, Finding, Severity};
use super::gates::{Answer, percent};
use super::verdict::Case;
use crate::run::Split;

/// A loss above this share of what even guessing costs has not moved (ours, not calibrated).
const STAYED: f64 = 0.97;

/// The finding behind the verdict of that name.
pub(super) fn not_learning(case: &Case) -> Finding {
    let mut finding = Finding::new(
        "not-learning",
        Severity::Problem,
        "The network does not learn its training images",
    );
    finding.cause = Some(Cause::NotLearning);
    let mut sentences = Vec::new();
    let gate = case
        .gates
        .as_ref()
        .map(|gates| &gates.training_above_chance);
    if let Some(gate) = gate.filter(|gate| gate.answer != Answer::Unknown) {
        sentences.push(gate.statement.clone());
        finding.evidence.push(gate.evidence());
    } else if let Some(accuracy) = case.curves.accuracies(Split::Train).1.last() {
        sentences.push(format!("Training accuracy ends at {}.", percent(*accuracy)));
    }
    let (_, losses) = case.curves.losses(Split::Train);
    if let (Some(loss), classes @ 2..) = (losses.last(), case.subject.classes) {
        let even = (classes as f64).ln();
        let stays = match loss / even {
            share if share < STAYED => "is below",
            share if share <= 1.0 / STAYED => "has stayed at",
            _ => "is above",
        };
        let sentence = format!(
            "The training loss of {loss:.3} {stays} the {even:.3} (ln {classes}) that even guessing costs."
        );
        sentences.push(sentence.clone());
        finding.evidence.push(Evidence {
            statement: sentence,
            statistic: "training loss / ln K",
            value: Some(loss / even),
            threshold: Some(STAYED),
            p: None,
            reference: "cross-entropy of even probabilities",
        });
    }
    finding.measured = sentences.join(" ");
    finding.why =
        "Before a network can carry anything over to new images it must get its own right: this is no overfitting, and nothing \
         that helps against overfitting helps here."
            .to_owned();
    finding.remedy = "Try learning rates ten times larger and smaller, normalise the inputs, train longer, and see whether a few \
                      dozen images can be learnt by heart; look for layers that training does not reach and for labels that do \
                      not belong to their images."
        .to_owned();
    finding.false_alarm = "After few epochs, or with strong dropout or augmentation, learning may just have begun: look whether the \
                           training loss falls."
        .to_owned();
    finding
}
