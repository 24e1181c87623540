//! Cancelling, stopping, resuming, revealing and cloning runs.

use super::runs::CreatedOrGroup;
use super::{RunView, runs};
use crate::run::{RunId, RunSpec, merge};
use crate::train::Wish;
use crate::web::error::Problem;
use crate::web::extract::{Body, Id};
use crate::web::{App, HttpError, launch};
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/cancel", post(cancel))
        .route("/runs/{id}/stop", post(stop))
        .route("/runs/{id}/resume", post(resume))
        .route("/runs/{id}/reveal", post(reveal))
        .route("/runs/{id}/clone", post(clone))
}

#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = RunView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn cancel(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<RunView>, HttpError> {
    Ok(Json(app.store.wish(id, Wish::Cancel).await?.into()))
}

#[utoipa::path(post, path = "/api/v1/runs/{id}/stop", tag = "runs", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = RunView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stop(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<RunView>, HttpError> {
    Ok(Json(app.store.wish(id, Wish::Stop).await?.into()))
}

#[utoipa::path(post, path = "/api/v1/runs/{id}/resume", tag = "runs", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = RunView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn resume(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<RunView>, HttpError> {
    Ok(Json(app.store.resume(id).await?.into()))
}

/// Opens the test figures of a run that was launched sealed and is over; it counts as a look at its data's test images.
#[utoipa::path(post, path = "/api/v1/runs/{id}/reveal", tag = "runs", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = RunView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn reveal(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<RunView>, HttpError> {
    let view = RunView::from(app.store.reveal_test(id).await?);
    Ok(Json(view.with_test_looks(&app).await?))
}

/// A new run with the settings of an old one; a body changes some of them.
#[utoipa::path(post, path = "/api/v1/runs/{id}/clone", tag = "runs", params(("id" = i64, Path, description = "The run")), request_body(content = Option<RunSpec>, description = "Settings to change"), responses((status = 201, body = CreatedOrGroup), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn clone(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Body(over): Body<Option<Value>>,
) -> Result<Response, HttpError> {
    let spec = serde_json::to_value(app.store.run(id).await?.spec).map_err(HttpError::internal)?;
    let spec = merge(spec, over.unwrap_or_else(|| json!({})));
    Ok(runs::created(&app, launch(&app, spec).await?))
}
