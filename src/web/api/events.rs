//! The event streams.

use crate::run::{RunId, Seq};
use crate::web::error::Problem;
use crate::web::extract::{Id, Query};
use crate::web::stream;
use crate::web::{App, HttpError};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream::once};
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/events", get(changes))
        .route("/runs/{id}/events", get(run_events))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// The last event that the page was rendered with.
    after: Option<u64>,
}

/// Every event of a run after `Last-Event-ID`, or after `?after=`, and then each as it happens.
#[utoipa::path(get, path = "/api/v1/runs/{id}/events", tag = "events", params(("id" = i64, Path, description = "The run"), After), responses((status = 200, content_type = "text/event-stream", body = String), (status = 204, description = "The run is over and nothing is left to tell"), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn run_events(
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
#[utoipa::path(get, path = "/api/v1/runs/events", tag = "events", responses((status = 200, content_type = "text/event-stream", body = String), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn changes(State(app): State<App>) -> Response {
    streamed(stream::changes(&app))
}

/// Until a browser that lost its stream asks for it again: what it missed is drawn within a second.
const AGAIN: Duration = Duration::from_millis(250);

/// Events as they come, kept alive, past proxies that buffer.
pub(in crate::web) fn streamed<S>(events: S) -> Response
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    // Proxies that buffer would hold an epoch back.
    let unbuffered = [("x-accel-buffering", "no"), ("cache-control", "no-store")];
    let again = once(async { Ok(Event::default().retry(AGAIN)) });
    (
        unbuffered,
        Sse::new(again.chain(events)).keep_alive(keep_alive),
    )
        .into_response()
}
