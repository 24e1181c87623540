//! For those who watch over the server: is it there, and how is it.

use crate::web::{App, HttpError};
use axum::Router;
use axum::extract::State;
use axum::routing::get;

/// Open to everybody: it tells nothing but that the server answers.
pub fn router() -> Router<App> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/api/v1/healthz", get(healthz))
}

#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn healthz(State(app): State<App>) -> Result<&'static str, HttpError> {
    app.store.run_counts().await?;
    Ok("ok\n")
}
