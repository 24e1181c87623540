//! What augmentation makes of a dataset's training images, as a picture.

use crate::chart::contact_sheet;
use crate::data::Dataset;
use crate::model::resolve;
use crate::run::{Augment, DatasetId, FieldError, OPERATIONS, RunSpec, SpecError};
use crate::train::{MOST_PREVIEWED, TrainError, preview};
use crate::web::error::Problem;
use crate::web::extract::{Id, Query};
use crate::web::{App, HttpError};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tokio::sync::Semaphore;

/// Pairs on a sheet where nobody says how many.
const USUAL: usize = 8;

/// Previews that are made at once: each can take all cores for a second.
static TURN: Semaphore = Semaphore::const_new(1);

pub fn router() -> Router<App> {
    Router::new().route("/datasets/{id}/augmented.png", get(augmented))
}

/// Which batch, besides the settings of [`Augment`], which are fields of the query too.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "describes the query; it is read field by field, to name what is wrong"
)]
pub(super) struct PreviewQuery {
    /// Pairs on the sheet, 1 to 16; 8 where absent.
    images: Option<u32>,
    /// The run's; 1 where absent.
    seed: Option<u64>,
    /// From 1; the first where absent.
    epoch: Option<u32>,
    /// The run's; 32 where absent.
    batch_size: Option<u32>,
    /// `shuffle` or `balanced`; `shuffle` where absent.
    sampling: Option<String>,
    /// Pixels; the dataset's commonest where absent.
    height: Option<u32>,
    /// Pixels; the dataset's commonest where absent.
    width: Option<u32>,
    /// 1 or 3; 3 where absent.
    channels: Option<u32>,
}

/// The query as a partial spec, the epoch, and the number of pairs.
struct Asked {
    spec: Value,
    epoch: u32,
    images: usize,
}

impl Asked {
    fn of(query: &BTreeMap<String, String>) -> Result<Asked, FieldError> {
        let mut tables = Map::new();
        let (mut epoch, mut images) = (1, USUAL);
        for (name, text) in query {
            let wrong = |message: String| FieldError {
                field: name.clone(),
                message,
            };
            let whole = |most: u64| match text.parse::<u64>() {
                Ok(n) if (1..=most).contains(&n) => Ok(n),
                _ => Err(wrong(format!(
                    "'{text}' is no whole number from 1 to {most}"
                ))),
            };
            let (table, value) = match name.as_str() {
                "images" => {
                    images = whole(MOST_PREVIEWED as u64)? as usize;
                    continue;
                }
                "epoch" => {
                    epoch = whole(100_000)? as u32;
                    continue;
                }
                "height" | "width" | "channels" => ("input", json!(whole(u64::from(u32::MAX))?)),
                "batch_size" => ("train", json!(whole(u64::from(u32::MAX))?)),
                "sampling" => ("train", json!(text)),
                "seed" => {
                    let seed = text.parse::<u64>();
                    (
                        "train",
                        json!(seed.map_err(|_| wrong(format!("'{text}' is no whole number")))?),
                    )
                }
                operation if OPERATIONS.iter().any(|o| o.name == operation) => {
                    match text.parse::<f64>() {
                        Ok(setting) if setting.is_finite() => ("augment", json!(setting)),
                        _ => return Err(wrong(format!("'{text}' is no number, such as 0.1"))),
                    }
                }
                _ => return Err(wrong("no such field".to_owned())),
            };
            let table = tables.entry(table).or_insert_with(|| json!({}));
            table[name.as_str()] = value;
        }
        Ok(Asked {
            spec: Value::Object(tables),
            epoch,
            images,
        })
    }
}

/// The first images of a run's first batch (or that of another epoch), each above what training makes of it, four pairs in
/// a row. Without any operation both are the same.
#[utoipa::path(get, path = "/api/v1/datasets/{id}/augmented.png", tag = "datasets", params(("id" = String, Path, description = "The dataset"), PreviewQuery, Augment), responses((status = 200, content_type = "image/png", body = Vec<u8>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn augmented(
    State(app): State<App>,
    Id(id): Id<DatasetId>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, HttpError> {
    let asked = Asked::of(&query).map_err(|error| SpecError(vec![error]))?;
    let dataset = app.library.dataset(&id).await?;
    let size = dataset.index.common_size();
    let spec = resolve(asked.spec, Some(size))?;
    let turn = TURN.acquire().await.map_err(HttpError::internal)?;
    let sheet = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        sheet(&dataset, &spec, asked.epoch, asked.images)
    });
    let png = sheet.await.map_err(HttpError::internal)??;
    let headers = [
        (header::CONTENT_TYPE, "image/png"),
        // The same name may come to mean another dataset, so not for ever.
        (header::CACHE_CONTROL, "private, max-age=300"),
    ];
    Ok((headers, png).into_response())
}

fn sheet(
    dataset: &Dataset,
    spec: &RunSpec,
    epoch: u32,
    images: usize,
) -> Result<Vec<u8>, HttpError> {
    let previewed = preview(dataset, spec, epoch, images).map_err(|error| match error {
        TrainError::Data(error) => HttpError::new(StatusCode::CONFLICT, error.to_string()),
        other => HttpError::internal(other),
    })?;
    let pairs: Vec<_> = previewed
        .iter()
        .map(|image| (&image.before[..], &image.after[..]))
        .collect();
    let size = (spec.input.height as u32, spec.input.width as u32);
    contact_sheet(&pairs, size).map_err(HttpError::internal)
}
