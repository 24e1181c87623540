//! Runs: making, listing, changing, deleting.

use super::RunView;
use crate::run::{FieldError, RunId, RunSpec, RunStatus, SpecError};
use crate::store::{Diagnosed, RunFilter, RunPatch, RunSort};
use crate::web::error::Problem;
use crate::web::extract::{Body, Id, Query};
use crate::web::{App, HttpError, Launched, launch};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs", get(list).post(create))
        .route("/runs/{id}", get(show).patch(change).delete(remove))
}

/// A run that was made, with its producer's token where it is an external one.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Created {
    #[serde(flatten)]
    run: RunView,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// The answer to a call that made a run.
pub(super) fn created(launched: Launched) -> Response {
    let location = format!("/api/v1/runs/{}", launched.run.id);
    let body = Created {
        run: launched.run.into(),
        token: launched.token,
    };
    (
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(body),
    )
        .into_response()
}

#[utoipa::path(post, path = "/api/v1/runs", tag = "runs", request_body(content = RunSpec, description = "What is left out comes from the preset and the dataset"), responses((status = 201, body = Created), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(app): State<App>,
    Body(spec): Body<Value>,
) -> Result<Response, HttpError> {
    Ok(created(launch(&app, spec).await?))
}

/// What a list of runs is asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    status: Option<RunStatus>,
    /// A dataset's id.
    dataset: Option<String>,
    tag: Option<String>,
    /// Words in the name or the notes.
    text: Option<String>,
    #[serde(default)]
    sort: RunSort,
    #[serde(default)]
    order: Order,
    /// At most 500.
    limit: Option<usize>,
    /// The page after this run.
    after: Option<i64>,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    Asc,
    /// The largest and newest first.
    #[default]
    Desc,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct RunPage {
    runs: Vec<RunView>,
    /// Pass it as `after` for the next page; null on the last.
    next: Option<RunId>,
}

#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(ListQuery), responses((status = 200, body = RunPage), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Json<RunPage>, HttpError> {
    let limit = query.limit.unwrap_or(100).clamp(1, RunFilter::MAX);
    let runs = app
        .store
        .runs(RunFilter {
            status: query.status,
            dataset: query.dataset,
            tag: query.tag,
            text: query.text,
            sort: query.sort,
            ascending: query.order == Order::Asc,
            after: query.after.map(RunId),
            limit,
        })
        .await?;
    let next = (runs.len() == limit)
        .then(|| runs.last().map(|run| run.id))
        .flatten();
    let runs = runs.into_iter().map(RunView::from).collect();
    Ok(Json(RunPage { runs, next }))
}

#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = RunView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<RunView>, HttpError> {
    let Diagnosed { run, diagnosis, .. } = app.store.diagnosed(id).await?;
    let mut view = RunView::from(run);
    view.verdict = Some(diagnosis.verdict.name().to_owned());
    Ok(Json(view))
}

/// What of a run may be changed; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    name: Option<String>,
    notes: Option<String>,
    tags: Option<Vec<String>>,
}

#[utoipa::path(patch, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = i64, Path, description = "The run")), request_body = Change, responses((status = 200, body = RunView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Body(change): Body<Change>,
) -> Result<Json<RunView>, HttpError> {
    let mut spec = app.store.run(id).await?.spec;
    spec.name = change.name.clone().unwrap_or(spec.name);
    spec.notes = change.notes.clone().unwrap_or(spec.notes);
    spec.tags = change.tags.clone().unwrap_or(spec.tags);
    let errors: Vec<FieldError> = spec.check();
    if !errors.is_empty() {
        return Err(SpecError(errors).into());
    }
    let patch = RunPatch {
        name: change.name,
        notes: change.notes,
        tags: change.tags,
    };
    Ok(Json(app.store.patch_run(id, patch).await?.into()))
}

#[utoipa::path(delete, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = i64, Path, description = "The run")), responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<StatusCode, HttpError> {
    app.store.delete_run(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
