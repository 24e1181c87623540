//! From what a user asks for to a queued run: the one way, for the form and for the API.

use super::{App, HttpError};
use crate::model::{plan_for, resolve};
use crate::run::{FieldError, SpecError};
use crate::store::{DatasetState, NewRun, Run, StoreError, token};
use serde_json::Value;

/// A run that was made.
pub struct Launched {
    pub run: Run,
    /// For an external run: what its producer must send as a bearer. It is shown this once.
    pub token: Option<String>,
}

/// Completes a partial spec, checks it against its dataset, and queues it.
pub async fn launch(app: &App, user: Value) -> Result<Launched, HttpError> {
    if !user.is_object() {
        return Err(field("", "a spec is a table of settings"));
    }
    let external = user.get("external").and_then(Value::as_bool) == Some(true);
    let dataset = match user.get("dataset").and_then(Value::as_str) {
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
    let facts = match &dataset {
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
    let mut spec = resolve(user, facts.as_ref().map(|facts| facts.common_size))?;
    spec.dataset = dataset.as_ref().map(|row| row.id.to_string());
    if let Some(facts) = &facts {
        plan_for(&spec, facts.classes.len())?;
    }
    let token = external.then(token::fresh);
    let run = app
        .store
        .create_run(NewRun {
            spec,
            dataset: dataset.map(|row| row.id),
            facts,
            token_hash: token.as_deref().map(token::hash),
        })
        .await?;
    Ok(Launched { run, token })
}

fn field(field: &str, message: impl Into<String>) -> HttpError {
    SpecError(vec![FieldError {
        field: field.to_owned(),
        message: message.into(),
    }])
    .into()
}
