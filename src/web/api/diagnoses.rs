//! The diagnosis of a history that something else wrote; nothing of it is kept.

use crate::web::error::Problem;
use crate::web::history_upload::HistoryUpload;
use crate::web::{App, HttpError};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};

pub fn router() -> Router<App> {
    Router::new().route(
        "/diagnoses",
        post(diagnose).layer(DefaultBodyLimit::disable()),
    )
}

/// Verdict, gates and findings of a history, and how it was read. The files are gone with the answer.
#[utoipa::path(post, path = "/api/v1/diagnoses", tag = "diagnoses", request_body(content_type = "multipart/form-data", content = Object, description = "`history`: Keras' or Lightning's CSV, a CSV with columns such as epoch, train_loss, val_acc, or JSON, at most 64 MiB; or the same as text in `pasted`. `predictions`: a CSV with columns label, prediction and, where there are, split, id and probabilities, at most 256 MiB. `n_train`, `n_val`, `n_test`: images behind the accuracies; `classes`: how many there are"), responses((status = 200, body = serde_json::Value), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn diagnose(
    State(app): State<App>,
    request: Request,
) -> Result<Response, HttpError> {
    let judged = HistoryUpload::receive(&app, request).await?.judge().await?;
    Ok(Json(judged.report).into_response())
}
