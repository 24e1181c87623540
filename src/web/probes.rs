//! Probes of a run as ordinary runs: a group under it for each, read when all its runs are over.

use super::{App, HttpError};
use crate::data::Dataset;
use crate::diagnose::Diagnosis;
use crate::diagnose::looks::Looks;
use crate::diagnose::probes::{Calibration, Inquiry, Next, NextProbe, Probe, Training};
use crate::run::sweep::Settings;
use crate::run::{EpochRecord, GroupId, RunId, Split};
use crate::store::{DataFacts, Group, NewGroup, NewRun, Run};
use axum::http::StatusCode;
use std::sync::Arc;

/// How the purpose of a probe's group begins.
const PURPOSE: &str = "probe ";

/// What is known of a run's probes, and what is needed to read them.
pub struct Probing {
    run: Run,
    dataset: Arc<Dataset>,
    training: Training,
    /// Of the groups that are over, in the order in which they were made.
    made: Vec<(Probe, Vec<Training>)>,
    /// One that still goes on.
    going: Option<GroupId>,
}

/// A probe that was started.
pub struct Started {
    pub probe: NextProbe,
    pub group: Group,
}

impl Probing {
    /// Reads what the store has of a run that is over; none of one that still goes on or was not trained here.
    pub async fn of(
        app: &App,
        run: &Run,
        epochs: &[EpochRecord],
        dataset: &Arc<Dataset>,
    ) -> Result<Option<Probing>, HttpError> {
        if !run.status.is_over() || run.spec.external {
            return Ok(None);
        }
        let (mut made, mut going) = (Vec::new(), None);
        for group in app.store.groups_of(run.id).await? {
            let purpose = group.summary.purpose.as_deref().unwrap_or_default();
            let Some(probe) = purpose.strip_prefix(PURPOSE).and_then(Probe::named) else {
                continue;
            };
            if !group.is_over() {
                going = Some(group.summary.id);
                continue;
            }
            let mut trainings = Vec::new();
            for of in &group.runs {
                let epochs = app.store.epochs(of.run.id).await?;
                trainings.push(training(app, &of.run, epochs, dataset).await?);
            }
            made.push((probe, trainings));
        }
        Ok(Some(Probing {
            training: training(app, run, epochs.to_vec(), dataset).await?,
            run: run.clone(),
            dataset: dataset.clone(),
            made,
            going,
        }))
    }

    /// The diagnosis and the looks with what the probes answered, and the probe that would tell most now.
    pub fn conclude(self, diagnosis: Diagnosis, looks: Looks) -> (Diagnosis, Looks) {
        let Probing {
            dataset,
            training,
            made,
            ..
        } = self;
        let unprobed = made.is_empty();
        let mut inquiry = Inquiry::new(
            &dataset.index,
            training,
            diagnosis.clone(),
            looks.clone(),
            Calibration::shipped(),
        );
        for (probe, trainings) in made {
            inquiry.take(probe, trainings);
        }
        let next = match inquiry.next(f64::INFINITY) {
            Next::Train(next, _) | Next::TooDear(next) => Some(next),
            Next::Done => None,
        };
        if unprobed {
            let diagnosis = looks.document(diagnosis);
            let next_probe = next;
            return (
                Diagnosis {
                    next_probe,
                    ..diagnosis
                },
                looks,
            );
        }
        inquiry.conclude(next)
    }

    /// The runs of a probe, of the one that tells most for its seconds where none is named.
    pub fn choose(
        self,
        diagnosis: Diagnosis,
        looks: Looks,
        named: Option<Probe>,
    ) -> Result<(NextProbe, NewGroup), HttpError> {
        let conflict = |why: String| HttpError::new(StatusCode::CONFLICT, why);
        if let Some(group) = self.going {
            return Err(conflict(format!(
                "group {group} still goes on: its answer decides what is worth asking next; wait for it, or cancel it"
            )));
        }
        let Probing {
            run,
            dataset,
            training,
            made,
            ..
        } = self;
        let index = &dataset.index;
        let mut inquiry = Inquiry::new(index, training, diagnosis, looks, Calibration::shipped());
        for (probe, trainings) in made {
            inquiry.take(probe, trainings);
        }
        let (probe, specs) = match named {
            Some(probe) => inquiry.proposed(probe).ok_or_else(|| {
                conflict(format!(
                    "{} was made already, or cannot be made of this network and these images",
                    probe.name()
                ))
            })?,
            None => match inquiry.next(f64::INFINITY) {
                Next::Train(next, specs) => (next, specs),
                Next::TooDear(_) | Next::Done => {
                    return Err(conflict(
                        "no probe would tell more of this run than is known: name one to make it all the same".to_owned(),
                    ));
                }
            },
        };
        let name = probe.id.name();
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
        let group = NewGroup {
            name: format!("Probe {name} of run {}", run.id),
            axes: Vec::new(),
            parent: Some(run.id),
            purpose: Some(format!("{PURPOSE}{name}")),
            runs,
        };
        Ok((probe, group))
    }
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

/// The answer to a wish for probes of a run that has none: why.
pub fn impossible(id: RunId) -> HttpError {
    HttpError::new(
        StatusCode::CONFLICT,
        format!(
            "run {id} has no probes: it still goes on, was not trained here, or its images are gone"
        ),
    )
}
