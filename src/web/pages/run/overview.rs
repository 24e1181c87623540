//! `/runs/{id}`: is it still going, how good is it, is there a gap, why, and what to do.

use super::super::answer::AnswerView;
use super::super::error::rendered;
use super::super::inspection::audit_link;
use super::super::runs::model_name;
use super::super::wording::{duration, island, moment, query};
use super::frame::{Frame, Section};
use super::history::RunData;
use super::numbers::{Number, numbers};
use crate::run::{RunId, RunStatus};
use crate::web::extract::Id;
use crate::web::gathered::{Gathered, gather};
use crate::web::{App, HttpError};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}", get(show))
        .route("/runs/{id}/parts", get(parts))
}

/// The page; its parts are the same page without the history.
#[derive(Template)]
#[template(path = "run/overview.html")]
struct OverviewPage {
    frame: Frame,
    numbers: Vec<Number>,
    answer: AnswerView,
    /// What the audit of its dataset found, once it is done.
    audit: Option<String>,
    data: String,
}

impl OverviewPage {
    async fn new(app: &App, gathered: Gathered, data: String) -> Result<OverviewPage, HttpError> {
        let answer = AnswerView::of(&gathered);
        let run = gathered.run;
        let dataset = match &run.dataset {
            // A dataset that was deleted has no audit any more.
            Some(id) => app.store.dataset(id).await.ok(),
            None => None,
        };
        Ok(OverviewPage {
            numbers: numbers(&run),
            answer,
            audit: dataset.as_ref().and_then(audit_link),
            frame: Frame::new(app, run, Section::Overview).await?,
            data,
        })
    }
}

async fn show(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let gathered = gather(&app, id).await?;
    let data = island(&RunData::new(&gathered.run, &gathered.epochs));
    Ok(rendered(&OverviewPage::new(&app, gathered, data).await?))
}

/// What changes while the run goes on: the page again, but its history, which grows with the run.
async fn parts(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let gathered = gather(&app, id).await?;
    let data = island(&RunData::new(&gathered.run, &[]));
    Ok(rendered(&OverviewPage::new(&app, gathered, data).await?))
}
