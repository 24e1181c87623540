//! Remedies that are done to one run at once, where it has several causes.

use super::{Remediable, Remedy, remedies};
use crate::diagnose::finding::Cause;
use crate::run::RunSpec;

/// Remedies at once at most.
const MOST: usize = 3;

/// One remedy, or several at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Treatment(Vec<Remedy>);

impl Treatment {
    /// Of an id as [`Treatment::id`] writes it; None where a part is unknown or there twice, and where they are more than three.
    pub fn named(id: &str) -> Option<Treatment> {
        let mut parts: Vec<Remedy> = Vec::new();
        for part in id.split('+') {
            let remedy = Remedy::named(part)?;
            if parts.contains(&remedy) || parts.len() == MOST {
                return None;
            }
            parts.push(remedy);
        }
        Some(Treatment(parts))
    }

    /// What is done about several causes at once: of each the first remedy that fits beside those before it. None where fewer
    /// than two come together; a cause that a remedy of another helps as well asks for no second one.
    pub(super) fn together(causes: &[Cause], case: &Remediable) -> Option<(Vec<Cause>, Treatment)> {
        let mut treated = Vec::new();
        let mut treatment = Treatment(Vec::new());
        for cause in causes {
            let of_cause = remedies(*cause);
            if treatment.helps(of_cause, case) {
                treated.push(*cause);
                continue;
            }
            let with = |remedy: &Remedy| {
                let mut parts = treatment.0.clone();
                parts.push(*remedy);
                Treatment(parts)
            };
            let mut more = of_cause.iter().map(with);
            if treatment.0.len() < MOST
                && let Some(found) = more.find(|treatment| treatment.apply(case).is_some())
            {
                treated.push(*cause);
                treatment = found;
            }
        }
        (treatment.0.len() > 1).then_some((treated, treatment))
    }

    /// True where it has the first of a cause's remedies that fits, or does all that this one would do.
    fn helps(&self, of_cause: &[Remedy], case: &Remediable) -> bool {
        let mut fitting = of_cause.iter();
        let Some(first) = fitting.find(|remedy| remedy.apply(case).is_some()) else {
            return false;
        };
        let done = |spec: RunSpec| {
            first.is_done(&Remediable {
                spec: &spec,
                ..*case
            })
        };
        self.0.contains(first) || self.apply(case).is_some_and(done)
    }

    /// The ids of its remedies: `augment`, or `global-pooling+remove-duplicates`.
    pub fn id(&self) -> String {
        let ids: Vec<&str> = self.0.iter().map(|remedy| remedy.id).collect();
        ids.join("+")
    }

    /// What a network is trained with then: "global pooling and augmentation".
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|remedy| remedy.name).collect();
        names.join(" and ")
    }

    /// What to do, in words.
    pub fn words(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(|remedy| remedy.words).collect();
        words.join("; and ")
    }

    /// The run's spec with each of them done. None where one cannot be done, or changes nothing beside the others.
    pub fn apply(&self, case: &Remediable) -> Option<RunSpec> {
        let splits_anew = |remedy: &&Remedy| {
            let alone = remedy.apply(case);
            alone.is_some_and(|spec| spec.variation.split != case.spec.variation.split)
        };
        // What names images of a split as it is comes before another split.
        let (last, first): (Vec<&Remedy>, Vec<&Remedy>) = self.0.iter().partition(splits_anew);
        let mut spec = case.spec.clone();
        for remedy in first.into_iter().chain(last) {
            spec = remedy.apply(&Remediable {
                spec: &spec,
                ..*case
            })?;
        }
        Some(spec)
    }

    /// True where one of them is nothing that a spec can do, whatever the run.
    pub fn is_for_people(&self) -> bool {
        self.0.iter().any(Remedy::is_for_people)
    }
}

impl From<Remedy> for Treatment {
    fn from(remedy: Remedy) -> Treatment {
        Treatment(vec![remedy])
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{finding, index, lacking};
    use super::*;
    use crate::data::Index;
    use crate::diagnose::finding::Finding;
    use crate::run::Resplit;

    fn copies() -> Finding {
        let mut finding = finding(Cause::Leakage);
        finding.images = vec!["val/1/00.png".to_owned()];
        finding
    }

    fn case<'a>(spec: &'a RunSpec, index: &'a Index, findings: &'a [Finding]) -> Remediable<'a> {
        Remediable {
            spec,
            epochs: 10,
            index,
            findings,
        }
    }

    #[test]
    fn an_id_names_up_to_three_remedies_once_each() {
        let both = Treatment::named("global-pooling+augment").unwrap();
        assert_eq!(both.id(), "global-pooling+augment");
        assert!(both.words().contains("; and augmentation"));
        for wrong in [
            "",
            "+",
            "augment+",
            "augment+augment",
            "augment+magic",
            "augment+mixup+dropout+weight-decay",
        ] {
            assert_eq!(Treatment::named(wrong), None, "{wrong}");
        }
        assert!(
            Treatment::named("augment+more-data")
                .unwrap()
                .is_for_people()
        );
    }

    #[test]
    fn what_names_images_of_a_split_is_done_before_another_split() {
        let (spec, index, findings) = (RunSpec::default(), index(), [copies()]);
        let case = case(&spec, &index, &findings);
        // The copies could not be told any more once the images are split anew.
        let both = Treatment::named("resplit-pooled+remove-duplicates").unwrap();
        let applied = both.apply(&case).unwrap();
        assert_eq!(applied.variation.without, ["val/1/00.png"]);
        assert_eq!(applied.variation.split, Resplit::Pooled);
        // One that changes nothing makes no treatment of two.
        let clean = Remediable {
            findings: &[],
            ..case
        };
        assert_eq!(both.apply(&clean), None);
    }

    #[test]
    fn each_of_several_causes_gets_its_first_remedy_that_fits_and_none_gets_two() {
        let (spec, index, findings) = (RunSpec::default(), index(), [copies()]);
        let case = case(&spec, &index, &findings);
        let together = |causes: &[Cause]| {
            Treatment::together(causes, &case).map(|(causes, of)| (causes, of.id()))
        };
        use Cause::{ClassImbalance, Leakage, MissingClasses, NoSignal, SplitShift};
        assert_eq!(
            together(&[SplitShift, Leakage]),
            Some((
                vec![SplitShift, Leakage],
                "resplit-pooled+remove-duplicates".to_owned()
            ))
        );
        // A new split helps against both already.
        assert_eq!(together(&[SplitShift, MissingClasses]), None);
        // No run can do anything about a lack of signal.
        assert_eq!(together(&[NoSignal, Leakage]), None);
        let three = together(&[SplitShift, MissingClasses, ClassImbalance]).unwrap();
        assert_eq!(three.0, [SplitShift, MissingClasses, ClassImbalance]);
        assert_eq!(three.1, "resplit-pooled+augmented-balanced-sampling");
    }

    #[test]
    fn what_is_done_about_one_cause_is_not_done_again_about_another() {
        let (spec, index, findings) = (RunSpec::default(), lacking(), [copies()]);
        let case = case(&spec, &index, &findings);
        use Cause::{ClassImbalance, Leakage, MissingClasses, SplitShift};
        // Images of the missing class are few in any pool: a balanced new split is all that the other two would do.
        let three = [MissingClasses, ClassImbalance, SplitShift, Leakage];
        let (causes, treatment) = Treatment::together(&three, &case).unwrap();
        assert_eq!(causes, three);
        assert_eq!(treatment.id(), "resplit-balanced+remove-duplicates");
        // What a balanced split does beside a new one is not lost where another cause asked for the new one.
        let (_, treatment) = Treatment::together(&[SplitShift, MissingClasses], &case).unwrap();
        assert_eq!(treatment.id(), "resplit-pooled+resplit-balanced");
    }
}
