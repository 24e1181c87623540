//! What several looks at one run found, together: which were taken, which were not and why, and what to do first.

use super::causes::causes;
use super::finding::{Finding, Severity, rank};
use super::{Answer, Diagnosis, Suspect, Verdict};

/// Steps of advice are cut after this many: who has done eight things looks again.
const MOST_STEPS: usize = 8;

/// One way of looking at a run, in the order in which a report shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Its curves, and what its own predictions and forward passes show.
    Run,
    /// Which class each image was given, of a history from elsewhere.
    Predictions,
    /// The splits, labels, pictures and file names.
    Data,
    /// Linear models and nearest neighbours on the same images.
    SimpleModels,
    /// The layers, before anything is trained.
    Layers,
    /// Trainings made to tell causes apart.
    Probes,
}

impl Source {
    /// A heading: "The dataset".
    pub fn title(self) -> &'static str {
        match self {
            Source::Run => "The run itself",
            Source::Predictions => "The predictions",
            Source::Data => "The dataset",
            Source::SimpleModels => "Simple models on the same images",
            Source::Layers => "The shape of the network",
            Source::Probes => "Trainings that tell causes apart",
        }
    }
}

/// A look with what it found, or why it was not taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub source: Source,
    /// The worst first.
    pub findings: Result<Vec<Finding>, Missing>,
}

/// Why a look was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// A sentence.
    pub why: String,
    /// How to take it, a sentence; empty where there is no way.
    pub how: String,
}

/// All looks at one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looks(Vec<Look>);

impl Looks {
    /// Adds what the run itself showed, and what of that could not be looked at.
    #[must_use]
    pub fn run(self, diagnosis: &Diagnosis) -> Looks {
        let looks = self.with(Source::Run, diagnosis.findings.clone());
        let unseen = diagnosis.not_checked.iter();
        unseen.fold(looks, |looks, why| looks.without(Source::Run, why, ""))
    }

    /// Adds what a look found.
    #[must_use]
    pub fn with(mut self, source: Source, findings: Vec<Finding>) -> Looks {
        self.0.push(Look {
            source,
            findings: Ok(findings),
        });
        self
    }

    /// Adds a look that was not taken, why, and how to take it.
    #[must_use]
    pub fn without(mut self, source: Source, why: &str, how: &str) -> Looks {
        let (why, how) = (why.to_owned(), how.to_owned());
        self.0.push(Look {
            source,
            findings: Err(Missing { why, how }),
        });
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &Look> {
        self.0.iter()
    }

    /// True where a look was taken.
    pub fn took(&self, source: Source) -> bool {
        self.iter()
            .any(|look| look.source == source && look.findings.is_ok())
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.0
            .iter()
            .filter_map(|look| look.findings.as_ref().ok())
            .flatten()
    }

    fn found(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings()
            .filter(move |finding| finding.severity == severity)
    }

    /// The causes that all looks together speak for, the strongest first. What is only worth knowing speaks for none, and
    /// of a run whose learning carries over a cause is told only where it makes the figures worthless.
    fn causes(&self, verdict: Verdict) -> Vec<Suspect> {
        let least = match verdict {
            Verdict::Healthy => Severity::Problem,
            _ => Severity::Warning,
        };
        let mut causes = causes(self.findings());
        causes.retain(|suspect| suspect.severity >= least);
        causes
    }

    /// The document on a run that tells what every look found, not only the run's own.
    pub fn document(&self, diagnosis: Diagnosis) -> Diagnosis {
        let mut findings: Vec<Finding> = self.findings().cloned().collect();
        rank(&mut findings);
        let missing = self
            .0
            .iter()
            .filter_map(|look| Some((look.source, look.findings.as_ref().err()?)));
        Diagnosis {
            causes: self.causes(diagnosis.verdict),
            findings,
            not_checked: missing
                .map(|(source, missing)| format!("{}: {}", source.title(), missing.why))
                .collect(),
            ..diagnosis
        }
    }

    /// What to do, in order: mend what makes the figures worthless, take what was seen to help, take the looks that are missing
    /// (they cost seconds, a training run costs more), ask what would tell the causes apart, then what can widen the gap, then
    /// what helps in general.
    pub fn next_steps(&self, diagnosis: &Diagnosis) -> Vec<String> {
        let mut steps: Vec<String> = Vec::new();
        let remedy = |finding: &Finding| format!("{}: {}", finding.title, finding.remedy);
        let mut add = |step: String| {
            if !step.is_empty() && !steps.contains(&step) {
                steps.push(step);
            }
        };
        if matches!(
            diagnosis.verdict,
            Verdict::Diverged | Verdict::NotLearning | Verdict::Underfitting
        ) {
            add(in_general(diagnosis.verdict).to_owned());
        }
        self.found(Severity::Problem).map(remedy).for_each(&mut add);
        let winner = diagnosis.remedies_tried.iter().find(|tried| tried.winner);
        if let Some(tried) = winner {
            add(format!(
                "Go on with what helped when it was tried, {}. {}",
                tried.words, tried.result
            ));
        }
        let missing = self
            .0
            .iter()
            .filter_map(|look| look.findings.as_ref().err());
        missing
            .map(|missing| missing.how.clone())
            .for_each(&mut add);
        if winner.is_none() {
            diagnosis.undecided().into_iter().for_each(&mut add);
        }
        self.found(Severity::Warning).map(remedy).for_each(&mut add);
        add(in_general(diagnosis.verdict).to_owned());
        let few = diagnosis
            .gates
            .as_ref()
            .is_some_and(|gates| gates.enough_images.answer == Answer::No);
        if few {
            add(
                "Judge by more validation images, or by cross-validation: so few fix the accuracy only roughly."
                    .to_owned(),
            );
        }
        steps.truncate(MOST_STEPS);
        steps
    }
}

/// What helps with a verdict where nothing more is known.
fn in_general(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Memorising | Verdict::Overfitting => {
            "Give the network less room to learn by heart and more to learn from: global pooling in place of flatten, fewer \
             channels, weight decay, augmentation that keeps the class, more images. Change one thing at a time, with the \
             same seed, and compare the two runs."
        }
        Verdict::Underfitting => "Train longer, or raise the learning rate.",
        Verdict::NotLearning => {
            "Make the network learn 30 training images by heart first: raise or lower the learning rate tenfold, look at the \
             normalization and at the labels. While that fails, validation tells nothing."
        }
        Verdict::Diverged => "Lower the learning rate tenfold, and look at the inputs' scale.",
        Verdict::BrokenEvaluation => {
            "Score again after that: until then no other figure of this run can be trusted."
        }
        Verdict::Healthy => "Measure the test split once, at the end, and report that figure.",
        Verdict::Undetermined => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::probes::{NextProbe, Probe};
    use crate::diagnose::remedies::{Effect, RemedyRecord};
    use crate::diagnose::{Subject, diagnose};
    use crate::run::{EpochRecord, RunId, RunStatus, SplitMetrics};

    fn memorising() -> Diagnosis {
        let of = |correct, n| Some(SplitMetrics::new(1.0, correct, n));
        let epochs = [EpochRecord {
            epoch: 50,
            lr: 0.01,
            seconds: 1.0,
            train: of(620, 630),
            val: of(14, 90),
            test: of(15, 90),
            running: None,
        }];
        diagnose(&Subject {
            epochs: &epochs,
            classes: 9,
            class_counts: &[],
            status: RunStatus::Finished,
            best_epoch: None,
        })
    }

    fn finding(id: &'static str, severity: Severity) -> Finding {
        let mut finding = Finding::new(id, severity, format!("title of {id}"));
        finding.remedy = format!("remedy of {id}");
        finding
    }

    #[test]
    fn problems_come_first_then_missing_looks_then_warnings_and_notes_are_no_steps() {
        let looks = Looks::default()
            .with(
                Source::Layers,
                vec![
                    finding("wide", Severity::Warning),
                    finding("idle", Severity::Note),
                ],
            )
            .without(Source::Data, "It was not audited.", "Audit the dataset.")
            .with(Source::Run, vec![finding("copies", Severity::Problem)]);
        let steps = looks.next_steps(&memorising());
        let at = |text: &str| steps.iter().position(|s| s.contains(text));
        assert_eq!(at("remedy of copies"), Some(0), "{steps:?}");
        assert_eq!(at("Audit the dataset"), Some(1));
        assert_eq!(at("remedy of wide"), Some(2));
        assert_eq!(at("idle"), None);
        assert!(steps[3].contains("one thing at a time"), "{steps:?}");
        assert!(steps[4].contains("more validation images"), "{steps:?}");
    }

    #[test]
    fn what_was_seen_to_help_comes_before_warnings_and_a_probe_where_nothing_was() {
        let looks = Looks::default().with(
            Source::Layers,
            vec![
                finding("wide", Severity::Warning),
                finding("copies", Severity::Problem),
            ],
        );
        let mut asking = memorising();
        asking.undetermined = true;
        asking.next_probe = Some(NextProbe {
            id: Probe::Baseline,
            question: "Is a small network better?",
            would_separate: Vec::new(),
            cost_s: 200.0,
            trainings: 2,
        });
        let steps = looks.next_steps(&asking);
        assert!(steps[0].contains("remedy of copies"), "{steps:?}");
        let probe = "takes 2 trainings, about 3 min 20 s: Is a small network better?";
        assert!(steps[1].ends_with(probe), "{steps:?}");
        assert!(steps[2].contains("remedy of wide"), "{steps:?}");

        asking.remedies_tried = vec![RemedyRecord {
            id: "global-pooling".to_owned(),
            words: "global pooling".to_owned(),
            runs: vec![RunId(2)],
            effect: Effect::Helps,
            winner: true,
            before: None,
            after: None,
            difference: None,
            paired: true,
            statistic: None,
            p: None,
            p_holm: None,
            over_seeds: None,
            cost_s: 1.0,
            result: "It helps.".to_owned(),
        }];
        let steps = looks.next_steps(&asking);
        assert!(steps[1].contains("global pooling. It helps."), "{steps:?}");
        assert!(steps[2].contains("remedy of wide"), "{steps:?}");
    }

    #[test]
    fn the_same_advice_is_given_once_and_a_run_that_diverged_hears_of_its_rate_first() {
        let twice = vec![
            finding("bias", Severity::Warning),
            finding("bias", Severity::Warning),
        ];
        let looks = Looks::default().with(Source::Layers, twice);
        let diverged = diagnose(&Subject {
            epochs: &[],
            classes: 9,
            class_counts: &[],
            status: RunStatus::Diverged,
            best_epoch: None,
        });
        let steps = looks.next_steps(&diverged);
        assert_eq!(steps.len(), 2, "{steps:?}");
        assert!(steps[0].contains("learning rate"));
        let many = (0..30).map(|i| {
            let mut each = finding("many", Severity::Problem);
            each.remedy += &i.to_string();
            each
        });
        let looks = Looks::default().with(Source::Data, many.collect());
        assert_eq!(looks.next_steps(&diverged).len(), MOST_STEPS);
    }
}
