//! A dataset's audit, simple models and range test: how they stand, what they found, asking for them again, giving them up.

use crate::run::{DatasetId, RunSpec};
use crate::store::{Inspection, InspectionRow, InspectionState, Moment};
use crate::web::error::Problem;
use crate::web::extract::{Body, Ids};
use crate::web::{App, HttpError, ask_rate_test};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::Value;

pub fn router() -> Router<App> {
    Router::new()
        .route("/datasets/{id}/{kind}", get(show).post(ask))
        .route("/datasets/{id}/{kind}/cancel", axum::routing::post(cancel))
}

/// How an inspection stands.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct InspectionView {
    kind: Inspection,
    state: InspectionState,
    asked: Moment,
    /// When it was last over.
    ended: Option<Moment>,
    /// Steps done while it runs, of `of`: one for each image, and for simple models as many again for fitting; a range
    /// test's own steps.
    done: u64,
    of: u64,
    /// Why it failed; empty otherwise.
    message: String,
    /// Findings of the document that are problems, and warnings.
    problems: u32,
    warnings: u32,
    /// What the last one that came to its end found.
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
}

impl InspectionView {
    /// Of a dataset, where it was ever asked for.
    pub async fn of(
        app: &App,
        id: &DatasetId,
        kind: Inspection,
    ) -> Result<Option<InspectionView>, HttpError> {
        let rows = app.store.inspections(id).await?;
        match rows.into_iter().find(|row| row.kind == kind) {
            Some(row) => Ok(Some(InspectionView::from_row(app, row).await?)),
            None => Ok(None),
        }
    }

    async fn from_row(app: &App, row: InspectionRow) -> Result<InspectionView, HttpError> {
        let (done, of) = app
            .inspector
            .progress(&row.dataset, row.kind)
            .unwrap_or_default();
        Ok(InspectionView {
            document: app.store.inspected(&row.dataset, row.kind).await?,
            kind: row.kind,
            state: row.state,
            asked: row.asked,
            ended: row.ended,
            done,
            of,
            message: row.message,
            problems: row.problems,
            warnings: row.warnings,
        })
    }
}

/// How it stands, with what the last one found.
#[utoipa::path(get, path = "/api/v1/datasets/{id}/{kind}", tag = "datasets", params(("id" = String, Path, description = "The dataset"), ("kind" = Inspection, Path, description = "audit, simple-models or rate-test")), responses((status = 200, body = InspectionView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    Ids(id, kind): Ids<DatasetId, Inspection>,
) -> Result<Json<InspectionView>, HttpError> {
    app.store.dataset(&id).await?;
    let view = InspectionView::of(&app, &id, kind).await?;
    view.map(Json).ok_or_else(|| {
        HttpError::not_found(format!(
            "the {} of the dataset '{id}' was never asked for: POST to the same address",
            kind.name()
        ))
    })
}

/// Asks for it, or for it again: it starts when it has its turn. One that waits or runs already is left at that, but for a
/// range test, whose settings come with it.
#[utoipa::path(post, path = "/api/v1/datasets/{id}/{kind}", tag = "datasets", request_body(content = Option<RunSpec>, description = "A partial spec for a rate-test; nothing for the others"), params(("id" = String, Path, description = "The dataset"), ("kind" = Inspection, Path, description = "audit, simple-models or rate-test")), responses((status = 202, body = InspectionView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn ask(
    State(app): State<App>,
    Ids(id, kind): Ids<DatasetId, Inspection>,
    Body(user): Body<Value>,
) -> Result<(StatusCode, Json<InspectionView>), HttpError> {
    let row = match kind {
        Inspection::RateTest => ask_rate_test(&app, &id, user).await?,
        _ => app.store.ask_inspection(&id, kind, None).await?,
    };
    app.inspector.poke();
    let view = InspectionView::from_row(&app, row).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Gives it up; what an earlier one found is kept.
#[utoipa::path(post, path = "/api/v1/datasets/{id}/{kind}/cancel", tag = "datasets", params(("id" = String, Path, description = "The dataset"), ("kind" = Inspection, Path, description = "audit, simple-models or rate-test")), responses((status = 200, body = InspectionView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn cancel(
    State(app): State<App>,
    Ids(id, kind): Ids<DatasetId, Inspection>,
) -> Result<Json<InspectionView>, HttpError> {
    app.store.dataset(&id).await?;
    app.store.cancel_inspection(&id, kind).await?;
    app.inspector.give_up(&id, Some(kind));
    show(State(app), Ids(id, kind)).await
}
