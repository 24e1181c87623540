//! `/runs/{id}/log`: what a run's worker, or its script, had to say.

use super::super::error::rendered;
use super::super::wording::{counted, duration, island, moment};
use super::frame::{Frame, Section};
use super::history::RunData;
use crate::run::{RunId, RunStatus};
use crate::store::LogLine;
use crate::web::extract::Id;
use crate::web::{App, HttpError};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

/// The newest lines that the page shows.
const LINES: usize = 500;

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/log", get(show))
}

#[derive(Template)]
#[template(path = "run/log.html")]
struct LogPage {
    frame: Frame,
    lines: Vec<LogLine>,
    data: String,
}

async fn show(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let run = app.store.run(id).await?;
    Ok(rendered(&LogPage {
        lines: app.store.log_lines(id, LINES).await?,
        data: island(&RunData::new(&run, &[])),
        frame: Frame::new(&app, run, Section::Log).await?,
    }))
}
