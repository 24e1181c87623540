//! `/runs/{id}/epochs`: every epoch's figures as a table in pages, the newest first.

use super::super::error::rendered;
use super::super::wording::{duration, island, loss, percent, points, setting};
use super::frame::{Frame, Section};
use super::history::RunData;
use crate::diagnose::share;
use crate::run::{EpochRecord, RunId, RunStatus, Split};
use crate::web::extract::{Id, Query};
use crate::web::{App, HttpError};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

/// Rows on one page.
const ROWS: usize = 50;

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/epochs", get(show))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EpochsQuery {
    /// From 1; page 1 has the newest epochs.
    page: String,
}

#[derive(Template)]
#[template(path = "run/epochs.html")]
struct EpochsPage {
    frame: Frame,
    rows: Vec<EpochRecord>,
    page: usize,
    pages: usize,
    data: String,
}

impl EpochsPage {
    fn is_best(&self, epoch: &EpochRecord) -> bool {
        let best = self.frame.run.best.as_ref();
        best.is_some_and(|best| best.epoch == epoch.epoch)
    }
}

async fn show(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Query(asked): Query<EpochsQuery>,
) -> Result<Response, HttpError> {
    let (run, epochs) = app.store.run_with_epochs(id).await?;
    let pages = epochs.len().div_ceil(ROWS).max(1);
    let page = asked.page.parse().unwrap_or(1).clamp(1, pages);
    let rows = epochs.iter().rev().skip((page - 1) * ROWS).take(ROWS);
    Ok(rendered(&EpochsPage {
        rows: rows.cloned().collect(),
        page,
        pages,
        data: island(&RunData::new(&run, &[])),
        frame: Frame::new(&app, run, Section::Epochs).await?,
    }))
}
