//! The calls of those who train: workers, and people's own scripts.

use super::receive::receive;
use crate::run::{Attempt, ProducerEvent, RunId};
use crate::store::{Reported, Room, StoreError, token};
use crate::train::Wish;
use crate::web::access::bearer;
use crate::web::error::Problem;
use crate::web::extract::{Body, Ids, Query};
use crate::web::{App, HttpError};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{post, put};
use axum::{Json, Router};
use serde::Deserialize;
use std::time::Duration;

/// Per-image results of a large split are a few megabytes an epoch.
const MOST_REPORT_BYTES: usize = 64 << 20;
const MOST_CHECKPOINT_BYTES: u64 = 4 << 30;
/// The longest that a heartbeat is kept open.
const MOST_WAIT_S: u32 = 30;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/events", post(report))
        .route("/runs/{id}/heartbeat", post(heartbeat))
        .layer(DefaultBodyLimit::max(MOST_REPORT_BYTES))
        .route(
            "/runs/{id}/checkpoints/{name}",
            put(checkpoint).layer(DefaultBodyLimit::disable()),
        )
}

/// A request that carries the token of the run in its path.
pub(super) struct Producer(RunId);

impl FromRequestParts<App> for Producer {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let Path(path) = Path::<Vec<String>>::from_request_parts(parts, app)
            .await
            .map_err(|rejection| HttpError::not_found(rejection.body_text()))?;
        let run = path
            .first()
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| HttpError::not_found("a run's id is a whole number from 1"))?;
        let expected = app.store.token_hash(run).await?;
        let given = bearer(&parts.headers).ok_or_else(|| {
            HttpError::new(
                StatusCode::UNAUTHORIZED,
                format!("send 'Authorization: Bearer' and the token of run {run}"),
            )
        })?;
        match expected {
            Some(hash) if token::matches(given, &hash) => Ok(Producer(run)),
            _ => Err(HttpError::new(
                StatusCode::FORBIDDEN,
                format!("that is not the token of run {run}: a newer attempt has another"),
            )),
        }
    }
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    attempt: Attempt,
    events: Vec<ProducerEvent>,
}

#[utoipa::path(post, path = "/api/v1/runs/{id}/events", tag = "producers", params(("id" = i64, Path, description = "The run")), request_body = Report, responses((status = 200, body = Reported), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn report(
    State(app): State<App>,
    Producer(run): Producer,
    Body(report): Body<Report>,
) -> Result<Json<Reported>, HttpError> {
    let reported = app.store.report(run, report.attempt, report.events).await?;
    app.scheduler.heard(run);
    Ok(Json(app.as_wished(reported)))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Heartbeat {
    attempt: Attempt,
    /// What the producer was last told: the answer waits for something else.
    #[serde(default = "nothing_wished")]
    wish: Wish,
    /// How long the answer may wait; 0 answers at once.
    #[serde(default)]
    wait_s: u32,
}

fn nothing_wished() -> Wish {
    Wish::Continue
}

/// Says that the producer is there, and hears what is wanted of it: at once where that is new to it, else when it
/// changes or the wait is over.
#[utoipa::path(post, path = "/api/v1/runs/{id}/heartbeat", tag = "producers", params(("id" = i64, Path, description = "The run")), request_body = Heartbeat, responses((status = 200, body = Reported), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn heartbeat(
    State(app): State<App>,
    Producer(run): Producer,
    Body(beat): Body<Heartbeat>,
) -> Result<Json<Reported>, HttpError> {
    app.scheduler.heard(run);
    let mut told = app.store.feed().watch(run);
    let mut shutdown = app.shutdown.clone();
    let wait = tokio::time::sleep(Duration::from_secs(beat.wait_s.min(MOST_WAIT_S).into()));
    tokio::pin!(wait);
    loop {
        let current = app.as_wished(app.store.current_wish(run, beat.attempt).await?);
        if current.wish != beat.wish {
            return Ok(Json(current));
        }
        tokio::select! {
            () = &mut wait => return Ok(Json(current)),
            _ = shutdown.wait_for(|ending| *ending) => return Ok(Json(app.as_wished(current))),
            // A message that was missed may have been the one that counts: look again.
            _ = told.recv() => {}
        }
    }
}

impl App {
    /// While the server ends, or the disk is full, workers are to pause.
    fn as_wished(&self, mut reported: Reported) -> Reported {
        let ending = *self.shutdown.borrow() || self.disk.room() == Room::Full;
        if ending && reported.wish == Wish::Continue {
            reported.wish = Wish::Pause;
        }
        reported
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfAttempt {
    attempt: Attempt,
}

/// Takes a complete checkpoint file.
#[utoipa::path(put, path = "/api/v1/runs/{id}/checkpoints/{name}", tag = "producers", params(("id" = i64, Path, description = "The run"), ("name" = String, Path, description = "best.safetensors, last.safetensors or last.state.safetensors"), OfAttempt), request_body(content_type = "application/octet-stream", content = Vec<u8>), responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn checkpoint(
    State(app): State<App>,
    Producer(run): Producer,
    Ids(_, name): Ids<RunId, String>,
    Query(OfAttempt { attempt }): Query<OfAttempt>,
    request: Request,
) -> Result<StatusCode, HttpError> {
    let path = app.store.checkpoint_path(run, &name)?;
    app.store.report(run, attempt, Vec::new()).await?;
    let folder = app.home.run(run);
    let failed = |source| StoreError::Io {
        what: format!("writing to {}", folder.display()),
        source,
    };
    tokio::fs::create_dir_all(&folder).await.map_err(failed)?;
    let body = request.into_body().into_data_stream();
    let received = receive(body, &app, MOST_CHECKPOINT_BYTES).await?;
    // A newer attempt may have begun while this one was sending.
    app.store.report(run, attempt, Vec::new()).await?;
    received
        .persist(&path)
        .map_err(|error| failed(error.error))?;
    let parent = tokio::fs::File::open(&folder).await.map_err(failed)?;
    parent.sync_all().await.map_err(failed)?;
    Ok(StatusCode::NO_CONTENT)
}
