//! What an epoch has beside its figures: confusion matrices, per-image results, and the run's log.

use crate::run::{Confusion, ImageResults, RunId, Split};
use crate::store::LogLine;
use crate::web::error::Problem;
use crate::web::extract::{Id, Ids, Query};
use crate::web::{App, HttpError};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/epochs/{epoch}/confusion", get(confusion))
        .route("/runs/{id}/epochs/{epoch}/images", get(images))
        .route("/runs/{id}/log", get(log))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfSplit {
    #[serde(default = "validation")]
    split: Split,
}

fn validation() -> Split {
    Split::Val
}

#[utoipa::path(get, path = "/api/v1/runs/{id}/epochs/{epoch}/confusion", tag = "results", params(("id" = i64, Path, description = "The run"), ("epoch" = u32, Path, description = "From 1"), OfSplit), responses((status = 200, body = Confusion), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn confusion(
    State(app): State<App>,
    Ids(id, epoch): Ids<RunId, u32>,
    Query(OfSplit { split }): Query<OfSplit>,
) -> Result<Json<Confusion>, HttpError> {
    app.store.run(id).await?;
    let counts = app.store.confusion(id, epoch, split).await?;
    counts.map(Json).ok_or_else(|| missing(id, epoch, split))
}

#[utoipa::path(get, path = "/api/v1/runs/{id}/epochs/{epoch}/images", tag = "results", params(("id" = i64, Path, description = "The run"), ("epoch" = u32, Path, description = "From 1"), OfSplit), responses((status = 200, body = ImageResults), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn images(
    State(app): State<App>,
    Ids(id, epoch): Ids<RunId, u32>,
    Query(OfSplit { split }): Query<OfSplit>,
) -> Result<Json<ImageResults>, HttpError> {
    app.store.run(id).await?;
    let results = app.store.image_results(id, epoch, split).await?;
    results.map(Json).ok_or_else(|| missing(id, epoch, split))
}

fn missing(id: RunId, epoch: u32, split: Split) -> HttpError {
    HttpError::not_found(format!(
        "run {id} has no such results of epoch {epoch} for {} images",
        split.word()
    ))
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Log {
    lines: Vec<LogLine>,
}

#[utoipa::path(get, path = "/api/v1/runs/{id}/log", tag = "results", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = Log), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn log(State(app): State<App>, Id(id): Id<RunId>) -> Result<Json<Log>, HttpError> {
    app.store.run(id).await?;
    let lines = app.store.log_lines(id, 10_001).await?;
    Ok(Json(Log { lines }))
}
