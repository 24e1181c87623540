//! `/runs/{id}/images`: the confusion matrix of an epoch, and a form that classifies images of the reader's own.

use super::super::confusion::{MatrixQuery, MatrixView};
use super::super::error::rendered;
use super::super::images;
use super::super::wording::{duration, island};
use super::frame::{Frame, Section};
use super::history::RunData;
use crate::run::{RunId, RunStatus, Split};
use crate::store::Checkpoint;
use crate::web::extract::{Id, Query};
use crate::web::{App, HttpError};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/images", get(show))
}

/// The images of a split after an epoch, of one true and one predicted class if they are given; the section itself if no split
/// and epoch are given, or if `show` is `matrix`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    split: String,
    epoch: String,
    show: String,
}

#[derive(Template)]
#[template(path = "run/images.html")]
struct ImagesPage {
    frame: Frame,
    matrix: MatrixView,
    checkpoints: Vec<Checkpoint>,
    data: String,
}

async fn show(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Query(asked): Query<Asked>,
    uri: Uri,
) -> Result<Response, HttpError> {
    if asked.show != "matrix" && !asked.split.is_empty() && !asked.epoch.is_empty() {
        let cell = axum::extract::Query::try_from_uri(&uri)
            .map_err(|rejection| HttpError::bad_request(rejection.body_text()))?;
        return images::show(&app, id, cell.0).await;
    }
    let asked = MatrixQuery {
        split: asked.split,
        epoch: asked.epoch,
    };
    let (run, epochs) = app.store.run_with_epochs(id).await?;
    Ok(rendered(&ImagesPage {
        matrix: MatrixView::of(&app, &run, &epochs, &asked).await?,
        checkpoints: app.store.checkpoints(id).await?,
        data: island(&RunData::new(&run, &[])),
        frame: Frame::new(&app, run, Section::Images).await?,
    }))
}
