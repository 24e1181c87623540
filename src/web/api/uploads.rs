//! Uploads that are looked at before they become datasets: a preview by any choices, then taken or thrown away.

use super::datasets::DatasetView;
use super::upload_form::{UploadForm, set};
use crate::data::{Intake, Origin, Summary};
use crate::run::Split;
use crate::store::{Moment, Preview, Upload, UploadState};
use crate::web::error::{Problem, wants_html};
use crate::web::extract::{Body, Id};
use crate::web::{App, HttpError};
use axum::extract::{DefaultBodyLimit, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub fn router() -> Router<App> {
    Router::new()
        .route(
            "/uploads",
            get(list).post(create).layer(DefaultBodyLimit::disable()),
        )
        .route("/uploads/{id}", get(show).delete(remove))
        .route("/uploads/{id}/take", post(take))
}

/// An upload as it stands.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct UploadView {
    id: u64,
    title: String,
    created: Moment,
    /// `looking`, `ready` or `failed`; a failed one keeps nothing but its message.
    state: &'static str,
    /// Files looked at so far, of `files`; 0 of 0 before they are counted.
    done: u64,
    files: u64,
    /// Why it failed, or why the choices make no dataset; empty otherwise.
    message: String,
    /// Once it is ready and the choices make a dataset.
    preview: Option<PreviewView>,
}

/// What an upload would be as a dataset.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct PreviewView {
    /// "810 images, 9 classes, split as found; label column: digit"
    sentence: String,
    #[schema(value_type = Object)]
    summary: Summary,
    #[schema(value_type = Object)]
    origin: Origin,
    /// Columns that labels and groups can be chosen from.
    columns: Vec<String>,
    folders: Vec<FolderView>,
}

/// A top folder.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct FolderView {
    name: String,
    images: usize,
    /// The split that its name means.
    #[schema(value_type = Option<String>)]
    split: Option<Split>,
}

/// How an upload is to be taken.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Taking {
    /// The dataset's title; the upload's where absent.
    name: Option<String>,
    /// `labels, image, label, group, split, seed, folders`, as in the dataset's `origin.intake`.
    #[schema(value_type = Object)]
    intake: Intake,
}

impl UploadView {
    fn new(upload: Upload, preview: Option<Preview>) -> UploadView {
        let (state, done, files, mut message) = match upload.state {
            UploadState::Looking { done, files } => ("looking", done, files, String::new()),
            UploadState::Ready => ("ready", 0, 0, String::new()),
            UploadState::Failed(reason) => ("failed", 0, 0, reason),
        };
        let preview = preview.and_then(|preview| match preview.index {
            Ok(index) => Some(PreviewView {
                sentence: index.sentence(),
                summary: index.summary(),
                origin: index.origin,
                columns: preview.columns,
                folders: preview
                    .folders
                    .into_iter()
                    .map(|(name, images, split)| FolderView {
                        name,
                        images,
                        split,
                    })
                    .collect(),
            }),
            Err(reason) => {
                message = reason;
                None
            }
        });
        UploadView {
            id: upload.id,
            title: upload.title,
            created: upload.created,
            state,
            done,
            files,
            message,
            preview,
        }
    }
}

/// The choices in a query: `split=2/5&label=digit&folder.holdout=val`.
pub fn intake_of(query: &str) -> Result<Intake, HttpError> {
    let mut intake = Intake::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        set(&mut intake, &name, &value)?;
    }
    Ok(intake)
}

/// Every upload that waits, the newest first.
#[utoipa::path(get, path = "/api/v1/uploads", tag = "datasets", responses((status = 200, body = Vec<UploadView>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(State(app): State<App>) -> Json<Vec<UploadView>> {
    let uploads = app.library.uploads();
    Json(
        uploads
            .into_iter()
            .map(|upload| UploadView::new(upload, None))
            .collect(),
    )
}

/// Takes an archive (`file`) and a title (`name`), and looks at it in the background; it waits until it is taken.
#[utoipa::path(post, path = "/api/v1/uploads", tag = "datasets", request_body(content_type = "multipart/form-data", content = Object, description = "`file`: a .zip, .tar or .tar.gz of images, a table or arrays, or an .npz; `name`: its title"), responses((status = 201, body = UploadView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(app): State<App>,
    request: Request,
) -> Result<Response, HttpError> {
    let from_form = wants_html(&request);
    let form = UploadForm::read(request, &app).await?;
    let id = app.library.stage(form.title, form.archive)?;
    if from_form {
        return Ok(Redirect::to(&format!("/uploads/{id}")).into_response());
    }
    let view = UploadView::new(app.library.upload(id)?, None);
    let location = format!("/api/v1/uploads/{id}");
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(view),
    )
        .into_response())
}

/// An upload with what it would be as a dataset by the choices in the query.
#[utoipa::path(get, path = "/api/v1/uploads/{id}", tag = "datasets", params(("id" = u64, Path, description = "The upload"), ("split" = Option<String>, Query, description = "found, stratified, group or a fold such as 2/5"), ("seed" = Option<u64>, Query, description = "Of a split that is made"), ("label" = Option<String>, Query, description = "The column that is the label"), ("group" = Option<String>, Query, description = "The column that no split may divide, or guess"), ("labels" = Option<String>, Query, description = "auto, folders or table"), ("image" = Option<String>, Query, description = "The column that names the images"), ("folder.NAME" = Option<String>, Query, description = "What a top folder is: train, val, test or none")), responses((status = 200, body = UploadView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    Id(id): Id<u64>,
    RawQuery(query): RawQuery,
) -> Result<Json<UploadView>, HttpError> {
    let intake = intake_of(&query.unwrap_or_default())?;
    let upload = app.library.upload(id)?;
    let preview = match upload.state {
        UploadState::Ready => Some(app.library.preview(id, intake).await?),
        _ => None,
    };
    Ok(Json(UploadView::new(upload, preview)))
}

/// Makes an upload a dataset. Choices that make none are refused, and the upload waits on.
#[utoipa::path(post, path = "/api/v1/uploads/{id}/take", tag = "datasets", params(("id" = u64, Path, description = "The upload")), request_body = Taking, responses((status = 201, body = DatasetView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn take(
    State(app): State<App>,
    Id(id): Id<u64>,
    Body(taking): Body<Option<Taking>>,
) -> Result<Response, HttpError> {
    let Taking { name, intake } = taking.unwrap_or_default();
    let dataset = app.library.take_upload(id, name, intake).await?;
    let location = format!("/api/v1/datasets/{dataset}");
    let view = DatasetView::from(app.store.dataset(&dataset).await?);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(view),
    )
        .into_response())
}

/// Throws an upload away; nothing of it is kept.
#[utoipa::path(delete, path = "/api/v1/uploads/{id}", tag = "datasets", params(("id" = u64, Path, description = "The upload")), responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<App>,
    Id(id): Id<u64>,
) -> Result<StatusCode, HttpError> {
    app.library.throw_away(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
