//! Listing, downloading and deleting checkpoints.

use super::history::attachment;
use crate::run::RunId;
use crate::store::Checkpoint;
use crate::web::error::Problem;
use crate::web::extract::{Id, Ids};
use crate::web::file::served;
use crate::web::{App, HttpError};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/checkpoints", get(list).delete(remove))
        .route("/runs/{id}/checkpoints/{name}", get(download))
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Checkpoints {
    checkpoints: Vec<Checkpoint>,
}

#[utoipa::path(get, path = "/api/v1/runs/{id}/checkpoints", tag = "results", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = Checkpoints), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<Checkpoints>, HttpError> {
    let checkpoints = app.store.checkpoints(id).await?;
    Ok(Json(Checkpoints { checkpoints }))
}

#[utoipa::path(get, path = "/api/v1/runs/{id}/checkpoints/{name}", tag = "results", params(("id" = i64, Path, description = "The run"), ("name" = String, Path, description = "best.safetensors, last.safetensors or last.state.safetensors")), responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn download(
    State(app): State<App>,
    Ids(id, name): Ids<RunId, String>,
    request: Request,
) -> Result<Response, HttpError> {
    app.store.run(id).await?;
    let path = app.store.checkpoint_path(id, &name)?;
    served(
        &path,
        "application/octet-stream",
        &attachment(id, &name),
        request,
    )
    .await?
    .ok_or_else(|| {
        HttpError::not_found(format!(
            "run {id} has no {name} yet: it comes with the first epoch"
        ))
    })
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Freed {
    freed_bytes: u64,
}

/// Deletes the checkpoints of a run that is over; its curves and results stay, but it cannot be resumed.
#[utoipa::path(delete, path = "/api/v1/runs/{id}/checkpoints", tag = "results", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = Freed), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<Freed>, HttpError> {
    let freed_bytes = app.store.delete_checkpoints(id).await?;
    Ok(Json(Freed { freed_bytes }))
}
