//! Listing and downloading checkpoints.

use super::history::attachment;
use crate::run::RunId;
use crate::store::Checkpoint;
use crate::web::extract::{Id, Ids};
use crate::web::{App, HttpError};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tower::ServiceExt;
use tower_http::services::ServeFile;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/checkpoints", get(list))
        .route("/runs/{id}/checkpoints/{name}", get(download))
}

#[derive(Serialize)]
struct Checkpoints {
    checkpoints: Vec<Checkpoint>,
}

async fn list(State(app): State<App>, Id(id): Id<RunId>) -> Result<Json<Checkpoints>, HttpError> {
    let checkpoints = app.store.checkpoints(id).await?;
    Ok(Json(Checkpoints { checkpoints }))
}

async fn download(
    State(app): State<App>,
    Ids(id, name): Ids<RunId, String>,
    request: Request,
) -> Result<Response, HttpError> {
    app.store.run(id).await?;
    let path = app.store.checkpoint_path(id, &name)?;
    let served = ServeFile::new(path).oneshot(request).await;
    let mut response = match served {
        Ok(response) if response.status() == StatusCode::NOT_FOUND => {
            return Err(HttpError::not_found(format!(
                "run {id} has no {name} yet: it comes with the first epoch"
            )));
        }
        Ok(response) => response.map(Body::new).into_response(),
        Err(never) => match never {},
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    if let Ok(saved_as) = HeaderValue::from_str(&attachment(id, &name)) {
        headers.insert(header::CONTENT_DISPOSITION, saved_as);
    }
    Ok(response)
}
