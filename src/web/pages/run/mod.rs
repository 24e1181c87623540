//! `/runs/{id}` and its sections: each page is complete by itself, and its parts come up to date while the run goes on.

mod epochs;
mod files;
mod frame;
mod history;
mod log;
mod numbers;
mod overview;
mod predictions;
mod why;

use super::App;
use axum::Router;

/// The overview, and each section below it.
pub fn router() -> Router<App> {
    Router::new()
        .merge(overview::router())
        .merge(why::router())
        .merge(predictions::router())
        .merge(epochs::router())
        .merge(files::router())
        .merge(log::router())
}
