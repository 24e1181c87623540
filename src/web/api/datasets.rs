//! Datasets: uploading, listing, looking at, deleting.

use super::inspections::InspectionView;
use super::receive::receive;
use crate::data::{Index, Summary};
use crate::run::{DatasetId, Split};
use crate::store::{DatasetRow, DatasetState, Inspection, Moment};
use crate::web::error::Problem;
use crate::web::error::wants_html;
use crate::web::extract::Id;
use crate::web::{App, HttpError};
use axum::extract::multipart::Field;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::collections::BTreeMap;

/// A larger archive is unpacked by hand and named with `--data`.
const MOST_UPLOAD_BYTES: u64 = 8 << 30;
const MOST_TITLE: usize = 200;

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

/// Takes an archive (`file`) and a title (`name`), and imports it in the background.
#[utoipa::path(post, path = "/api/v1/datasets", tag = "datasets", request_body(content_type = "multipart/form-data", content = Object, description = "`file`: a .zip, .tar or .tar.gz; `name`: its title"), responses((status = 201, body = DatasetView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn upload(
    State(app): State<App>,
    request: Request,
) -> Result<Response, HttpError> {
    let from_form = wants_html(&request);
    let mut form = Multipart::from_request(request, &app)
        .await
        .map_err(|rejection| HttpError::bad_request(rejection.body_text()))?;
    let (mut archive, mut title) = (None, String::new());
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("file") if archive.is_none() => {
                let file_name = field.file_name().unwrap_or_default().to_owned();
                let uploads = app.home.uploads();
                archive = Some((
                    receive(field, &uploads, MOST_UPLOAD_BYTES).await?,
                    file_name,
                ));
            }
            Some("name") => title = short_text(field).await?,
            name => {
                return Err(HttpError::bad_request(format!(
                    "the form has a field '{}': send one 'file' and one 'name'",
                    name.unwrap_or_default()
                )));
            }
        }
    }
    let (archive, file_name) = archive.ok_or_else(|| {
        HttpError::bad_request("the form has no 'file': choose a .zip, .tar or .tar.gz of images")
    })?;
    let title = match title.trim() {
        "" => title_of(&file_name),
        title => title.to_owned(),
    };
    let id = app.library.import_upload(title, archive).await?;
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

/// "digits" for "digits.tar.gz"
fn title_of(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name
        .split('.')
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    match stem.chars().take(MOST_TITLE).collect::<String>() {
        stem if stem.is_empty() => "dataset".to_owned(),
        stem => stem,
    }
}

async fn short_text(mut field: Field<'_>) -> Result<String, HttpError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > 4 * MOST_TITLE {
            break;
        }
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| HttpError::bad_request("the field 'name' is not text in UTF-8"))?;
    if text.chars().count() > MOST_TITLE {
        return Err(HttpError::bad_request(format!(
            "the field 'name' has more than {MOST_TITLE} characters"
        )));
    }
    Ok(text)
}

fn broken(error: axum::extract::multipart::MultipartError) -> HttpError {
    HttpError::new(error.status(), error.body_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_dataset_a_title() {
        for (file, title) in [
            ("digits.tar.gz", "digits"),
            ("C:\\data\\my photos.zip", "my photos"),
            ("", "dataset"),
            (".zip", "zip"),
        ] {
            assert_eq!(title_of(file), title);
        }
    }
}
