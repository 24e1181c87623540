//! Runs: making, listing, changing, deleting.

use super::{GroupView, RunView};
use crate::run::{FieldError, GroupId, RunId, RunSpec, RunStatus, SpecError};
use crate::store::{Diagnosed, RunFilter, RunPatch, RunSort};
use crate::web::error::Problem;
use crate::web::extract::{Body, Id, Query};
use crate::web::{App, HttpError, Made, launch};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs", get(list).post(create))
        .route("/runs/{id}", get(show).patch(change).delete(remove))
}

/// A run that was made, with its producer's token where it is an external one.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Created {
    #[serde(flatten)]
    run: RunView,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// What a spec made: a run, or the group of those that its lists stand for.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum CreatedOrGroup {
    Run(Box<Created>),
    Group(Box<GroupView>),
}

/// The answer to a call that made a run, or a group of them.
pub(super) fn created(app: &App, made: Made) -> Response {
    let (location, body) = match made {
        Made::Run(launched) => {
            let location = format!("/api/v1/runs/{}", launched.run.id);
            let created = Created {
                run: launched.run.into(),
                token: launched.token,
            };
            (location, CreatedOrGroup::Run(Box::new(created)))
        }
        Made::Group(group) => {
            let location = format!("/api/v1/groups/{}", group.summary.id);
            let view = GroupView::of(*group, app.scheduler.parallel());
            (location, CreatedOrGroup::Group(Box::new(view)))
        }
    };
    let headers = [(header::LOCATION, location)];
    (StatusCode::CREATED, headers, Json(body)).into_response()
}

#[utoipa::path(post, path = "/api/v1/runs", tag = "runs", request_body(content = RunSpec, description = "What is left out comes from the preset and the dataset. A numeric field of train, input or augment may be a list, an array of numbers or text such as \"0.1, 0.01\", \"1..5\" or \"8..32..8\": a group of runs is made then, a grid where several fields have lists, at most 200"), responses((status = 201, body = CreatedOrGroup), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(app): State<App>,
    Body(spec): Body<Value>,
) -> Result<Response, HttpError> {
    Ok(created(&app, launch(&app, spec).await?))
}

/// What a list of runs is asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    status: Option<RunStatus>,
    /// A dataset's id.
    dataset: Option<String>,
    tag: Option<String>,
    group: Option<i64>,
    /// Words in the name or the notes.
    text: Option<String>,
    #[serde(default)]
    sort: RunSort,
    #[serde(default)]
    order: Order,
    /// At most 500.
    limit: Option<usize>,
    /// The page after this run.
    after: Option<i64>,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    Asc,
    /// The largest and newest first.
    #[default]
    Desc,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct RunPage {
    runs: Vec<RunView>,
    /// Pass it as `after` for the next page; null on the last.
    next: Option<RunId>,
}

#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(ListQuery), responses((status = 200, body = RunPage), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Json<RunPage>, HttpError> {
    let limit = query.limit.unwrap_or(100).clamp(1, RunFilter::MAX);
    let runs = app
        .store
        .runs(RunFilter {
            status: query.status,
            dataset: query.dataset,
            tag: query.tag,
            group: query.group.map(GroupId),
            text: query.text,
            sort: query.sort,
            ascending: query.order == Order::Asc,
            after: query.after.map(RunId),
            limit,
            ..RunFilter::default()
        })
        .await?;
    let next = (runs.len() == limit)
        .then(|| runs.last().map(|run| run.id))
        .flatten();
    let runs = runs.into_iter().map(RunView::from).collect();
    Ok(Json(RunPage { runs, next }))
}

#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = i64, Path, description = "The run")), responses((status = 200, body = RunView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<Json<RunView>, HttpError> {
    let Diagnosed { run, diagnosis, .. } = app.store.diagnosed(id).await?;
    let mut view = RunView::from(run);
    view.verdict = Some(diagnosis.verdict.name().to_owned());
    Ok(Json(view.with_test_looks(&app).await?))
}

/// What of a run may be changed; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    name: Option<String>,
    notes: Option<String>,
    tags: Option<Vec<String>>,
}

#[utoipa::path(patch, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = i64, Path, description = "The run")), request_body = Change, responses((status = 200, body = RunView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Body(change): Body<Change>,
) -> Result<Json<RunView>, HttpError> {
    let mut spec = app.store.run(id).await?.spec;
    spec.name = change.name.clone().unwrap_or(spec.name);
    spec.notes = change.notes.clone().unwrap_or(spec.notes);
    spec.tags = change.tags.clone().unwrap_or(spec.tags);
    let errors: Vec<FieldError> = spec.check();
    if !errors.is_empty() {
        return Err(SpecError(errors).into());
    }
    let patch = RunPatch {
        name: change.name,
        notes: change.notes,
        tags: change.tags,
    };
    Ok(Json(app.store.patch_run(id, patch).await?.into()))
}

#[utoipa::path(delete, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = i64, Path, description = "The run")), responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<App>,
    Id(id): Id<RunId>,
) -> Result<StatusCode, HttpError> {
    app.store.delete_run(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
