//! Probes of a run: trainings that tell its causes apart, as ordinary runs.

use super::GroupView;
use crate::diagnose::probes::{NextProbe, Probe};
use crate::run::{FieldError, RunId, SpecError};
use crate::store::{ChainEnd, ProbeChain};
use crate::web::error::Problem;
use crate::web::extract::{Body, Id};
use crate::web::gathered::gather;
use crate::web::probe_chain::{Started, start_chain, start_probe};
use crate::web::probes::Wanted;
use crate::web::{App, HttpError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/probes", get(show).post(start))
}

/// Which probe is wanted, or how many seconds a chain of them may take.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asking {
    /// The one that tells most for its seconds where none is named.
    #[schema(value_type = Option<String>, example = "pooled-resplit")]
    probe: Option<Probe>,
    /// Starts a chain: when one probe is over the next is chosen, until the answer is clear or the next would cost more than
    /// is left of these seconds, from 1 to 86,400. Cancelling a probe's group ends it.
    budget_s: Option<f64>,
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

/// What was asked of a run, and what can be.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ProbesView {
    /// Why no probe can be made, and what to do; null where some can.
    why_not: Option<String>,
    /// The probe that goes on.
    going: Option<GroupView>,
    /// The newest chain.
    chain: Option<ChainView>,
    /// The probes that can be made, with their questions and costs; none while one goes on. Which one tells most is the
    /// diagnosis' `next_probe`.
    #[schema(value_type = Vec<Object>)]
    open: Vec<NextProbe>,
}

/// A chain of probes.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ChainView {
    budget_s: f64,
    /// What its probes took so far.
    spent_s: f64,
    /// Why it ended; null while it goes on.
    end: Option<ChainEnd>,
}

impl From<ProbeChain> for ChainView {
    fn from(chain: ProbeChain) -> ChainView {
        ChainView {
            budget_s: chain.budget_s,
            spent_s: chain.spent_s,
            end: chain.end,
        }
    }
}

/// The probe that goes on, how the newest chain stands, and the probes that can be made; answers are in the run's diagnosis.
#[utoipa::path(get, path = "/api/v1/runs/{id}/probes", tag = "results", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = ProbesView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<ProbesView>, HttpError> {
    let parallel = app.scheduler.parallel();
    Ok(Json(match gather(&app, id).await?.asked {
        Ok(asked) => ProbesView {
            why_not: None,
            going: asked.going.map(|group| GroupView::of(group, parallel)),
            chain: asked.chain.map(ChainView::from),
            open: asked.open,
        },
        Err(why) => ProbesView {
            why_not: Some(why),
            going: None,
            chain: None,
            open: Vec::new(),
        },
    }))
}

/// Starts a probe as ordinary runs, grouped under this one; its answer is in the run's diagnosis once all are over. With
/// `budget_s` others follow it by themselves.
#[utoipa::path(post, path = "/api/v1/runs/{id}/probes", tag = "results", params(("id" = i64, Path, description = "The run")), request_body(content = Option<Asking>), responses((status = 201, body = ProbeView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn start(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Body(asking): Body<Option<Asking>>,
) -> Result<(StatusCode, Json<ProbeView>), HttpError> {
    let Asking { probe, budget_s } = asking.unwrap_or_default();
    let started = match (probe, budget_s) {
        (Some(_), Some(_)) => {
            return Err(SpecError(vec![FieldError {
                field: "budget_s".to_owned(),
                message: "a chain chooses its probes itself: name a probe, or give a budget"
                    .to_owned(),
            }])
            .into());
        }
        (None, Some(budget_s)) => start_chain(&app, id, budget_s, "budget_s").await?,
        (Some(probe), None) => start_probe(&app, id, Wanted::Named(probe)).await?,
        (None, None) => {
            let left_s = f64::INFINITY;
            start_probe(&app, id, Wanted::Best { left_s }).await?
        }
    };
    let Started { probe, group } = started;
    let group = GroupView::of(group, app.scheduler.parallel());
    Ok((StatusCode::CREATED, Json(ProbeView { probe, group })))
}
