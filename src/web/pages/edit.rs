//! `/runs/{id}/edit`: name, notes and tags of a run.

use super::App;
use super::control::back_to;
use super::error::rendered;
use crate::run::{FieldError, RunId, RunSpec};
use crate::store::RunPatch;
use crate::web::HttpError;
use crate::web::extract::Id;
use askama::Template;
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/edit", get(show).post(save))
}

#[derive(Deserialize)]
struct Words {
    name: String,
    notes: String,
    tags: String,
}

#[derive(Template)]
#[template(path = "edit.html")]
struct EditPage {
    id: RunId,
    words: Words,
    errors: Vec<FieldError>,
}

impl EditPage {
    fn error(&self, field: &str) -> String {
        let said = self.errors.iter().filter(|e| e.field == field);
        said.map(|e| e.message.as_str())
            .collect::<Vec<_>>()
            .join("; ")
    }
}

async fn show(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let run = app.store.run(id).await?;
    Ok(rendered(&EditPage {
        id,
        words: Words {
            name: run.name,
            notes: run.notes,
            tags: run.tags.join(", "),
        },
        errors: Vec::new(),
    }))
}

async fn save(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Form(words): Form<Words>,
) -> Result<Response, HttpError> {
    let tags: Vec<String> = words
        .tags
        .split(',')
        .map(|tag| tag.trim().to_owned())
        .filter(|tag| !tag.is_empty())
        .collect();
    let checked = RunSpec {
        name: words.name.trim().to_owned(),
        notes: words.notes.trim().to_owned(),
        tags,
        ..RunSpec::default()
    };
    let errors = checked.check();
    if !errors.is_empty() {
        let page = EditPage { id, words, errors };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, rendered(&page)).into_response());
    }
    let patch = RunPatch {
        name: Some(checked.name),
        notes: Some(checked.notes),
        tags: Some(checked.tags),
    };
    app.store.patch_run(id, patch).await?;
    Ok(back_to(id).into_response())
}
