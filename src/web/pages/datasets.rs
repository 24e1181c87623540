//! `/datasets`: what there is to train on, and the way to bring more.

use super::App;
use super::error::rendered;
use super::wording::{moment, thousands};
use crate::run::Split;
use crate::store::{DatasetRow, DatasetState, Upload, UploadState};
use crate::web::HttpError;
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
}

impl DatasetsPage {
    fn importing(&self) -> bool {
        self.datasets
            .iter()
            .any(|row| row.state == DatasetState::Importing)
            || self
                .uploads
                .iter()
                .any(|upload| matches!(upload.state, UploadState::Looking { .. }))
    }
}

async fn list(State(app): State<App>) -> Result<Response, HttpError> {
    let datasets = app.store.datasets().await?;
    let uploads = app.library.uploads();
    Ok(rendered(&DatasetsPage { datasets, uploads }))
}
