//! Which remedies can be tried on a run.

use super::{Remediable, Treatment, remedies};
use crate::diagnose::causes::Suspect;
use crate::diagnose::finding::Cause;
use crate::run::RunSpec;

/// Remedies that are tried where nobody names any, and the causes that single ones are taken from.
const BY_DEFAULT: usize = 3;
const CAUSES: usize = 2;

/// What fits a run, with the run that tries it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// One, or those that several remedies at once are against.
    pub causes: Vec<Cause>,
    pub treatment: Treatment,
    pub spec: RunSpec,
}

/// What can be tried against these causes, in the order in which to try it: where several are stated as faults, what helps
/// against all of them at once; then every remedy that fits, cause by cause. Of those that come to the same run the first.
pub fn proposals(suspects: &[Suspect], case: &Remediable) -> Vec<Proposal> {
    let mut found: Vec<Proposal> = Vec::new();
    let mut add = |causes: Vec<Cause>, treatment: Treatment| {
        let known = found.iter().any(|p| p.treatment == treatment);
        let Some(spec) = (!known).then(|| treatment.apply(case)).flatten() else {
            return;
        };
        if found.iter().all(|p| p.spec != spec) {
            found.push(Proposal {
                causes,
                treatment,
                spec,
            });
        }
    };
    let stated = suspects.iter().filter(|suspect| suspect.is_stated());
    let stated: Vec<Cause> = stated.map(|suspect| suspect.id).collect();
    if let Some((causes, together)) = Treatment::together(&stated, case) {
        add(causes, together);
    }
    for suspect in suspects {
        for remedy in remedies(suspect.id) {
            add(vec![suspect.id], Treatment::from(*remedy));
        }
    }
    found
}

/// What to try where nobody names anything: what is against several causes at once, then remedies of the first two causes in
/// turn, three trials together.
pub fn by_default(proposals: &[Proposal]) -> Vec<Proposal> {
    let (several, single): (Vec<&Proposal>, Vec<&Proposal>) =
        proposals.iter().partition(|p| p.causes.len() > 1);
    let mut causes: Vec<&[Cause]> = single.iter().map(|p| &p.causes[..]).collect();
    causes.dedup();
    causes.truncate(CAUSES);
    // The place of each among those of its cause: the first of each come first.
    let mut placed: Vec<(usize, &Proposal)> = Vec::new();
    for cause in causes {
        let of_cause = single.iter().filter(|p| p.causes == cause);
        placed.extend(of_cause.copied().enumerate());
    }
    placed.sort_by_key(|(place, _)| *place);
    let single = placed.into_iter().map(|(_, proposal)| proposal);
    let chosen = several.into_iter().chain(single).take(BY_DEFAULT);
    chosen.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(causes: &[Cause], id: &'static str) -> Proposal {
        Proposal {
            causes: causes.to_vec(),
            treatment: Treatment::named(id).unwrap(),
            spec: RunSpec::default(),
        }
    }

    fn ids(of: &[Proposal]) -> Vec<String> {
        of.iter().map(|p| p.treatment.id()).collect()
    }

    #[test]
    fn two_causes_take_turns_and_a_third_waits() {
        use Cause::{LabelNoise, Memorisation, SplitShift};
        let all = [
            proposal(&[Memorisation], "global-pooling"),
            proposal(&[Memorisation], "augment"),
            proposal(&[Memorisation], "dropout"),
            proposal(&[SplitShift], "resplit-pooled"),
            proposal(&[LabelNoise], "label-smoothing"),
        ];
        let chosen = |of: &[Proposal]| ids(&by_default(of));
        assert_eq!(
            chosen(&all),
            ["global-pooling", "resplit-pooled", "augment"]
        );
        assert_eq!(chosen(&all[..3]), ["global-pooling", "augment", "dropout"]);
        assert_eq!(chosen(&[]), Vec::<String>::new());
        let both = proposal(&[Memorisation, SplitShift], "global-pooling+resplit-pooled");
        let with_both: Vec<Proposal> = [both].into_iter().chain(all).collect();
        assert_eq!(
            chosen(&with_both),
            [
                "global-pooling+resplit-pooled",
                "global-pooling",
                "resplit-pooled"
            ]
        );
    }
}
