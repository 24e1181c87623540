//! Probes as the diagnosis document lists them.

use super::Probe;
use crate::diagnose::finding::{Cause, Evidence};
use crate::diagnose::{Answer, Verdict};
use crate::run::RunSpec;
use serde::Serialize;

/// A probe that would tell causes apart, with what it costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextProbe {
    pub id: Probe,
    pub question: &'static str,
    pub would_separate: Vec<Cause>,
    /// Seconds of training, about, from what the run itself took.
    pub cost_s: f64,
    /// Trainings that are not done yet.
    pub trainings: usize,
}

/// A probe that was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeRecord {
    pub id: Probe,
    pub question: &'static str,
    pub answer: Answer,
    /// The answer with its numbers.
    pub result: String,
    pub evidence: Evidence,
    /// Seconds that its own trainings took; one that another probe had made already cost nothing.
    pub cost_s: f64,
    pub trainings: usize,
    /// What the trainings differ in from the run.
    pub differs: Vec<String>,
}

/// What a training differs in from the run that it is a probe of, in a phrase.
pub(super) fn difference(run: &RunSpec, spec: &RunSpec) -> String {
    let mut parts = Vec::new();
    if run.model != spec.model {
        parts.push("another network".to_owned());
    }
    if run.variation != spec.variation {
        parts.push(spec.variation.to_string());
    }
    if run.train.optimizer.lr() != spec.train.optimizer.lr() {
        parts.push(format!("learning rate {}", spec.train.optimizer.lr()));
    }
    parts.push(match spec.train.epochs {
        1 => "1 epoch".to_owned(),
        epochs => format!("{epochs} epochs"),
    });
    parts.join(", ")
}

/// True for verdicts after which trainings can tell something.
pub(super) fn asks(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Healthy | Verdict::BrokenEvaluation => false,
        Verdict::Overfitting
        | Verdict::Memorising
        | Verdict::Underfitting
        | Verdict::NotLearning
        | Verdict::Diverged
        | Verdict::Undetermined => true,
    }
}
