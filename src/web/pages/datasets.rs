//! `/datasets`: what there is to train on, and the way to bring more.

use super::App;
use super::error::rendered;
use super::paging::{PageQuery, Paging, ROWS};
use super::wording::{moment, thousands};
use crate::run::Split;
use crate::store::{DatasetRow, DatasetState, Upload, UploadState};
use crate::web::HttpError;
use crate::web::extract::Query;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

pub fn router() -> Router<App> {
    Router::new().route("/datasets", get(list))
}

#[derive(Template)]
#[template(path = "datasets.html")]
struct DatasetsPage {
    datasets: Vec<DatasetRow>,
    /// Those that wait to be taken or thrown away.
    uploads: Vec<Upload>,
    paging: Paging,
    /// Something is imported or looked at, shown on this page or not.
    importing: bool,
}

async fn list(
    State(app): State<App>,
    Query(asked): Query<PageQuery>,
) -> Result<Response, HttpError> {
    let mut datasets = app.store.datasets().await?;
    let uploads = app.library.uploads();
    let is_imported = |row: &DatasetRow| row.state == DatasetState::Importing;
    let is_looked_at = |upload: &Upload| matches!(upload.state, UploadState::Looking { .. });
    Ok(rendered(&DatasetsPage {
        importing: datasets.iter().any(is_imported) || uploads.iter().any(is_looked_at),
        paging: Paging::of(&mut datasets, asked.page, ROWS, |page| {
            format!("/datasets?page={page}")
        }),
        datasets,
        uploads,
    }))
}
