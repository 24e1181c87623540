//! Which remedies can be tried on a run.

use super::{Remediable, Remedy, remedies};
use crate::diagnose::finding::Cause;
use crate::run::RunSpec;

/// Remedies that are tried where nobody names any, and the causes that they are taken from.
const BY_DEFAULT: usize = 3;
const CAUSES: usize = 2;

/// A remedy that fits a run, with the run that tries it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    pub cause: Cause,
    pub remedy: Remedy,
    pub spec: RunSpec,
}

/// Every remedy of these causes that fits, cause by cause; of those that come to the same run the first.
pub fn proposals(causes: &[Cause], case: &Remediable) -> Vec<Proposal> {
    let mut found: Vec<Proposal> = Vec::new();
    for cause in causes {
        for remedy in remedies(*cause) {
            let known = |p: &Proposal| p.remedy.id == remedy.id;
            let Some(spec) = (!found.iter().any(known))
                .then(|| remedy.apply(case))
                .flatten()
            else {
                continue;
            };
            if found.iter().all(|p| p.spec != spec) {
                found.push(Proposal {
                    cause: *cause,
                    remedy: *remedy,
                    spec,
                });
            }
        }
    }
    found
}

/// The remedies to try where nobody names any: of the first two causes in turn, three together.
pub fn by_default(proposals: &[Proposal]) -> Vec<Proposal> {
    let mut causes: Vec<Cause> = Vec::new();
    for proposal in proposals {
        if !causes.contains(&proposal.cause) {
            causes.push(proposal.cause);
        }
    }
    causes.truncate(CAUSES);
    // The place of each among those of its cause: the first of each come first.
    let mut placed: Vec<(usize, &Proposal)> = Vec::new();
    for cause in causes {
        let of_cause = proposals.iter().filter(|p| p.cause == cause);
        placed.extend(of_cause.enumerate());
    }
    placed.sort_by_key(|(place, _)| *place);
    let chosen = placed.into_iter().take(BY_DEFAULT);
    chosen.map(|(_, proposal)| proposal.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(cause: Cause, id: &'static str) -> Proposal {
        Proposal {
            cause,
            remedy: Remedy::named(id).unwrap(),
            spec: RunSpec::default(),
        }
    }

    #[test]
    fn two_causes_take_turns_and_a_third_waits() {
        use Cause::{LabelNoise, Memorisation, SplitShift};
        let all = [
            proposal(Memorisation, "global-pooling"),
            proposal(Memorisation, "augment"),
            proposal(Memorisation, "dropout"),
            proposal(SplitShift, "resplit-pooled"),
            proposal(LabelNoise, "label-smoothing"),
        ];
        let ids = |of: &[Proposal]| {
            by_default(of)
                .iter()
                .map(|p| p.remedy.id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&all), ["global-pooling", "resplit-pooled", "augment"]);
        assert_eq!(ids(&all[..3]), ["global-pooling", "augment", "dropout"]);
        assert_eq!(ids(&[]), Vec::<&str>::new());
    }
}
