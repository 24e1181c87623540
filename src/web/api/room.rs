//! Room: what the home folder holds, and which checkpoints may go.

use crate::store::{Holdings, Moment, OldRule, Room, RunRoom};
use crate::web::error::Problem;
use crate::web::extract::Query;
use crate::web::{App, HttpError};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub fn router() -> Router<App> {
    Router::new()
        .route("/room", get(show))
        .route("/room/old", get(old))
}

/// The disk and what of it the home folder has, in bytes.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct RoomView {
    free: u64,
    total: u64,
    /// Below it runs pause, and nothing more is taken.
    kept_free: u64,
    /// Below it pages warn.
    warned_below: u64,
    room: Room,
    /// All parts of the home folder together.
    home: u64,
    #[serde(flatten)]
    holdings: Holdings,
}

#[utoipa::path(get, path = "/api/v1/room", tag = "room", responses((status = 200, body = RoomView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(State(app): State<App>) -> Result<Json<RoomView>, HttpError> {
    let holdings = app.store.holdings().await?;
    let room = app.disk.look()?;
    Ok(Json(RoomView {
        free: app.disk.free_bytes(),
        total: app.disk.total_bytes(),
        kept_free: app.disk.kept_bytes(),
        warned_below: app.disk.warned_bytes(),
        room,
        home: holdings.bytes(),
        holdings,
    }))
}

/// The rules by which checkpoints are old; a run is chosen that any of them names.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// Of runs that ended more than so many days ago.
    older_days: Option<u32>,
    /// Of runs that are not among so many of their dataset with the best validation accuracy.
    beyond_best: Option<u32>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Old {
    runs: Vec<RunRoom>,
    /// Of their checkpoints.
    bytes: u64,
}

/// The runs whose checkpoints are old by the rules; nothing is deleted by it.
#[utoipa::path(get, path = "/api/v1/room/old", tag = "room", params(Rules), responses((status = 200, body = Old), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn old(
    State(app): State<App>,
    Query(rules): Query<Rules>,
) -> Result<Json<Old>, HttpError> {
    let rule = OldRule {
        older_days: rules.older_days,
        beyond_best: rules.beyond_best,
    };
    let runs = rule.chosen(&app.store.holdings().await?.runs, Moment::now());
    let bytes = runs.iter().map(|of| of.checkpoint_bytes).sum();
    Ok(Json(Old { runs, bytes }))
}
