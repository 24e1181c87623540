//! Remedies of a run as ordinary runs: groups under it, each remedy beside the run itself once its runs are over.

use super::gathered::{Gathered, gather};
use super::launch::MOST_NAME;
use super::probes::training;
use super::{App, HttpError};
use crate::data::Dataset;
use crate::diagnose::finding::Cause;
use crate::diagnose::probes::{Cost, Training};
use crate::diagnose::remedies::{
    Proposal, Remediable, RemedyRecord, Treatment, TriedRun, by_default, proposals, read,
};
use crate::diagnose::{Diagnosis, Verdict};
use crate::run::sweep::{Axis, SEED_FIELD, Settings};
use crate::run::{FieldError, RunId, RunSpec, SpecError, TestFigures};
use crate::store::{DataFacts, Group, NewGroup, NewRun, Run};
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

/// The purpose of a group of remedies.
pub const PURPOSE: &str = "remedies";
/// How the field begins that says which remedy a run of such a group tries.
const FIELD: &str = "remedy.";
/// What helps a run that ended while it still learnt.
const LONGER: &str = "longer-training";
/// Seeds of a remedy.
const MOST_SEEDS: u64 = 5;
/// Remedies that are tried at once.
const MOST_REMEDIES: usize = 20;

/// What the runs of such a group try, by their settings; none is their parent's own settings with another seed.
pub fn tried_by(group: &Group) -> Vec<Treatment> {
    let mut treatments: Vec<Treatment> = Vec::new();
    for of in &group.runs {
        let mut ids = of
            .run
            .settings
            .keys()
            .filter_map(|field| field.strip_prefix(FIELD));
        if let Some(treatment) = ids.find_map(Treatment::named)
            && !treatments.contains(&treatment)
        {
            treatments.push(treatment);
        }
    }
    treatments
}

/// Which remedies are to be tried.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WantedRemedies {
    /// Their ids, of several at once joined by `+`; where none is named, what is against all stated causes at once, then
    /// remedies of the first two causes in turn, three trials together.
    #[schema(example = json!(["global-pooling", "augment"]))]
    pub remedies: Vec<String>,
    /// Runs of each, which differ in their seed alone, from 1 to 5. With more than one the run itself is repeated with the
    /// other seeds, too.
    pub seeds: u64,
}

/// Which remedy is to be applied.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct AppliedRemedy {
    /// One that was tried; the winner where none is named.
    #[schema(example = "global-pooling")]
    pub remedy: Option<String>,
}

impl Default for WantedRemedies {
    fn default() -> Self {
        WantedRemedies {
            remedies: Vec::new(),
            seeds: 1,
        }
    }
}

/// What can be tried on a run.
pub struct Offer {
    pub proposal: Proposal,
    /// Seconds of training, about, from what the run itself took.
    pub cost_s: f64,
    /// One of those that are tried where none is named.
    pub by_default: bool,
}

/// What can be tried on a run, and what goes on.
#[derive(Default)]
pub struct Offers {
    pub remedies: Vec<Offer>,
    /// A group of remedies that still goes on.
    pub going: Option<Group>,
}

/// What is known of a run's remedies, and what is needed to read them.
pub struct Remedying {
    run: Run,
    dataset: Arc<Dataset>,
    training: Training,
    tried: Vec<TriedRun>,
    going: Option<Group>,
}

impl Remedying {
    /// Reads what the store has of a run that is over; none of one that still goes on or was not trained here.
    pub async fn of(app: &App, gathered: &Gathered) -> Result<Option<Remedying>, HttpError> {
        let run = &gathered.run;
        let Some(dataset) = &gathered.dataset else {
            return Ok(None);
        };
        if !run.status.is_over() || run.spec.external {
            return Ok(None);
        }
        let (mut tried, mut going) = (Vec::new(), None);
        for group in app.store.groups_of(run.id).await? {
            if group.summary.purpose.as_deref() != Some(PURPOSE) {
                continue;
            }
            if !group.is_over() {
                going = Some(group);
                continue;
            }
            for of in &group.runs {
                let Some(seed) = of.run.settings.get(SEED_FIELD).and_then(|n| n.as_u64()) else {
                    continue;
                };
                let mut fields = of.run.settings.keys();
                let treatment = match fields.find_map(|field| field.strip_prefix(FIELD)) {
                    Some(id) => match Treatment::named(id) {
                        Some(treatment) => Some(treatment),
                        // Of another version.
                        None => continue,
                    },
                    None => None,
                };
                let epochs = app.store.epochs(of.run.id).await?;
                tried.push(TriedRun {
                    run: of.run.id,
                    treatment,
                    seed,
                    training: training(app, &of.run, epochs, dataset).await?,
                });
            }
        }
        Ok(Some(Remedying {
            training: training(app, run, gathered.epochs.clone(), dataset).await?,
            run: run.clone(),
            dataset: dataset.clone(),
            tried,
            going,
        }))
    }

    /// What came of those that were tried.
    pub fn records(&self) -> Vec<RemedyRecord> {
        read(&self.training, &self.tried)
    }

    /// What can be tried. Every remedy is applied to the dataset's index, so for a blocking thread.
    pub fn offers(&self, diagnosis: &Diagnosis) -> Offers {
        let cost = Cost::of(&self.training, &self.dataset.index);
        let proposals = self.proposals(diagnosis);
        let default = by_default(&proposals);
        let offer = |proposal: Proposal| Offer {
            cost_s: cost.seconds(&proposal.spec),
            by_default: default.contains(&proposal),
            proposal,
        };
        Offers {
            remedies: proposals.into_iter().map(offer).collect(),
            going: self.going.clone(),
        }
    }

    fn proposals(&self, diagnosis: &Diagnosis) -> Vec<Proposal> {
        let case = self.case(&self.run.spec, diagnosis);
        let mut found = proposals(&diagnosis.causes, &case);
        // It has no cause of its own: the run ended too soon.
        if diagnosis.verdict == Verdict::Underfitting
            && let Some(longer) = Treatment::named(LONGER)
            && found.iter().all(|proposal| proposal.treatment != longer)
            && let Some(spec) = longer.apply(&case)
        {
            let proposal = Proposal {
                causes: vec![Cause::NotLearning],
                treatment: longer,
                spec,
            };
            found.insert(0, proposal);
        }
        found
    }

    fn case<'a>(&'a self, spec: &'a RunSpec, diagnosis: &'a Diagnosis) -> Remediable<'a> {
        Remediable {
            spec,
            epochs: self.training.epochs.len() as u32,
            index: &self.dataset.index,
            findings: &diagnosis.findings,
        }
    }

    /// The runs that try what is wanted.
    fn group(&self, diagnosis: &Diagnosis, wanted: &WantedRemedies) -> Result<NewGroup, HttpError> {
        if let Some(group) = &self.going {
            let group = group.summary.id;
            return Err(conflict(format!(
                "group {group} still goes on: wait for what it shows, or cancel it"
            )));
        }
        if !(1..=MOST_SEEDS).contains(&wanted.seeds) {
            return Err(field("seeds", format!("from 1 to {MOST_SEEDS}")));
        }
        let treatments = self.chosen(diagnosis, &wanted.remedies)?;
        let seeds: Vec<u64> = (0..wanted.seeds)
            .map(|more| (self.run.spec.train.seed + more) % (1 << 53))
            .collect();
        let mut runs = Vec::new();
        for seed in &seeds {
            let mut own = self.run.spec.clone();
            own.train.seed = *seed;
            let told = match wanted.seeds {
                1 => String::new(),
                _ => format!(", seed {seed}"),
            };
            if *seed != self.run.spec.train.seed {
                let name = format!("run {} again{told}", self.run.id);
                runs.push(self.new_run(own.clone(), name, None, *seed)?);
            }
            for treatment in &treatments {
                let Some(spec) = treatment.apply(&self.case(&own, diagnosis)) else {
                    continue;
                };
                let id = treatment.id();
                let name = format!("{id} of run {}{told}", self.run.id);
                runs.push(self.new_run(spec, name, Some(&id), *seed)?);
            }
        }
        let mut axes: Vec<Axis> = treatments
            .iter()
            .map(|treatment| Axis {
                field: format!("{FIELD}{}", treatment.id()),
                values: vec![1.into()],
            })
            .collect();
        if seeds.len() > 1 {
            axes.push(Axis {
                field: SEED_FIELD.to_owned(),
                values: seeds.into_iter().map(Into::into).collect(),
            });
        }
        Ok(NewGroup {
            name: format!("Remedies of run {}", self.run.id),
            axes,
            parent: Some(self.run.id),
            purpose: Some(PURPOSE.to_owned()),
            runs,
        })
    }

    /// The remedies that are named, or those that come first.
    fn chosen(&self, diagnosis: &Diagnosis, named: &[String]) -> Result<Vec<Treatment>, HttpError> {
        if named.len() > MOST_REMEDIES {
            return Err(field(
                "remedies",
                format!("at most {MOST_REMEDIES} at once"),
            ));
        }
        if named.is_empty() {
            let chosen = by_default(&self.proposals(diagnosis));
            if chosen.is_empty() {
                return Err(conflict(
                    "no cause of this run's gap is named that a run could be tried against: name remedies to try them all the \
                     same"
                        .to_owned(),
                ));
            }
            let treatments = chosen.into_iter().map(|proposal| proposal.treatment);
            return Ok(treatments.collect());
        }
        let case = self.case(&self.run.spec, diagnosis);
        let mut chosen: Vec<Treatment> = Vec::new();
        for id in named {
            let Some(treatment) = Treatment::named(id) else {
                return Err(field(
                    "remedies",
                    format!(
                        "no remedy is called '{id}': the diagnosis names those of each cause; up to three at once are joined by +"
                    ),
                ));
            };
            if treatment.is_for_people() {
                return Err(conflict(format!(
                    "{id} is nothing that a run can try: {}",
                    treatment.words()
                )));
            }
            if treatment.apply(&case).is_none() {
                return Err(conflict(format!(
                    "{id} changes nothing of this run, or cannot be done to its network and its images"
                )));
            }
            if !chosen.contains(&treatment) {
                chosen.push(treatment);
            }
        }
        Ok(chosen)
    }

    fn new_run(
        &self,
        mut spec: RunSpec,
        name: String,
        remedy: Option<&str>,
        seed: u64,
    ) -> Result<(Settings, NewRun), HttpError> {
        spec.name = name;
        spec.notes = String::new();
        spec.tags = Vec::new();
        // Which remedy is best must not depend on the test images.
        spec.test = TestFigures::Sealed;
        let facts = DataFacts::of(&*self.dataset.index.varied(&spec.variation)?);
        let mut settings = Settings::new();
        settings.insert(SEED_FIELD.to_owned(), seed.into());
        if let Some(id) = remedy {
            settings.insert(format!("{FIELD}{id}"), 1.into());
        }
        let new = NewRun {
            spec,
            dataset: self.run.dataset.clone(),
            facts: Some(facts),
            token_hash: None,
        };
        Ok((settings, new))
    }
}

/// Queues the runs that try remedies of a run.
pub async fn start_remedies(
    app: &App,
    id: RunId,
    wanted: WantedRemedies,
) -> Result<Group, HttpError> {
    let gathered = gather(app, id).await?;
    let Some(remedying) = Remedying::of(app, &gathered).await? else {
        return Err(conflict(format!(
            "run {id} has no remedies to try: it still goes on, was not trained here, or its images are gone"
        )));
    };
    let group = tokio::task::spawn_blocking(move || remedying.group(&gathered.diagnosis, &wanted))
        .await
        .map_err(HttpError::internal)??;
    Ok(app.store.create_group(group).await?)
}

/// Queues a run with the settings of a remedy that was tried: as many epochs, the same seed, and the run's own way with its test
/// figures. Without a name the one that helps most.
pub async fn apply_remedy(app: &App, id: RunId, named: Option<&str>) -> Result<Run, HttpError> {
    let Gathered {
        run,
        diagnosis,
        dataset,
        ..
    } = gather(app, id).await?;
    let mut tried = diagnosis.remedies_tried.into_iter();
    let record = match named {
        Some(named) => tried.find(|record| record.id == named),
        None => tried.find(|record| record.winner),
    };
    let record = record.ok_or_else(|| {
        conflict(match named {
            Some(named) => format!("{named} was not tried on run {id} yet: try it first"),
            None => format!("no remedy was seen to help run {id} yet: try some first"),
        })
    })?;
    let (Some(tried), Some(dataset), Some(treatment)) =
        (record.runs.first(), dataset, Treatment::named(&record.id))
    else {
        return Err(conflict(format!("the images of run {id} are gone")));
    };
    let mut spec = app.store.run(*tried).await?.spec;
    let of = match run.spec.name.as_str() {
        "" => format!("Run {id}"),
        name => name.to_owned(),
    };
    spec.name = format!("{of}, with {}", treatment.name());
    spec.name = spec.name.chars().take(MOST_NAME).collect();
    spec.notes = format!(
        "What was tried on run {id} and run {tried} showed. {}",
        record.result
    );
    spec.tags = run.spec.tags;
    spec.test = run.spec.test;
    spec.keep = run.spec.keep;
    let variation = spec.variation.clone();
    let counted = tokio::task::spawn_blocking(move || -> Result<DataFacts, HttpError> {
        Ok(DataFacts::of(&*dataset.index.varied(&variation)?))
    });
    let facts = counted.await.map_err(HttpError::internal)??;
    let new = NewRun {
        spec,
        dataset: run.dataset,
        facts: Some(facts),
        token_hash: None,
    };
    Ok(app.store.create_run(new).await?)
}

fn conflict(why: String) -> HttpError {
    HttpError::new(StatusCode::CONFLICT, why)
}

fn field(field: &str, message: String) -> HttpError {
    SpecError(vec![FieldError {
        field: field.to_owned(),
        message,
    }])
    .into()
}
