//! What an epoch has beside its figures: confusion matrices, per-image results, and the run's log.

use crate::run::{Confusion, ImageResults, RunId, Split};
use crate::store::LogLine;
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

#[derive(Deserialize)]
struct OfSplit {
    #[serde(default = "validation")]
    split: Split,
}

fn validation() -> Split {
    Split::Val
}

async fn confusion(
    State(app): State<App>,
    Ids(id, epoch): Ids<RunId, u32>,
    Query(OfSplit { split }): Query<OfSplit>,
) -> Result<Json<Confusion>, HttpError> {
    app.store.run(id).await?;
    let counts = app.store.confusion(id, epoch, split).await?;
    counts.map(Json).ok_or_else(|| missing(id, epoch, split))
}

async fn images(
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

#[derive(Serialize)]
struct Log {
    lines: Vec<LogLine>,
}

async fn log(State(app): State<App>, Id(id): Id<RunId>) -> Result<Json<Log>, HttpError> {
    app.store.run(id).await?;
    let lines = app.store.log_lines(id, 10_001).await?;
    Ok(Json(Log { lines }))
}
