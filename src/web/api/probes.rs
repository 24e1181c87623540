//! Probes of a run: trainings that tell the causes of its gap apart.

use super::GroupView;
use crate::diagnose::probes::{NextProbe, Probe};
use crate::run::RunId;
use crate::web::error::Problem;
use crate::web::extract::{Body, Id};
use crate::web::gathered::start_probe;
use crate::web::probes::Started;
use crate::web::{App, HttpError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/probes", post(start))
}

/// Which probe is wanted.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// The one that tells most for its seconds where none is named.
    #[schema(value_type = Option<String>, example = "pooled-resplit")]
    probe: Option<Probe>,
}

/// A probe that was started.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ProbeView {
    /// Its question, the causes that it would tell apart, and what it costs.
    #[schema(value_type = Object)]
    probe: NextProbe,
    /// Its runs, queued under the run that they look into.
    group: GroupView,
}

/// Starts a probe as ordinary runs, grouped under this one; its answer is in the run's diagnosis once all are over.
#[utoipa::path(post, path = "/api/v1/runs/{id}/probes", tag = "results", params(("id" = i64, Path, description = "The run")), request_body(content = Option<Wanted>), responses((status = 201, body = ProbeView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn start(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Body(wanted): Body<Option<Wanted>>,
) -> Result<(StatusCode, Json<ProbeView>), HttpError> {
    let named = wanted.and_then(|wanted| wanted.probe);
    let Started { probe, group } = start_probe(&app, id, named).await?;
    let group = GroupView::of(group, app.scheduler.parallel());
    Ok((StatusCode::CREATED, Json(ProbeView { probe, group })))
}
