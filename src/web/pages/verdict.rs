//! How a verdict and its gates are said: a title, a colour, questions with their answers.

use crate::diagnose::{Answer, Gate, Gates, Verdict};
use std::borrow::Borrow;

/// "Overfitting: it does far better on its training images than on new ones"
pub fn title(verdict: impl Borrow<Verdict>) -> &'static str {
    match verdict.borrow() {
        Verdict::Healthy => "What it learnt works on new images",
        Verdict::Overfitting => {
            "Overfitting: it does far better on its training images than on new ones"
        }
        Verdict::Memorising => "Memorising: it does no better than guessing on new images",
        Verdict::Underfitting => "Still learning",
        Verdict::NotLearning => {
            "Not learning: it does no better than guessing on its training images"
        }
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
        ("Has it learnt its training images?", &gates.fitted),
        (
            "Does validation do better than guessing?",
            &gates.above_chance,
        ),
        ("Is the gap larger than chance?", &gates.gap),
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
