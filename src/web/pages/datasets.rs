//! `/datasets`: what there is to train on, and the way to bring more.

use super::App;
use super::error::rendered;
use super::wording::{moment, thousands};
use crate::run::Split;
use crate::store::{DatasetRow, DatasetState};
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
}

impl DatasetsPage {
    fn importing(&self) -> bool {
        self.datasets
            .iter()
            .any(|row| row.state == DatasetState::Importing)
    }
}

async fn list(State(app): State<App>) -> Result<Response, HttpError> {
    let datasets = app.store.datasets().await?;
    Ok(rendered(&DatasetsPage { datasets }))
}
