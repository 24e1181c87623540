//! Datasets: uploading, listing, looking at, deleting.

use super::inspections::InspectionView;
use super::upload_form::UploadForm;
use crate::data::{Index, Summary};
use crate::run::{DatasetId, Split};
use crate::store::{DatasetRow, DatasetState, Inspection, Moment};
use crate::web::error::Problem;
use crate::web::error::wants_html;
use crate::web::extract::Id;
use crate::web::{App, HttpError};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::collections::BTreeMap;

pub fn router() -> Router<App> {
    Router::new()
        .route(
            "/datasets",
            get(list).post(upload).layer(DefaultBodyLimit::disable()),
        )
        .route("/datasets/{id}", get(show).delete(remove))
}

/// A dataset as a list of datasets shows it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct DatasetView {
    id: DatasetId,
    title: String,
    created: Moment,
    state: DatasetState,
    /// Files imported so far, of `files`; 0 of 0 before they are counted.
    done: u64,
    files: u64,
    /// Why the import failed; empty otherwise.
    message: String,
    classes: Vec<String>,
    /// Images of each class, by split.
    class_counts: BTreeMap<&'static str, Vec<u32>>,
}

impl From<DatasetRow> for DatasetView {
    fn from(row: DatasetRow) -> DatasetView {
        let (classes, counts) = row.facts.map_or_else(Default::default, |facts| {
            (facts.classes, facts.class_counts)
        });
        DatasetView {
            id: row.id,
            title: row.title,
            created: row.created,
            state: row.state,
            done: row.done,
            files: row.files,
            message: row.message,
            classes,
            class_counts: counts
                .into_iter()
                .map(|(split, counts)| (split.name(), counts))
                .collect(),
        }
    }
}

/// A dataset with its figures.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct DatasetDetails {
    #[serde(flatten)]
    dataset: DatasetView,
    /// Once it is ready.
    #[schema(value_type = Option<Object>)]
    summary: Option<Summary>,
    /// The first image of each class in each split.
    thumbnails: Vec<Thumbnail>,
    /// None before it was asked for.
    audit: Option<InspectionView>,
    /// None before a run of the dataset has ended, or they were asked for.
    simple_models: Option<InspectionView>,
}

/// An image to show for its class.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Thumbnail {
    split: Split,
    /// The class, as its position in `classes`.
    label: u32,
    /// Below the dataset's folder.
    path: String,
    /// The image's address; `?side=160` makes it small.
    href: String,
}

fn thumbnails(id: &DatasetId, index: &Index) -> Vec<Thumbnail> {
    let entries = index.entries.iter().enumerate();
    let mut before = None;
    // Entries are sorted by split and then by label.
    entries
        .filter(|(_, entry)| {
            before.replace((entry.split, entry.label)) != Some((entry.split, entry.label))
        })
        .map(|(position, entry)| Thumbnail {
            split: entry.split,
            label: entry.label,
            path: entry.path.clone(),
            href: format!("/api/v1/datasets/{id}/images/{position}"),
        })
        .collect()
}

#[utoipa::path(get, path = "/api/v1/datasets", tag = "datasets", responses((status = 200, body = Vec<DatasetView>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<DatasetView>>, HttpError> {
    let rows = app.store.datasets().await?;
    Ok(Json(rows.into_iter().map(DatasetView::from).collect()))
}

#[utoipa::path(get, path = "/api/v1/datasets/{id}", tag = "datasets", params(("id" = String, Path, description = "The dataset")), responses((status = 200, body = DatasetDetails), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    Id(id): Id<DatasetId>,
) -> Result<Json<DatasetDetails>, HttpError> {
    let row = app.store.dataset(&id).await?;
    let (summary, thumbnails) = match row.state {
        DatasetState::Ready => {
            let dataset = app.library.dataset(&id).await?;
            (
                Some(dataset.index.summary()),
                thumbnails(&id, &dataset.index),
            )
        }
        _ => (None, Vec::new()),
    };
    Ok(Json(DatasetDetails {
        dataset: row.into(),
        summary,
        thumbnails,
        audit: InspectionView::of(&app, &id, Inspection::Audit).await?,
        simple_models: InspectionView::of(&app, &id, Inspection::SimpleModels).await?,
    }))
}

#[utoipa::path(delete, path = "/api/v1/datasets/{id}", tag = "datasets", params(("id" = String, Path, description = "The dataset")), responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<App>,
    Id(id): Id<DatasetId>,
) -> Result<StatusCode, HttpError> {
    app.store.delete_dataset(&id).await?;
    app.inspector.give_up(&id, None);
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an archive (`file`) and a title (`name`), and imports it in the background; to look first, see `/uploads`.
#[utoipa::path(post, path = "/api/v1/datasets", tag = "datasets", request_body(content_type = "multipart/form-data", content = Object, description = "`file`: a .zip, .tar or .tar.gz of images, a table or arrays, or an .npz; `name`: its title; `split`: found, stratified, group or a fold such as 2/5; `seed`; `label` and `group`: columns of the table (group also: guess); `labels`: auto, folders or table; `image`: the column that names the images; `folder.NAME`: train, val, test or none"), responses((status = 201, body = DatasetView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn upload(
    State(app): State<App>,
    request: Request,
) -> Result<Response, HttpError> {
    let from_form = wants_html(&request);
    let form = UploadForm::read(request, &app).await?;
    let id = app
        .library
        .import_upload(form.title, form.archive, form.intake)
        .await?;
    if from_form {
        return Ok(Redirect::to(&format!("/datasets/{id}")).into_response());
    }
    let location = format!("/api/v1/datasets/{id}");
    let view = DatasetView::from(app.store.dataset(&id).await?);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(view),
    )
        .into_response())
}
