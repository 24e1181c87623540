//! A run's history and diagnosis as documents.

use crate::run::{EpochRecord, Examination, History, RunFacts, RunId, history_csv};
use crate::store::Run;
use crate::web::error::Problem;
use crate::web::extract::Id;
use crate::web::gathered::gather;
use crate::web::{App, HttpError};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/history.csv", get(csv))
        .route("/runs/{id}/history.json", get(json))
        .route("/runs/{id}/diagnosis", get(diagnosis))
        .route("/runs/{id}/examination", get(examination))
}

/// A run and its epochs as `history.json` holds them.
pub(super) fn history(run: Run, epochs: Vec<EpochRecord>) -> History {
    let facts = run.facts;
    let machine = run.machine;
    History {
        run: RunFacts {
            id: Some(run.id),
            name: run.name,
            status: run.status,
            spec: run.spec,
            best: run.best,
            dataset_fingerprint: facts
                .as_ref()
                .map_or_else(String::new, |facts| facts.fingerprint.clone()),
            classes: facts.map_or_else(Vec::new, |facts| facts.classes),
            version: machine
                .as_ref()
                .map_or_else(String::new, |machine| machine.version.clone()),
            threads: machine.as_ref().map_or(0, |machine| machine.threads),
            instruction_set: machine.map_or_else(String::new, |machine| machine.instruction_set),
        },
        epochs,
    }
}

/// The name under which a browser saves a run's file.
pub(super) fn attachment(id: RunId, name: &str) -> String {
    format!("attachment; filename=\"run-{id}-{name}\"")
}

#[utoipa::path(get, path = "/api/v1/runs/{id}/history.csv", tag = "results", params(("id" = i64, Path, description = "The run")), responses((status = 200, content_type = "text/csv", body = String), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn csv(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    app.store.run(id).await?;
    let csv = history_csv(&app.store.epochs(id).await?);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, attachment(id, "history.csv")),
    ];
    Ok((headers, csv).into_response())
}

#[utoipa::path(get, path = "/api/v1/runs/{id}/history.json", tag = "results", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = History), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn json(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let (run, epochs) = app.store.run_with_epochs(id).await?;
    let headers = [(header::CONTENT_DISPOSITION, attachment(id, "history.json"))];
    Ok((headers, Json(history(run, epochs))).into_response())
}

/// Verdict, gates, and the causes and findings of every look at the run: its figures, its dataset's audit and simple models where
/// they were made, its layers.
#[utoipa::path(get, path = "/api/v1/runs/{id}/diagnosis", tag = "results", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = serde_json::Value), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn diagnosis(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Response, HttpError> {
    Ok(Json(gather(&app, id).await?.diagnosis).into_response())
}

/// What forward passes with the run's weights showed: batch norm, scoring twice, the numbers that enter the network, its reach.
#[utoipa::path(get, path = "/api/v1/runs/{id}/examination", tag = "results", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = Examination), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn examination(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<Examination>, HttpError> {
    let found = app.store.examination(id).await?;
    found.map(Json).ok_or_else(|| {
        HttpError::not_found(format!(
            "run {id} has no examination: it is made when a run ends with its weights"
        ))
    })
}
