//! The course of an inquiry: which probe is next, what it answered, what follows from all.

use super::Probe;
use super::calibration::Calibration;
use super::cost::Cost;
use super::document::{NextProbe, ProbeRecord, asks, difference};
use super::finding::{memorises, of_answer};
use super::probe::small_network;
use super::reading::{Reading, read};
use super::signs::{Answered, Signs};
use super::training::Training;
use crate::data::Index;
use crate::diagnose::causes::{STATED, Suspect};
use crate::diagnose::finding::{Cause, Evidence, Finding, Severity};
use crate::diagnose::looks::{Looks, Source};
use crate::diagnose::{Answer, Diagnosis, Subject, Verdict};
use crate::run::{RunSpec, Split};

/// A probe that is expected to make less surer, in bits, is not worth a training.
const LEAST_BITS: f64 = 0.02;
/// Causes that are more probable than this are equally sure: the one whose findings are worse goes before.
const SURE: f64 = 0.9;
/// A cause that no finding speaks for is listed from this probability on.
const LISTED: f64 = 0.15;

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
    /// Its training images.
    images: usize,
    run: Training,
    diagnosis: Diagnosis,
    /// The run's own findings, and those of audit, simple models and layers.
    looks: Looks,
    calibration: &'a Calibration,
    cost: Cost,
    trained: Vec<Training>,
    read: Vec<(Probe, Reading)>,
    found: Vec<Finding>,
    records: Vec<ProbeRecord>,
}

impl<'a> Inquiry<'a> {
    /// Begins with a run that is over, its diagnosis, and all looks at it, its own among them.
    pub fn new(
        index: &'a Index,
        run: Training,
        diagnosis: Diagnosis,
        looks: Looks,
        calibration: &'a Calibration,
    ) -> Self {
        Inquiry {
            images: index.of(Split::Train).count(),
            cost: Cost::of(&run, index),
            index,
            run,
            diagnosis,
            looks,
            calibration,
            trained: Vec::new(),
            read: Vec::new(),
            found: Vec::new(),
            records: Vec::new(),
        }
    }

    /// The probe that tells most for its seconds, among those that `left_s` seconds allow.
    pub fn next(&self, left_s: f64) -> Next {
        if !asks(self.diagnosis.verdict) {
            return Next::Done;
        }
        let signs = self.signs();
        let mut open: Vec<(NextProbe, f64)> = Probe::ALL
            .into_iter()
            .filter(|probe| self.is_open(*probe))
            .map(|probe| {
                (
                    self.proposal(probe, &signs),
                    self.calibration.information(&signs, probe),
                )
            })
            .filter(|(_, bits)| *bits >= LEAST_BITS)
            .collect();
        let rate = |(probe, bits): &(NextProbe, f64)| bits / probe.cost_s.max(1e-3);
        open.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
        let affordable = open.iter().find(|(probe, _)| probe.cost_s <= left_s);
        match (affordable, open.first()) {
            (Some((probe, _)), _) => {
                let probe = self.before(probe, &signs, left_s);
                let specs = self.missing(probe.id);
                Next::Train(probe, specs)
            }
            (None, Some((probe, _))) => Next::TooDear(probe.clone()),
            (None, None) => Next::Done,
        }
    }

    /// The probe itself, or the one that says how it is to be made, where both can be paid for: which network is asked about
    /// labels.
    fn before(&self, probe: &NextProbe, signs: &Signs, left_s: f64) -> NextProbe {
        if probe.id == Probe::LabelSuspects && self.is_open(Probe::Baseline) {
            let baseline = self.proposal(Probe::Baseline, signs);
            if baseline.cost_s + probe.cost_s <= left_s {
                return baseline;
            }
        }
        probe.clone()
    }

    /// A probe with the trainings that it still needs; none where it was made or cannot be made.
    pub fn proposed(&self, probe: Probe) -> Option<(NextProbe, Vec<RunSpec>)> {
        let proposal = || (self.proposal(probe, &self.signs()), self.missing(probe));
        self.is_open(probe).then(proposal)
    }

    /// Takes in the trainings of a probe, in the order in which they were asked for, and gives what it answered.
    pub fn take(&mut self, probe: Probe, trainings: Vec<Training>) -> &ProbeRecord {
        let cost_s = trainings.iter().map(|training| training.seconds).sum();
        let own = trainings.len();
        self.trained.extend(trainings);
        let mut ways = self.ways(probe).into_iter();
        let (specs, trials) = ways
            .find_map(|specs| self.made(&specs).map(|trials| (specs, trials)))
            .unwrap_or_else(|| (self.trainings(probe), Vec::new()));
        let classes = self.index.classes.len();
        let reading = read(probe, &self.run, &trials, classes, self.chance());
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
        let verdict = self.diagnosis.verdict;
        let found = of_answer(probe, verdict, &reading, &self.spoken_for());
        self.found.extend(found);
        self.read.push((probe, reading));
        // A vector that was pushed to is not empty.
        let place = self.records.len();
        self.records.push(record);
        &self.records[place]
    }

    /// The diagnosis with everything that is known, and the looks with that of the probes; `next` is the probe that would go on.
    pub fn conclude(self, next: Option<NextProbe>) -> (Diagnosis, Looks) {
        let probabilities = self.probabilities();
        let mut found = self.found;
        found.extend(by_exclusion(self.diagnosis.verdict, &self.read));
        let looks = match self.records.is_empty() {
            true => self.looks,
            false => self.looks.with(Source::Probes, found),
        };
        let mut diagnosis = looks.document(self.diagnosis);
        let told = [Source::Data, Source::SimpleModels].map(|source| looks.took(source));
        weigh(&mut diagnosis, &probabilities, told == [true; 2]);
        diagnosis.probes = self.records;
        diagnosis.next_probe = next;
        (diagnosis, looks)
    }

    /// What is known so far.
    pub fn signs(&self) -> Signs {
        let answers = self.read.iter().map(|(probe, reading)| Answered {
            probe: *probe,
            answer: reading.answer,
            measured: reading.measured,
        });
        let diagnosis = &self.diagnosis;
        Signs::of(
            diagnosis.verdict,
            diagnosis.gates.as_ref(),
            self.looks.findings(),
            answers,
        )
    }

    /// Causes that a finding speaks for, the most probable first.
    fn spoken_for(&self) -> Vec<Cause> {
        let speaks = |cause: Cause| self.looks.findings().any(|f| f.cause == Some(cause));
        let causes = self.probabilities().into_iter().map(|(cause, _)| cause);
        causes.filter(|cause| speaks(*cause)).collect()
    }

    fn probabilities(&self) -> Vec<(Cause, f64)> {
        self.calibration.probabilities(&self.signs())
    }

    /// True for a probe that was not made and can be made of these images.
    fn is_open(&self, probe: Probe) -> bool {
        let made = self.answered(probe).is_some();
        let trainings = self.trainings(probe);
        let possible = || {
            trainings
                .iter()
                .all(|spec| spec.check().is_empty() && self.index.varied(&spec.variation).is_ok())
        };
        !made && probe.suits(&self.run.spec, self.diagnosis.verdict) && possible()
    }

    /// All trainings of a probe.
    fn trainings(&self, probe: Probe) -> Vec<RunSpec> {
        // What a network that does badly contradicts are its own mistakes: where the small one does better, it is asked.
        let small =
            probe == Probe::LabelSuspects && self.answered(Probe::Baseline) == Some(Answer::Yes);
        self.trainings_of(probe, small)
    }

    /// The trainings that answer a probe, of whichever network: when they were asked for, less may have been known, or more.
    fn ways(&self, probe: Probe) -> Vec<Vec<RunSpec>> {
        match probe {
            Probe::LabelSuspects => [true, false]
                .map(|small| self.trainings_of(probe, small))
                .to_vec(),
            _ => vec![self.trainings(probe)],
        }
    }

    fn trainings_of(&self, probe: Probe, small: bool) -> Vec<RunSpec> {
        let mut run = self.run.spec.clone();
        run.train.epochs = self.run.epochs.len() as u32;
        if small {
            small_network(&mut run, self.images);
        }
        probe.trainings(&run, run.train.epochs, self.images)
    }

    /// These trainings, where all of them were made.
    fn made(&self, specs: &[RunSpec]) -> Option<Vec<&Training>> {
        let of = |spec: &RunSpec| self.trained.iter().find(|made| made.spec == *spec);
        specs.iter().map(of).collect()
    }

    fn answered(&self, probe: Probe) -> Option<Answer> {
        let mut read = self.read.iter();
        read.find(|(of, _)| *of == probe)
            .map(|(_, reading)| reading.answer)
    }

    /// The trainings that a probe needs and that were not made for another.
    fn missing(&self, probe: Probe) -> Vec<RunSpec> {
        let mut specs = self.trainings(probe);
        specs.retain(|spec| self.trained.iter().all(|training| training.spec != *spec));
        specs
    }

    fn proposal(&self, probe: Probe, signs: &Signs) -> NextProbe {
        let missing = self.missing(probe);
        NextProbe {
            id: probe,
            question: probe.question(),
            would_separate: self.calibration.separated(signs, probe),
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

/// Orders a document's causes by their probabilities. `told`: the looks were taken that these were fitted on, so they hold, are
/// given, and causes are added that are probable by the verdict and the probes alone.
fn weigh(diagnosis: &mut Diagnosis, probabilities: &[(Cause, f64)], told: bool) {
    for (cause, p) in probabilities {
        let listed = diagnosis.causes.iter().any(|suspect| suspect.id == *cause);
        if told && *p > LISTED && !listed {
            let evidence = gap_evidence(diagnosis);
            diagnosis.causes.push(Suspect::of(*cause, evidence));
        }
    }
    let probability = |suspect: &Suspect| {
        let of = probabilities.iter().find(|(of, _)| *of == suspect.id);
        of.map(|(_, p)| *p)
    };
    // One that was never planted is as sure as its findings.
    let rank = |suspect: &Suspect| {
        let found = f64::from(u8::from(suspect.severity == Severity::Problem));
        probability(suspect).unwrap_or(found).min(SURE)
    };
    // They come by their findings, and those that are as sure stay so.
    diagnosis.causes.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    let leads = diagnosis
        .causes
        .first()
        .is_some_and(|first| rank(first) > STATED);
    diagnosis.undetermined |= asks(diagnosis.verdict) && !leads;
    for suspect in diagnosis.causes.iter_mut().filter(|_| told) {
        suspect.confidence = probability(suspect);
    }
}

/// What the gates say of the gap: the evidence for a cause that no finding of its own speaks for.
fn gap_evidence(diagnosis: &Diagnosis) -> Vec<Evidence> {
    let gates = diagnosis.gates.iter();
    gates
        .flat_map(|gates| [gates.gap.evidence(), gates.above_chance.evidence()])
        .collect()
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
