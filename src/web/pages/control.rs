//! What the buttons of a run's page do.

use super::App;
use crate::run::RunId;
use crate::train::Wish;
use crate::web::HttpError;
use crate::web::extract::Id;
use axum::Router;
use axum::extract::State;
use axum::response::Redirect;
use axum::routing::post;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/cancel", post(cancel))
        .route("/runs/{id}/stop", post(stop))
        .route("/runs/{id}/resume", post(resume))
}

async fn cancel(State(app): State<App>, Id(id): Id<RunId>) -> Result<Redirect, HttpError> {
    app.store.wish(id, Wish::Cancel).await?;
    Ok(back_to(id))
}

async fn stop(State(app): State<App>, Id(id): Id<RunId>) -> Result<Redirect, HttpError> {
    app.store.wish(id, Wish::Stop).await?;
    Ok(back_to(id))
}

async fn resume(State(app): State<App>, Id(id): Id<RunId>) -> Result<Redirect, HttpError> {
    app.store.resume(id).await?;
    Ok(back_to(id))
}

/// The run's page.
pub fn back_to(id: RunId) -> Redirect {
    Redirect::to(&format!("/runs/{id}"))
}
