//! Probes of a run as ordinary runs: a group under it for each, read when all its runs are over.

use super::{App, HttpError};
use crate::chart::Beside;
use crate::data::{Dataset, Index};
use crate::diagnose::Diagnosis;
use crate::diagnose::looks::Looks;
use crate::diagnose::probes::{Calibration, Inquiry, Next, NextProbe, Probe, Training};
use crate::run::sweep::Settings;
use crate::run::{EpochRecord, Resplit, RunId, RunSpec, Split};
use crate::store::{DataFacts, Group, NewGroup, NewRun, PROBE, ProbeChain, Run};
use axum::http::StatusCode;
use std::sync::Arc;

/// What is known of a run's probes, and what is needed to read them and to choose the next.
pub struct Probing {
    run: Run,
    dataset: Arc<Dataset>,
    training: Training,
    /// Of the groups that are over, in the order in which they were made.
    made: Vec<(Probe, Vec<Training>)>,
    asked: Asked,
}

/// What was asked of a run by probes, and what can be.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The probes that are over, in the order of the diagnosis' list of them.
    pub made: Vec<MadeProbe>,
    /// One that still goes on.
    pub going: Option<Group>,
    pub chain: Option<ProbeChain>,
    /// Those that can be made, in the order of [`Probe::ALL`].
    pub open: Vec<NextProbe>,
}

/// A probe that is over.
#[derive(Clone, Debug)]
pub struct MadeProbe {
    pub group: Group,
    /// Its curves beside the run's.
    pub beside: Option<Beside>,
}

/// Which probe is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    Named(Probe),
    /// The one that tells most for its seconds, among those that so many seconds allow.
    Best {
        left_s: f64,
    },
}

/// What came of a choice.
pub enum Choice {
    /// Its runs, to be queued.
    Make(NextProbe, NewGroup),
    /// The best probe costs more than is left.
    TooDear(NextProbe),
    /// The causes are as clear as probes can make them.
    Clear,
}

/// The probe whose runs a group has.
pub fn probe_of(group: &Group) -> Option<Probe> {
    let purpose = group.summary.purpose.as_deref()?;
    Probe::named(purpose.strip_prefix(PROBE)?)
}

/// The split whose curve shows most of a probe's answer. What is learnt of shuffled labels, or whether anything is learnt at
/// all, is seen in training.
pub fn shown(probe: Probe) -> Split {
    match probe {
        Probe::ShuffledLabels | Probe::LongerTraining | Probe::CoolerTraining => Split::Train,
        Probe::Baseline
        | Probe::PooledResplit
        | Probe::LearningCurve
        | Probe::GroupedFolds
        | Probe::LabelSuspects => Split::Val,
    }
}

/// The curves of a probe beside those of its run. Where two halves of its trainings are compared, they are named apart.
fn beside<'a>(
    probe: Probe,
    run: (RunId, &[EpochRecord]),
    trainings: impl IntoIterator<Item = (&'a RunSpec, &'a [EpochRecord])>,
) -> Option<Beside> {
    let mut others: Vec<(String, Vec<&[EpochRecord]>)> = Vec::new();
    for (spec, epochs) in trainings {
        let name = match (probe, spec.variation.split) {
            (Probe::GroupedFolds, Resplit::Fold { by_group: true, .. }) => "folds by group",
            (Probe::GroupedFolds, _) => "folds by class",
            _ => probe.name(),
        };
        let name = name.replace('-', " ");
        match others.iter_mut().find(|(of, _)| *of == name) {
            Some((_, curves)) => curves.push(epochs),
            None => others.push((name, vec![epochs])),
        }
    }
    Beside::of(shown(probe), run, others)
}

/// The same of a group, however far its runs are; None for one that probes nothing.
pub async fn group_beside(app: &App, group: &Group) -> Result<Option<Beside>, HttpError> {
    let (Some(probe), Some(parent)) = (probe_of(group), group.summary.parent) else {
        return Ok(None);
    };
    let own = app.store.epochs(parent).await?;
    let mut trainings = Vec::new();
    for of in &group.runs {
        trainings.push(app.store.epochs(of.run.id).await?);
    }
    let specs = group.runs.iter().map(|of| &of.run.spec);
    let trainings = specs.zip(trainings.iter().map(Vec::as_slice));
    Ok(beside(probe, (parent, &own), trainings))
}

impl Probing {
    /// Reads what the store has of a run's probes. Where a run can have none, a sentence on why, and what to do.
    pub async fn of(
        app: &App,
        run: &Run,
        epochs: &[EpochRecord],
        dataset: Result<&Arc<Dataset>, &str>,
    ) -> Result<Result<Probing, String>, HttpError> {
        let dataset = match able(run, epochs, dataset) {
            Ok(dataset) => dataset,
            Err(why) => return Ok(Err(why)),
        };
        let mut made: Vec<(Probe, Vec<Training>)> = Vec::new();
        let mut asked = Asked {
            made: Vec::new(),
            going: None,
            chain: app.store.probe_chain(run.id).await?,
            open: Vec::new(),
        };
        for group in app.store.groups_of(run.id).await? {
            let Some(probe) = probe_of(&group) else {
                continue;
            };
            if !group.is_over() {
                asked.going = Some(group);
                continue;
            }
            let mut trainings = Vec::new();
            for of in &group.runs {
                let epochs = app.store.epochs(of.run.id).await?;
                trainings.push(training(app, &of.run, epochs, dataset).await?);
            }
            // Folds by class that were trained to suspect labels are not trained again for grouped folds.
            let shared = |(before, _): &&(Probe, Vec<Training>)| {
                (probe, *before) == (Probe::GroupedFolds, Probe::LabelSuspects)
            };
            let before = made.iter().filter(shared).flat_map(|(_, of)| of);
            let curves = trainings.iter().chain(before);
            let curves = curves.map(|of: &Training| (&of.spec, &of.epochs[..]));
            let beside = beside(probe, (run.id, epochs), curves);
            made.push((probe, trainings));
            asked.made.push(MadeProbe { group, beside });
        }
        Ok(Ok(Probing {
            training: training(app, run, epochs.to_vec(), dataset).await?,
            run: run.clone(),
            dataset: dataset.clone(),
            made,
            asked,
        }))
    }

    /// The diagnosis and the looks with what the probes answered, the probe that would tell most now, and the others.
    pub fn conclude(self, diagnosis: Diagnosis, looks: Looks) -> (Diagnosis, Looks, Asked) {
        let index = &self.dataset.index;
        let inquiry = inquiry(index, self.training, (diagnosis, looks), self.made);
        let next = match inquiry.next(f64::INFINITY) {
            Next::Train(next, _) | Next::TooDear(next) => Some(next),
            Next::Done => None,
        };
        let mut asked = self.asked;
        if asked.going.is_none() {
            let open = Probe::ALL
                .into_iter()
                .filter_map(|probe| inquiry.proposed(probe));
            asked.open = open.map(|(probe, _)| probe).collect();
        }
        let (diagnosis, looks) = inquiry.conclude(next);
        (diagnosis, looks, asked)
    }

    /// The runs of a probe.
    pub fn choose(
        self,
        diagnosis: Diagnosis,
        looks: Looks,
        wanted: Wanted,
    ) -> Result<Choice, HttpError> {
        let index = &self.dataset.index;
        let inquiry = inquiry(index, self.training, (diagnosis, looks), self.made);
        let (probe, specs) = match wanted {
            Wanted::Named(probe) => inquiry.proposed(probe).ok_or_else(|| {
                let why = "was made already, or cannot be made of this network and these images";
                HttpError::new(StatusCode::CONFLICT, format!("{} {why}", probe.name()))
            })?,
            Wanted::Best { left_s } => match inquiry.next(left_s) {
                Next::Train(next, specs) => (next, specs),
                Next::TooDear(next) => return Ok(Choice::TooDear(next)),
                Next::Done => return Ok(Choice::Clear),
            },
        };
        let group = group_of(&self.run, index, probe.id, specs)?;
        Ok(Choice::Make(probe, group))
    }
}

/// The images to train probes on. Where there can be no probes, a sentence on why, and what to do.
fn able<'a>(
    run: &Run,
    epochs: &[EpochRecord],
    dataset: Result<&'a Arc<Dataset>, &str>,
) -> Result<&'a Arc<Dataset>, String> {
    if run.spec.external {
        return Err(
            "A script of its owner trained this run, and probes train its network again in a changed way: launch \
             the same network here, on the same images, to ask what causes its gap."
                .to_owned(),
        );
    }
    if !run.status.is_over() {
        return Err(
            "This run still goes on. Probes start from a run that is over: wait for its end, or stop it."
                .to_owned(),
        );
    }
    if epochs.is_empty() {
        return Err(
            "This run ended before its first epoch, so there is nothing to look into: its log says why it ended."
                .to_owned(),
        );
    }
    dataset.map_err(|why| {
        format!(
            "{why} Probes train on them: bring the images in again, and launch a run with these settings on them."
        )
    })
}

/// An inquiry that has heard what the probes so far have answered.
fn inquiry(
    index: &Index,
    run: Training,
    (diagnosis, looks): (Diagnosis, Looks),
    made: Vec<(Probe, Vec<Training>)>,
) -> Inquiry<'_> {
    let mut inquiry = Inquiry::new(index, run, diagnosis, looks, Calibration::shipped());
    for (probe, trainings) in made {
        inquiry.take(probe, trainings);
    }
    inquiry
}

/// The runs of a probe as a group under its run.
fn group_of(
    run: &Run,
    index: &Index,
    probe: Probe,
    specs: Vec<RunSpec>,
) -> Result<NewGroup, HttpError> {
    let name = probe.name();
    let mut runs = Vec::new();
    for mut spec in specs {
        spec.name = format!("{name} of run {}: {}", run.id, spec.variation);
        let facts = DataFacts::of(&*index.varied(&spec.variation)?);
        let new = NewRun {
            spec,
            dataset: run.dataset.clone(),
            facts: Some(facts),
            token_hash: None,
        };
        runs.push((Settings::new(), new));
    }
    Ok(NewGroup {
        name: format!("Probe {name} of run {}", run.id),
        axes: Vec::new(),
        parent: Some(run.id),
        purpose: Some(format!("{PROBE}{name}")),
        runs,
    })
}

/// A stored run as probes and remedies read it.
pub(super) async fn training(
    app: &App,
    run: &Run,
    epochs: Vec<EpochRecord>,
    dataset: &Dataset,
) -> Result<Training, HttpError> {
    let validation = match epochs.last() {
        Some(last) => {
            let results = app
                .store
                .image_results(run.id, last.epoch, Split::Val)
                .await?;
            let index = dataset.index.varied(&run.spec.variation)?;
            results.and_then(|results| Training::validated(&index, &results))
        }
        None => None,
    };
    let mut spec = run.spec.clone();
    // A name says nothing of what was trained.
    spec.name = String::new();
    Ok(Training {
        spec,
        status: run.status,
        validation: validation.unwrap_or_default(),
        seconds: epochs.iter().map(|epoch| epoch.seconds).sum(),
        epochs,
    })
}
