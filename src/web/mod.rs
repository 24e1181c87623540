//! Routes, pages, JSON API, server-sent events, downloads, assets.

mod api;
mod pages;

use crate::scheduler::Scheduler;
use crate::store::{Home, Store};
use axum::Router;
use tokio::sync::watch;

/// What every handler may use. Copies share it.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub scheduler: Scheduler,
    pub home: Home,
    /// True once the server is ending: open streams end, workers are asked to pause.
    pub shutdown: watch::Receiver<bool>,
}

/// All routes.
pub fn router(app: App) -> Router {
    Router::new()
        .nest("/api/v1", api::router())
        .merge(pages::router())
        .with_state(app)
}
