//! Classifying images with a run's checkpoint.

use super::receive::receive;
use crate::run::RunId;
use crate::store::StoreError;
use crate::web::classifiers::{Answer, Answers, MOST_IMAGE_BYTES, Sent};
use crate::web::error::Problem;
use crate::web::extract::Id;
use crate::web::{App, HttpError};
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;

/// Images in one request.
const MOST_IMAGES: usize = 32;
/// Of the whole request.
pub const MOST_BYTES: usize = 256 << 20;
const MOST_NAME: usize = 200;

pub fn router() -> Router<App> {
    Router::new().route(
        "/runs/{id}/classify",
        post(classify).layer(DefaultBodyLimit::max(MOST_BYTES)),
    )
}

/// What a form brought: images, and the checkpoint to ask.
pub struct ClassifyForm {
    images: Vec<Sent>,
    /// `best.safetensors` or `last.safetensors`.
    pub checkpoint: &'static str,
}

impl ClassifyForm {
    /// Reads a multipart form of `images` and perhaps `checkpoint`; the files go to the folder of uploads as they come, and are
    /// gone with the answer.
    pub async fn read(app: &App, request: Request) -> Result<ClassifyForm, HttpError> {
        let broken = |error: MultipartError| HttpError::new(error.status(), error.body_text());
        let mut form = Multipart::from_request(request, app)
            .await
            .map_err(|rejection| HttpError::bad_request(rejection.body_text()))?;
        let mut images = Vec::new();
        let mut checkpoint = "best.safetensors";
        while let Some(field) = form.next_field().await.map_err(broken)? {
            match field.name() {
                Some("images") => {
                    let name: String = field
                        .file_name()
                        .unwrap_or_default()
                        .chars()
                        .take(MOST_NAME)
                        .collect();
                    if images.len() == MOST_IMAGES {
                        return Err(HttpError::bad_request(format!(
                            "more than {MOST_IMAGES} images: send them in several parts, or use gapwatch predict for a folder"
                        )));
                    }
                    let file = match receive(field, app, MOST_IMAGE_BYTES).await {
                        Ok(file) => Ok(file),
                        Err(StoreError::TooLarge(reason)) => Err(reason),
                        Err(error) => return Err(error.into()),
                    };
                    // A form that was sent without a choice has one file without name and content.
                    let nothing = |file: &tempfile::TempPath| {
                        name.is_empty() && file.metadata().is_ok_and(|facts| facts.len() == 0)
                    };
                    if !file.as_ref().is_ok_and(nothing) {
                        images.push(Sent { name, file });
                    }
                }
                Some("checkpoint") => {
                    checkpoint = match field.text().await.map_err(broken)?.as_str() {
                        "best" => "best.safetensors",
                        "last" => "last.safetensors",
                        _ => {
                            return Err(HttpError::bad_request(
                                "checkpoint: write best or last".to_owned(),
                            ));
                        }
                    };
                }
                name => {
                    return Err(HttpError::bad_request(format!(
                        "there is no field '{}': known are images and checkpoint",
                        name.unwrap_or_default()
                    )));
                }
            }
        }
        if images.is_empty() {
            return Err(HttpError::bad_request(
                "the form has no 'images': choose at least one",
            ));
        }
        Ok(ClassifyForm { images, checkpoint })
    }

    /// Asks the run's network.
    pub async fn ask(self, app: &App, run: RunId) -> Result<Answers, HttpError> {
        app.store.run(run).await?;
        let path = app.store.checkpoint_path(run, self.checkpoint)?;
        app.classifiers.classify(path, self.images).await
    }
}

/// The answers of a run's network.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Classifications {
    checkpoint: &'static str,
    /// The epoch that the weights are of.
    epoch: u32,
    classes: Vec<String>,
    images: Vec<Classification>,
}

/// One image's answer: a class with the probabilities of all, or what is wrong with the file.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum Classification {
    Class {
        name: String,
        class: String,
        /// In the order of the classes.
        probabilities: Vec<f64>,
    },
    Error {
        name: String,
        error: String,
    },
}

/// Classes of images by a run's network, prepared as its training images were. Nothing of them is kept.
#[utoipa::path(post, path = "/api/v1/runs/{id}/classify", tag = "results", params(("id" = i64, Path, description = "The run")), request_body(content_type = "multipart/form-data", content = Object, description = "`images`: 1 to 32 files of at most 16 MiB and 25 million pixels each, 256 MiB together; `checkpoint`: best (the default) or last"), responses((status = 200, body = Classifications), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn classify(
    State(app): State<App>,
    Id(id): Id<RunId>,
    request: Request,
) -> Result<Json<Classifications>, HttpError> {
    let form = ClassifyForm::read(&app, request).await?;
    let checkpoint = form.checkpoint;
    let Answers {
        epoch,
        classes,
        images,
    } = form.ask(&app, id).await?;
    let shown = |Answer { name, classified }| match classified {
        Ok((of, _)) => Classification::Class {
            name,
            class: classes[of.class].clone(),
            probabilities: of.probabilities,
        },
        Err(error) => Classification::Error { name, error },
    };
    Ok(Json(Classifications {
        checkpoint,
        epoch,
        images: images.into_iter().map(shown).collect(),
        classes,
    }))
}
