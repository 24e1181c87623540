//! From what a user asks for to queued runs: the one way, for the form and for the API.

use super::{App, HttpError};
use crate::device::Devices;
use crate::model::{Plan, Sweep, plan_for, resolve, sweep};
use crate::run::sweep::{label, said};
use crate::run::{FieldError, RunSpec, SpecError};
use crate::store::{
    DataFacts, DatasetRow, DatasetState, Group, NewGroup, NewRun, Run, StoreError, token,
};
use crate::train::check_for;
use serde_json::Value;

/// Characters of a run's name, which its group's name and its own settings share.
pub(super) const MOST_NAME: usize = 200;

/// A run that was made.
pub struct Launched {
    pub run: Run,
    /// For an external run: what its producer must send as a bearer. It is shown this once.
    pub token: Option<String>,
}

/// What was made of a spec: one run, or a group of those that its lists stand for.
pub enum Made {
    Run(Box<Launched>),
    Group(Box<Group>),
}

/// Completes a partial spec, checks it against its dataset, and queues it, or the runs that its lists stand for.
pub async fn launch(app: &App, user: Value) -> Result<Made, HttpError> {
    let Sweep { axes, runs } = sweep(&user)?;
    if axes.is_empty() {
        let one = runs.into_iter().next().map_or(user, |(_, spec)| spec);
        return Ok(Made::Run(Box::new(launch_run(app, one).await?)));
    }
    let group = launch_group(app, Sweep { axes, runs }).await?;
    Ok(Made::Group(Box::new(group)))
}

/// Queues one run.
async fn launch_run(app: &App, user: Value) -> Result<Launched, HttpError> {
    let data = Data::of(app, &user).await?;
    let spec = data.spec(user)?;
    let token = spec.external.then(token::fresh);
    let new = data
        .run(app, spec, token.as_deref().map(token::hash))
        .await?;
    let run = app.store.create_run(new).await?;
    Ok(Launched { run, token })
}

/// Queues the runs of a sweep, all of them or none: each is named by what it has of the axes.
async fn launch_group(app: &App, sweep: Sweep) -> Result<Group, HttpError> {
    let Sweep { axes, runs } = sweep;
    let Some((_, first)) = runs.first() else {
        return Err(field("", "a sweep without runs"));
    };
    let data = Data::of(app, first).await?;
    let mut name = String::new();
    let mut made = Vec::new();
    for (settings, user) in runs {
        let mut spec = data.spec(user)?;
        if spec.external {
            return Err(field(
                "external",
                "a script reports one run: make its runs one by one",
            ));
        }
        name.clone_from(&spec.name);
        let said = said(&axes, &settings);
        spec.name = match spec.name.as_str() {
            "" => said,
            name => format!("{name}: {said}"),
        };
        spec.name = spec.name.chars().take(MOST_NAME).collect();
        made.push((settings, data.run(app, spec, None).await?));
    }
    if name.is_empty() {
        let labels: Vec<&str> = axes.iter().map(|axis| label(&axes, axis)).collect();
        name = format!("Sweep of {}", labels.join(" and "));
    }
    let new = NewGroup {
        name,
        axes,
        parent: None,
        purpose: None,
        runs: made,
    };
    Ok(app.store.create_group(new).await?)
}

/// The dataset that a spec names; none for a script's own run that names none.
struct Data {
    row: Option<DatasetRow>,
    facts: Option<DataFacts>,
    devices: Devices,
}

impl Data {
    async fn of(app: &App, user: &Value) -> Result<Data, HttpError> {
        if !user.is_object() {
            return Err(field("", "a spec is a table of settings"));
        }
        let external = user.get("external").and_then(Value::as_bool) == Some(true);
        let row = match user.get("dataset").and_then(Value::as_str) {
            Some(name) => match app.store.find_dataset(name).await {
                Ok(row) => Some(row),
                Err(StoreError::NotFound(message)) => return Err(field("dataset", message)),
                Err(error) => return Err(error.into()),
            },
            None if external => None,
            None => {
                return Err(field(
                    "dataset",
                    "name the dataset to train on, by its id or title",
                ));
            }
        };
        let facts = match &row {
            Some(row) => match (row.state, &row.facts) {
                (DatasetState::Ready, Some(facts)) => Some(facts.clone()),
                (DatasetState::Failed, _) => {
                    return Err(field(
                        "dataset",
                        format!("its import failed: {}", row.message),
                    ));
                }
                _ => {
                    return Err(field(
                        "dataset",
                        format!(
                            "'{}' is still being imported: wait until it is ready",
                            row.title
                        ),
                    ));
                }
            },
            None => None,
        };
        Ok(Data {
            row,
            facts,
            devices: app.devices.known().await,
        })
    }

    /// The complete spec of a run on these data, checked.
    fn spec(&self, user: Value) -> Result<RunSpec, HttpError> {
        let facts = self.facts.as_ref();
        let mut spec = resolve(user, facts.map(|facts| facts.common_size))?;
        spec.dataset = self.row.as_ref().map(|row| row.id.to_string());
        check_device(&spec, &self.devices)?;
        if let Some(facts) = facts {
            check_on(&spec, facts)?;
        }
        Ok(spec)
    }

    /// What a run with this spec remembers of its data: of the images as it sees them.
    async fn run(
        &self,
        app: &App,
        spec: RunSpec,
        token_hash: Option<[u8; 32]>,
    ) -> Result<NewRun, HttpError> {
        let dataset = self.row.as_ref().map(|row| row.id.clone());
        let facts = match &dataset {
            Some(id) if !spec.variation.is_none() => {
                let dataset = app.library.dataset(id).await?;
                Some(DataFacts::of(&*dataset.index.varied(&spec.variation)?))
            }
            _ => self.facts.clone(),
        };
        Ok(NewRun {
            spec,
            dataset,
            facts,
            token_hash,
        })
    }
}

/// Checks a spec against what is known of its images. A script's own run, and one whose variation draws the splits anew,
/// are checked by their layers alone.
pub fn check_on(spec: &RunSpec, facts: &DataFacts) -> Result<Plan, SpecError> {
    let classes = facts.classes.len();
    if spec.external || !spec.variation.is_none() {
        return plan_for(spec, classes);
    }
    check_for(spec, classes, &|split| facts.images(split) as usize)
}

/// Refuses a card that is not there; where a script trains its own run is not known here.
pub fn check_device(spec: &RunSpec, devices: &Devices) -> Result<(), SpecError> {
    if spec.external {
        return Ok(());
    }
    devices.check(spec.device)
}

fn field(field: &str, message: impl Into<String>) -> HttpError {
    SpecError(vec![FieldError {
        field: field.to_owned(),
        message: message.into(),
    }])
    .into()
}
