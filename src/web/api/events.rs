//! The event streams.

use crate::run::{RunId, Seq};
use crate::web::extract::{Id, Query};
use crate::web::stream;
use crate::web::{App, HttpError};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::Stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/events", get(changes))
        .route("/runs/{id}/events", get(run_events))
}

#[derive(Deserialize)]
struct After {
    /// The last event that the page was rendered with.
    after: Option<u64>,
}

/// Every event of a run after `Last-Event-ID`, or after `?after=`, and then each as it happens.
async fn run_events(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Query(After { after }): Query<After>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let run = app.store.run(id).await?;
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    // A reconnecting browser repeats the address it began with: what it has seen since counts.
    let after = Seq(last.or(after).unwrap_or_default()).min(run.last_seq);
    if run.status.is_over() && after == run.last_seq {
        // Tells an EventSource not to come back.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(streamed(stream::run_events(&app, id, after)))
}

/// `changed` with the ids of runs that have changed since the last message.
async fn changes(State(app): State<App>) -> Response {
    streamed(stream::changes(&app))
}

fn streamed<S>(events: S) -> Response
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    // Proxies that buffer would hold an epoch back.
    let unbuffered = [("x-accel-buffering", "no"), ("cache-control", "no-store")];
    (unbuffered, Sse::new(events).keep_alive(keep_alive)).into_response()
}
