//! `/events`: the one stream by which an open page hears that something on it is no longer true.

use super::App;
use crate::web::api::streamed;
use crate::web::stream::page_events;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

pub fn router() -> Router<App> {
    Router::new().route("/events", get(events))
}

async fn events(State(app): State<App>) -> Response {
    streamed(page_events(&app))
}
