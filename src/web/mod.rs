//! Routes, pages, JSON API, server-sent events, downloads, assets.

mod access;
mod api;
mod classifiers;
mod connections;
mod drain;
mod error;
mod extract;
mod file;
mod gathered;
mod guard;
mod history_upload;
mod launch;
mod login;
mod metrics;
mod notice;
mod pages;
mod probe_chain;
mod probes;
mod rate_test;
mod remedies;
mod server;
mod stream;

pub use access::Access;
pub use classifiers::Classifiers;
pub use error::HttpError;
pub use launch::{Launched, Made, check_device, check_on, launch};
pub use notice::notice;
pub use rate_test::ask_rate_test;
pub use remedies::start_remedies;
pub use server::{ServeError, Settings, serve};

use crate::engine::DeviceList;
use crate::inspector::Inspector;
use crate::scheduler::Scheduler;
use crate::store::{Disk, Home, Library, Store};
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;

/// How long a request's body may pause.
const BODY_PAUSE: Duration = Duration::from_secs(60);

/// What every handler may use. Copies share it.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub scheduler: Scheduler,
    pub library: Library,
    pub inspector: Inspector,
    pub classifiers: Classifiers,
    pub devices: DeviceList,
    pub home: Home,
    pub disk: Disk,
    pub access: Access,
    pub started: Instant,
    /// True once the server is ending: open streams end, workers are asked to pause.
    pub shutdown: watch::Receiver<bool>,
}

/// All routes, behind their guards.
pub fn router(app: App) -> Router {
    let closed = Router::new()
        .nest("/api/v1", api::router())
        .merge(metrics::router())
        .merge(api::documentation())
        .merge(pages::router())
        .layer(from_fn_with_state(app.clone(), login::required));
    let open = Router::new()
        .nest("/api/v1", api::producer_router())
        .merge(api::health())
        .merge(pages::assets())
        .merge(login::router());
    // What is compressed has no length to show progress by, and checkpoints and archives do not get smaller.
    let compressible = DefaultPredicate::new()
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("application/zip"))
        .and(NotForContentType::const_new("application/x-tar"));
    closed
        .merge(open)
        .fallback(error::no_such_page)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(CompressionLayer::new().compress_when(compressible))
        .layer(guard::cross_site())
        .layer(from_fn_with_state(app.clone(), guard::host))
        .layer(from_fn(drain::rest))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE))
        .layer(from_fn(guard::headers))
        .layer(from_fn(error::as_page))
        .layer(from_fn_with_state(app.clone(), notice::known))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(TraceLayer::new_for_http())
        .with_state(app)
}
