//! What runs can be trained on here.

use crate::device::Devices;
use crate::web::App;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

pub fn router() -> Router<App> {
    Router::new().route("/devices", get(list))
}

/// The processor, and the cards with their free memory of the last ten seconds.
#[utoipa::path(get, path = "/api/v1/devices", tag = "server", responses((status = 200, body = Devices)))]
pub(super) async fn list(State(app): State<App>) -> Json<Devices> {
    Json(app.devices.now().await)
}
