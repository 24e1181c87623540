//! Charts of a run as files.

use super::history::attachment;
use crate::chart::{Best, ConfusionAt, Format, Kind, Subject, draw};
use crate::run::{Confusion, EpochRecord, RunId, Split};
use crate::store::Run;
use crate::web::error::Problem;
use crate::web::extract::{Ids, Query};
use crate::web::{App, HttpError};
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use std::str::FromStr;

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/charts/{file}", get(chart))
}

/// `accuracy.svg`
pub(super) struct ChartFile(Kind, Format);

impl FromStr for ChartFile {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let (kind, format) = s
            .rsplit_once('.')
            .ok_or_else(|| "a chart's name ends in .svg or .png".to_owned())?;
        Ok(ChartFile(kind.parse()?, format.parse()?))
    }
}

/// Which confusion matrix: validation's at the last epoch where nothing is said.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    split: Option<Split>,
    epoch: Option<u32>,
}

#[utoipa::path(get, path = "/api/v1/runs/{id}/charts/{file}", tag = "results", params(("id" = i64, Path, description = "The run"), ("file" = String, Path, description = "accuracy, loss, gap or confusion, with .svg or .png"), Which), responses((status = 200, content_type = "image/svg+xml", body = Vec<u8>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn chart(
    State(app): State<App>,
    Ids(id, ChartFile(kind, format)): Ids<RunId, ChartFile>,
    Query(which): Query<Which>,
) -> Result<Response, HttpError> {
    let (run, epochs) = app.store.run_with_epochs(id).await?;
    let split = which.split.unwrap_or(Split::Val);
    let epoch = which.epoch.unwrap_or(run.epoch);
    let counts = match kind {
        Kind::Confusion => app.store.confusion(id, epoch, split).await?,
        _ => None,
    };
    let drawn = tokio::task::spawn_blocking(move || {
        draw_run(
            kind,
            format,
            &run,
            &epochs,
            counts.as_ref().map(|c| (split, epoch, c)),
        )
    })
    .await
    .map_err(HttpError::internal)??;
    let name = format!("{}.{}", kind.name(), format.extension());
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (
            header::CONTENT_DISPOSITION,
            attachment(id, &name).replacen("attachment", "inline", 1),
        ),
    ];
    Ok((headers, drawn).into_response())
}

/// Draws one chart of a run.
pub(super) fn draw_run(
    kind: Kind,
    format: Format,
    run: &Run,
    epochs: &[EpochRecord],
    confusion: Option<(Split, u32, &Confusion)>,
) -> Result<Vec<u8>, HttpError> {
    let subject = Subject {
        name: &run.name,
        epochs,
        best: Best::of(&run.best),
        classes: run.facts.as_ref().map_or(&[], |facts| &facts.classes),
        confusion: confusion.map(|(split, epoch, counts)| ConfusionAt {
            split,
            epoch,
            counts,
        }),
    };
    Ok(draw(kind, format, &subject)?)
}
