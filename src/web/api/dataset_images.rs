//! The images of a dataset, one by one and all together.

use crate::data::thumbnail;
use crate::run::{DatasetId, RunId};
use crate::store::StoreError;
use crate::web::error::Problem;
use crate::web::extract::{Id, Ids, Query};
use crate::web::file::served;
use crate::web::{App, HttpError};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde::Deserialize;
use std::io::{self, Write};
use std::path::PathBuf;
use tokio::sync::mpsc;

/// Pixels of the longer side.
const LARGEST_THUMBNAIL: u32 = 512;

pub fn router() -> Router<App> {
    Router::new()
        .route("/datasets/{id}/images/{position}", get(image))
        .route("/runs/{id}/dataset.tar", get(archive))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Thumbnail {
    /// Pixels of the longer side; the file itself where absent.
    side: Option<u32>,
}

/// The image at a position of the dataset's index, from 0.
#[utoipa::path(get, path = "/api/v1/datasets/{id}/images/{position}", tag = "datasets", params(("id" = String, Path, description = "The dataset"), ("position" = usize, Path, description = "From 0, by split, class and path"), Thumbnail), responses((status = 200, content_type = "image/png", body = Vec<u8>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn image(
    State(app): State<App>,
    Ids(id, position): Ids<DatasetId, usize>,
    Query(Thumbnail { side }): Query<Thumbnail>,
    request: Request,
) -> Result<Response, HttpError> {
    let dataset = app.library.dataset(&id).await?;
    let entry = dataset.index.entries.get(position).ok_or_else(|| {
        HttpError::not_found(format!(
            "the dataset '{id}' has {} images, counted from 0",
            dataset.index.entries.len()
        ))
    })?;
    let path = dataset.root.join(&entry.path);
    let mut response = match side {
        Some(side) => {
            let side = side.clamp(8, LARGEST_THUMBNAIL);
            let png = tokio::task::spawn_blocking(move || thumbnail(&path, side))
                .await
                .map_err(HttpError::internal)?
                .map_err(HttpError::internal)?;
            ([(header::CONTENT_TYPE, "image/png")], png).into_response()
        }
        None => served(&path, entry.format.media_type(), "inline", request)
            .await?
            .ok_or_else(|| HttpError::not_found(format!("{} is gone", entry.path)))?,
    };
    // The same name may come to mean another dataset, so not for ever.
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("private, max-age=300"),
    );
    Ok(response)
}

/// The folder of a run's dataset as a tar, for a worker on another machine.
#[utoipa::path(get, path = "/api/v1/runs/{id}/dataset.tar", tag = "producers", params(("id" = i64, Path, description = "The run")), responses((status = 200, content_type = "application/x-tar", body = Vec<u8>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn archive(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Response, HttpError> {
    let run = app.store.run(id).await?;
    let dataset = run
        .dataset
        .ok_or_else(|| HttpError::not_found(format!("run {id} names no dataset")))?;
    app.library.dataset(&dataset).await?;
    let chunks = tar_of(app.home.dataset(&dataset));
    let body = stream::unfold(chunks, |mut chunks| async {
        let chunk = chunks.recv().await?;
        Some((chunk, chunks))
    });
    let headers = [(header::CONTENT_TYPE, "application/x-tar")];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Writes a tar on a blocking thread, no faster than it is read; an error is the last chunk.
fn tar_of(folder: PathBuf) -> mpsc::Receiver<Result<Bytes, StoreError>> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::task::spawn_blocking(move || {
        let chunks = io::BufWriter::with_capacity(64 << 10, Chunks(sender.clone()));
        let mut tar = tar::Builder::new(chunks);
        let written = tar
            .append_dir_all(".", &folder)
            .and_then(|()| tar.into_inner()?.flush());
        if let Err(source) = written {
            let what = format!("packing {}", folder.display());
            // A reader who has gone needs no error.
            let _ = sender.blocking_send(Err(StoreError::Io { what, source }));
        }
    });
    receiver
}

struct Chunks(mpsc::Sender<Result<Bytes, StoreError>>);

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
