//! How a verdict and its gates are said: a title, a colour, questions with their answers.

use crate::diagnose::{Answer, Gate, Gates, Verdict};
use std::borrow::Borrow;

/// "Overfitting: what was learnt carries over only in part"
pub fn title(verdict: impl Borrow<Verdict>) -> &'static str {
    match verdict.borrow() {
        Verdict::Healthy => "What was learnt carries over",
        Verdict::Overfitting => "Overfitting: what was learnt carries over only in part",
        Verdict::Memorising => "Memorising: nothing that was learnt carries over",
        Verdict::Underfitting => "Still learning",
        Verdict::NotLearning => "Not learning",
        Verdict::Diverged => "Diverged",
        Verdict::BrokenEvaluation => "The scoring contradicts itself",
        Verdict::Undetermined => "No verdict yet",
    }
}

/// The class of its box.
pub fn tone(verdict: impl Borrow<Verdict>) -> &'static str {
    match verdict.borrow() {
        Verdict::Healthy => "good",
        Verdict::Undetermined => "",
        Verdict::Underfitting => "warn",
        _ => "bad",
    }
}

/// The gates as questions, in the order in which they are asked.
pub fn questions(gates: &Gates) -> Vec<(&'static str, &Gate)> {
    vec![
        (
            "Does training do better than guessing?",
            &gates.training_above_chance,
        ),
        (
            "Does validation do better than guessing?",
            &gates.above_chance,
        ),
        ("Is the gap larger than noise?", &gates.gap),
        ("Do validation and test differ?", &gates.val_vs_test),
        ("Are there enough validation images?", &gates.enough_images),
    ]
}

/// "perhaps"
pub fn answer(answer: impl Borrow<Answer>) -> &'static str {
    match answer.borrow() {
        Answer::Yes => "yes",
        Answer::Weak => "perhaps",
        Answer::No => "no",
        Answer::Unknown => "unknown",
    }
}
