//! Trains a run and then the probes that tell its causes apart, within a budget of seconds.

mod trial;

use crate::data::Dataset;
use crate::diagnose::looks::Looks;
use crate::diagnose::probes::{
    Calibration, Inquiry, Next, NextProbe, Probe, ProbeRecord, Signs, Training,
};
use crate::diagnose::{Diagnosis, Measured, Situation, Subject, diagnose_run};
use crate::run::{EpochRecord, Progress, RunSpec, RunStatus, Split};
use crate::train::TrainError;
use std::time::{Duration, Instant};
pub use trial::{End, trial};

/// What is to be looked into.
pub struct Case<'a> {
    pub dataset: &'a Dataset,
    /// The user's run, complete.
    pub spec: &'a RunSpec,
    /// What audit, simple models and layers have shown.
    pub looks: Looks,
    /// For the run and all probes together; the run itself is made whatever it takes.
    pub budget: Duration,
    pub asked: Asked,
    /// What causes' probabilities follow from.
    pub calibration: &'a Calibration,
    /// Kernels' threads.
    pub threads: usize,
}

/// Which probes an inquiry makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The one that tells most for its seconds, until the causes are clear.
    Telling,
    /// All that can be made of the run: what likelihoods are fitted on.
    Every,
}

/// Hears how an inquiry goes on, and says whether it may.
pub trait Attendant: Send {
    /// A sentence for the user.
    fn say(&mut self, sentence: &str);
    /// The run's own epochs, as they come.
    fn epoch(&mut self, record: &EpochRecord, epochs: u32);
    fn progress(&mut self, progress: &Progress);
    /// A probe was made.
    fn answered(&mut self, record: &ProbeRecord);
    /// True once it is to end with what is known; asked at every step.
    fn is_interrupted(&mut self) -> bool;
}

/// What came of an inquiry.
#[derive(Debug)]
pub struct Inquired {
    pub diagnosis: Diagnosis,
    /// What its causes were weighed by.
    pub signs: Signs,
    pub status: RunStatus,
    /// Of the user's run.
    pub epochs: Vec<EpochRecord>,
    pub trainings: usize,
    pub seconds: f64,
    pub interrupted: bool,
}

/// Trains the user's run, then one probe after the other: the one that tells most for its seconds, until the causes are clear
/// or the budget is spent.
///
/// An interruption ends it with what is known so far, and is no error.
pub fn inquire(case: Case, attendant: &mut dyn Attendant) -> Result<Inquired, TrainError> {
    let started = Instant::now();
    let Case {
        dataset,
        spec,
        looks,
        budget,
        asked,
        calibration,
        threads,
    } = case;
    let (end, (training, measured)) = trial(dataset, spec, threads, None, attendant, true)?;
    let diagnosis = diagnosed(dataset, &training, &measured)?;
    let epochs = training.epochs.clone();
    let status = training.status;
    let looks = looks.run(&diagnosis);
    let mut inquiry = Inquiry::new(&dataset.index, training, diagnosis, looks, calibration);
    let mut trainings = 1;
    let (next, interrupted) = match end {
        End::Over | End::OutOfTime => {
            let means = Means {
                dataset,
                threads,
                deadline: started + budget,
                asked,
            };
            means.probe(&mut inquiry, attendant, &mut trainings)?
        }
        End::Interrupted => (None, true),
    };
    let situation = Situation {
        last: epochs.last(),
        ..Situation::of(status)
    };
    Ok(Inquired {
        signs: inquiry.signs(),
        diagnosis: inquiry.conclude(next).0.answered(&situation),
        status,
        epochs,
        trainings,
        seconds: started.elapsed().as_secs_f64(),
        interrupted,
    })
}

/// What probes are made with.
struct Means<'a> {
    dataset: &'a Dataset,
    threads: usize,
    deadline: Instant,
    asked: Asked,
}

impl Means<'_> {
    fn next(&self, inquiry: &Inquiry, left_s: f64) -> Next {
        match self.asked {
            Asked::Telling => inquiry.next(left_s),
            Asked::Every => Probe::ALL
                .into_iter()
                .find_map(|probe| inquiry.proposed(probe))
                .map_or(Next::Done, |(proposal, specs)| Next::Train(proposal, specs)),
        }
    }

    /// Makes probes until the deadline; gives the one that would go on, and whether it was interrupted.
    fn probe(
        &self,
        inquiry: &mut Inquiry,
        attendant: &mut dyn Attendant,
        trainings: &mut usize,
    ) -> Result<(Option<NextProbe>, bool), TrainError> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let (proposal, specs) = match self.next(inquiry, left.as_secs_f64()) {
                Next::Done => return Ok((None, false)),
                Next::TooDear(proposal) => {
                    attendant.say(&format!(
                        "The budget is spent: {} left. The next probe would be {} ({} It takes about {}.)",
                        seconds(left.as_secs_f64()),
                        proposal.id.name(),
                        proposal.question,
                        seconds(proposal.cost_s)
                    ));
                    return Ok((Some(proposal), false));
                }
                Next::Train(proposal, specs) => (proposal, specs),
            };
            attendant.say(&announcement(&proposal, left.as_secs_f64()));
            let mut made = Vec::new();
            for spec in &specs {
                let (end, (training, _)) = trial(
                    self.dataset,
                    spec,
                    self.threads,
                    Some(self.deadline),
                    attendant,
                    false,
                )?;
                match end {
                    End::Over => made.push(training),
                    End::Interrupted => return Ok((Some(proposal), true)),
                    End::OutOfTime => {
                        attendant
                            .say("The probe took longer than the budget allows, and was left.");
                        return Ok((Some(proposal), false));
                    }
                }
            }
            *trainings += made.len();
            let record = inquiry.take(proposal.id, made);
            attendant.answered(record);
        }
    }
}

/// "Probe pooled-resplit, 1 training, about 95 s of the 480 s left: Does …? It would tell split-shift from memorisation."
fn announcement(proposal: &NextProbe, left_s: f64) -> String {
    let causes: Vec<&str> = proposal
        .would_separate
        .iter()
        .map(|cause| cause.name())
        .collect();
    let trainings = match proposal.trainings {
        1 => "1 training".to_owned(),
        n => format!("{n} trainings"),
    };
    let tells = match &causes[..] {
        [] => String::new(),
        causes => format!(" It would tell apart: {}.", causes.join(", ")),
    };
    format!(
        "Probe {}, {trainings}, about {} of the {} left: {}{tells}",
        proposal.id.name(),
        seconds(proposal.cost_s),
        seconds(left_s),
        proposal.question
    )
}

/// "0.4 s", "95 s", "12 min"
fn seconds(s: f64) -> String {
    match s {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 600.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

fn diagnosed(
    dataset: &Dataset,
    training: &Training,
    measured: &Measured,
) -> Result<Diagnosis, TrainError> {
    let index = dataset.index.varied(&training.spec.variation)?;
    let class_counts = Split::ALL.map(|split| (split, index.class_counts(split)));
    let subject = Subject {
        epochs: &training.epochs,
        classes: index.classes.len(),
        class_counts: &class_counts,
        status: training.status,
        best_epoch: None,
    };
    Ok(diagnose_run(&subject, &index.classes, measured))
}
