//! What is known of a run when its causes are weighed: the verdict, who speaks for which cause and how loudly, the probes' answers.

use super::Probe;
use crate::diagnose::finding::{Cause, Finding, Severity};
use crate::diagnose::{Answer, Verdict};
use serde::{Deserialize, Serialize};

/// Signs of a run's causes; what probabilities are computed from and fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signs {
    pub verdict: Verdict,
    /// Without those that only repeat a probe's answer.
    pub findings: Vec<Sign>,
    /// In the order in which they were made.
    pub answers: Vec<(Probe, Answer)>,
}

/// A finding that speaks for a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sign {
    pub id: String,
    pub cause: Cause,
    pub severity: Severity,
}

impl Signs {
    pub(super) fn of<'a>(
        verdict: Verdict,
        findings: impl IntoIterator<Item = &'a Finding>,
        answers: impl IntoIterator<Item = (Probe, Answer)>,
    ) -> Signs {
        let sign = |finding: &Finding| {
            Some(Sign {
                id: finding.id.to_owned(),
                cause: finding.cause?,
                severity: finding.severity,
            })
        };
        Signs {
            verdict,
            findings: findings.into_iter().filter_map(sign).collect(),
            answers: answers.into_iter().collect(),
        }
    }
}
