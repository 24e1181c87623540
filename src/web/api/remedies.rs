//! Remedies of a run: trainings that show what helps.

use super::{GroupView, RunView};
use crate::run::RunId;
use crate::web::error::Problem;
use crate::web::extract::{Body, Id};
use crate::web::remedies::{AppliedRemedy, WantedRemedies, apply_remedy};
use crate::web::{App, HttpError, start_remedies};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/remedies", post(start))
        .route("/runs/{id}/remedies/apply", post(apply))
}

/// Tries remedies as ordinary runs, grouped under this one: each run's settings say which remedy it tries, with which seed.
/// Test figures are sealed. What came of them is `remedies_tried` in the run's diagnosis once all are over.
#[utoipa::path(post, path = "/api/v1/runs/{id}/remedies", tag = "results", params(("id" = i64, Path, description = "The run")), request_body(content = Option<WantedRemedies>), responses((status = 201, body = GroupView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn start(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Body(wanted): Body<Option<WantedRemedies>>,
) -> Result<(StatusCode, Json<GroupView>), HttpError> {
    let group = start_remedies(&app, id, wanted.unwrap_or_default()).await?;
    let group = GroupView::of(group, app.scheduler.parallel());
    Ok((StatusCode::CREATED, Json(group)))
}

/// Queues a run with the settings of a remedy that was tried on this one: as many epochs and the same seed; its test figures are
/// sealed or shown as this run's.
#[utoipa::path(post, path = "/api/v1/runs/{id}/remedies/apply", tag = "results", params(("id" = i64, Path, description = "The run")), request_body(content = Option<AppliedRemedy>), responses((status = 201, body = RunView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn apply(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Body(wanted): Body<Option<AppliedRemedy>>,
) -> Result<(StatusCode, Json<RunView>), HttpError> {
    let wanted = wanted.unwrap_or_default();
    let run = apply_remedy(&app, id, wanted.remedy.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(run.into())))
}
