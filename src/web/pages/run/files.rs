//! `/runs/{id}/settings`: what a run was asked to do, and everything that can be downloaded of it.

use super::super::error::rendered;
use super::super::finding::{FindingView, no_pictures};
use super::super::settings::settings;
use super::super::wording::{bytes, counted, duration, island};
use super::frame::{Frame, Section};
use super::history::RunData;
use crate::run::{RunId, RunStatus};
use crate::store::Checkpoint;
use crate::web::extract::Id;
use crate::web::{App, HttpError};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/settings", get(show))
}

#[derive(Template)]
#[template(path = "run/settings.html")]
struct SettingsPage {
    frame: Frame,
    settings: Vec<(&'static str, String)>,
    /// What the network's layers show before any training.
    layers: Vec<FindingView>,
    checkpoints: Vec<Checkpoint>,
    spec_toml: String,
    data: String,
}

async fn show(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let run = app.store.run(id).await?;
    let layers = run.network_findings().unwrap_or_default();
    let layers = FindingView::list("layers", &layers, no_pictures);
    Ok(rendered(&SettingsPage {
        settings: settings(&run),
        layers: layers.into_iter().map(FindingView::folded).collect(),
        checkpoints: app.store.checkpoints(id).await?,
        spec_toml: toml::to_string_pretty(&run.spec).map_err(HttpError::internal)?,
        data: island(&RunData::new(&run, &[])),
        frame: Frame::new(&app, run, Section::Settings).await?,
    }))
}
