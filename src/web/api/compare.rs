//! Several runs' histories side by side.

use super::history::history;
use crate::run::{History, RunId};
use crate::web::error::Problem;
use crate::web::extract::Query;
use crate::web::{App, HttpError};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

/// More would be neither read nor drawn.
const MOST_RUNS: usize = 20;

pub fn router() -> Router<App> {
    Router::new().route("/compare", get(compare))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Ids with commas between them.
    runs: String,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Comparison {
    runs: Vec<History>,
}

#[utoipa::path(get, path = "/api/v1/compare", tag = "results", params(Which), responses((status = 200, body = Comparison), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn compare(
    State(app): State<App>,
    Query(Which { runs }): Query<Which>,
) -> Result<Json<Comparison>, HttpError> {
    let ids: Vec<RunId> = runs
        .split(',')
        .map(|id| id.trim().parse())
        .collect::<Result<_, String>>()
        .map_err(|error| HttpError::bad_request(format!("runs: {error}")))?;
    if ids.len() > MOST_RUNS {
        return Err(HttpError::bad_request(format!(
            "runs: at most {MOST_RUNS} at once"
        )));
    }
    let mut runs = Vec::new();
    for id in ids {
        let (run, epochs) = app.store.run_with_epochs(id).await?;
        runs.push(history(run, epochs));
    }
    Ok(Json(Comparison { runs }))
}
