//! The course of an inquiry: which probe is next, what it answered, what follows from all.

use super::Probe;
use super::cost::Cost;
use super::document::{NextProbe, ProbeRecord, asks, difference};
use super::finding::{memorises, of_answer};
use super::reading::{Answered, Reading, read};
use super::training::Training;
use super::weight::Weights;
use crate::data::Index;
use crate::diagnose::finding::{Evidence, Finding};
use crate::diagnose::looks::{Looks, Source};
use crate::diagnose::{Answer, Diagnosis, Subject, Verdict};
use crate::run::{RunSpec, Split};

/// A cause with this weight is clear: no further probe is worth its time (ours, not calibrated).
const CLEAR: f64 = 0.85;
/// Below this weight the first cause does not lead (ours, not calibrated).
const LEADS: f64 = 0.5;
/// A probe that is expected to tell less, in bits, is not worth a training.
const LEAST_BITS: f64 = 0.02;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Train these, in order, and give them to [`Inquiry::take`].
    Train(NextProbe, Vec<RunSpec>),
    /// The best probe costs more than is left.
    TooDear(NextProbe),
    /// The causes are as clear as probes can make them.
    Done,
}

/// What is asked about one run, and what is known so far.
pub struct Inquiry<'a> {
    /// The dataset as it is.
    index: &'a Index,
    run: Training,
    diagnosis: Diagnosis,
    /// The run's own findings, and those of audit, simple models and layers.
    looks: Looks,
    cost: Cost,
    trained: Vec<Training>,
    read: Vec<(Probe, Reading)>,
    found: Vec<Finding>,
    records: Vec<ProbeRecord>,
}

impl<'a> Inquiry<'a> {
    /// Begins with a run that is over, its diagnosis, and all looks at it, its own among them.
    pub fn new(index: &'a Index, run: Training, diagnosis: Diagnosis, looks: Looks) -> Self {
        Inquiry {
            cost: Cost::of(&run, index),
            index,
            run,
            diagnosis,
            looks,
            trained: Vec::new(),
            read: Vec::new(),
            found: Vec::new(),
            records: Vec::new(),
        }
    }

    /// The probe that tells most for its seconds, among those that `left_s` seconds allow.
    pub fn next(&self, left_s: f64) -> Next {
        let weights = self.weights();
        let clear = weights
            .ranked()
            .first()
            .is_some_and(|(_, weight)| *weight >= CLEAR);
        if clear || !asks(self.diagnosis.verdict) {
            return Next::Done;
        }
        let mut open: Vec<(NextProbe, f64)> = Probe::ALL
            .into_iter()
            .filter(|probe| self.is_open(*probe))
            .map(|probe| (self.proposal(probe, &weights), weights.information(probe)))
            .filter(|(_, bits)| *bits >= LEAST_BITS)
            .collect();
        let rate = |(probe, bits): &(NextProbe, f64)| bits / probe.cost_s.max(1e-3);
        open.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
        let affordable = open.iter().find(|(probe, _)| probe.cost_s <= left_s);
        match (affordable, open.first()) {
            (Some((probe, _)), _) => {
                let specs = self.missing(probe.id);
                Next::Train(probe.clone(), specs)
            }
            (None, Some((probe, _))) => Next::TooDear(probe.clone()),
            (None, None) => Next::Done,
        }
    }

    /// A probe with the trainings that it still needs; none where it was made or cannot be made.
    pub fn proposed(&self, probe: Probe) -> Option<(NextProbe, Vec<RunSpec>)> {
        let proposal = || (self.proposal(probe, &self.weights()), self.missing(probe));
        self.is_open(probe).then(proposal)
    }

    /// Takes in the trainings of a probe, in the order in which they were asked for, and gives what it answered.
    pub fn take(&mut self, probe: Probe, trainings: Vec<Training>) -> &ProbeRecord {
        let cost_s = trainings.iter().map(|training| training.seconds).sum();
        let own = trainings.len();
        self.trained.extend(trainings);
        let specs = probe.trainings(&self.run.spec, self.run.epochs.len() as u32);
        let trials: Vec<&Training> = specs
            .iter()
            .filter_map(|spec| self.trained.iter().find(|training| training.spec == *spec))
            .collect();
        let whole: &[&Training] = match trials.len() == specs.len() {
            true => &trials,
            false => &[],
        };
        let classes = self.index.classes.len();
        let reading = read(probe, &self.run, whole, classes, self.chance());
        let record = ProbeRecord {
            id: probe,
            question: probe.question(),
            answer: reading.answer,
            result: reading.evidence.statement.clone(),
            evidence: reading.evidence.clone(),
            cost_s,
            trainings: own,
            differs: specs
                .iter()
                .map(|spec| difference(&self.run.spec, spec))
                .collect(),
        };
        let found = of_answer(probe, &reading, &self.weights());
        self.found.extend(found);
        self.read.push((probe, reading));
        // A vector that was pushed to is not empty.
        let place = self.records.len();
        self.records.push(record);
        &self.records[place]
    }

    /// The diagnosis with everything that is known, and the looks with that of the probes; `next` is the probe that would go on.
    pub fn conclude(self, next: Option<NextProbe>) -> (Diagnosis, Looks) {
        let weights = self.weights();
        let mut found = self.found;
        found.extend(by_exclusion(self.diagnosis.verdict, &self.read));
        let looks = match self.records.is_empty() {
            true => self.looks,
            false => self.looks.with(Source::Probes, found),
        };
        let mut diagnosis = looks.document(self.diagnosis);
        diagnosis
            .causes
            .sort_by(|a, b| weights.get(b.id).total_cmp(&weights.get(a.id)));
        let leads = diagnosis
            .causes
            .first()
            .is_some_and(|first| weights.get(first.id) >= LEADS);
        diagnosis.undetermined |= asks(diagnosis.verdict) && !leads;
        diagnosis.probes = self.records;
        diagnosis.next_probe = next;
        (diagnosis, looks)
    }

    fn weights(&self) -> Weights {
        let answered: Vec<Answered> = self
            .read
            .iter()
            .map(|(probe, reading)| Answered {
                probe: *probe,
                answer: reading.answer,
            })
            .collect();
        Weights::of(self.diagnosis.verdict, self.looks.findings(), &answered)
    }

    /// True for a probe that was not made and can be made of these images.
    fn is_open(&self, probe: Probe) -> bool {
        let made = self.read.iter().any(|(of, _)| *of == probe);
        let trainings = probe.trainings(&self.run.spec, self.run.epochs.len() as u32);
        let possible = || {
            trainings
                .iter()
                .all(|spec| spec.check().is_empty() && self.index.varied(&spec.variation).is_ok())
        };
        !made && probe.suits(&self.run.spec, self.diagnosis.verdict) && possible()
    }

    /// The trainings that a probe needs and that were not made for another.
    fn missing(&self, probe: Probe) -> Vec<RunSpec> {
        let mut specs = probe.trainings(&self.run.spec, self.run.epochs.len() as u32);
        specs.retain(|spec| self.trained.iter().all(|training| training.spec != *spec));
        specs
    }

    fn proposal(&self, probe: Probe, weights: &Weights) -> NextProbe {
        let missing = self.missing(probe);
        NextProbe {
            id: probe,
            question: probe.question(),
            would_separate: weights.separated(probe),
            cost_s: missing.iter().map(|spec| self.cost.seconds(spec)).sum(),
            trainings: missing.len(),
        }
    }

    /// The accuracy of the best guess in validation that does not look at the image.
    fn chance(&self) -> f64 {
        let subject = Subject {
            epochs: &[],
            classes: self.index.classes.len().max(1),
            class_counts: &[(Split::Val, self.index.class_counts(Split::Val))],
            status: self.run.status,
            best_epoch: None,
        };
        subject.chance(Split::Val).unwrap_or(1.0)
    }
}

/// Memorisation, where the re-split did not recover, with what other probes add to it.
fn by_exclusion(verdict: Verdict, read: &[(Probe, Reading)]) -> Option<Finding> {
    let (_, resplit) = read
        .iter()
        .find(|(probe, _)| *probe == Probe::PooledResplit)?;
    let others: Vec<Evidence> = read
        .iter()
        .filter(|(probe, reading)| {
            matches!(probe, Probe::ShuffledLabels | Probe::LearningCurve)
                && reading.answer != Answer::Unknown
        })
        .map(|(_, reading)| reading.evidence.clone())
        .collect();
    memorises(verdict, resplit, others)
}
