//! Groups of runs: what lists in a spec made.

use super::GroupView;
use super::group_view::GroupFacts;
use crate::run::GroupId;
use crate::web::error::Problem;
use crate::web::extract::Id;
use crate::web::{App, HttpError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;

/// Groups in a list, the newest.
const MOST_GROUPS: usize = 500;

pub fn router() -> Router<App> {
    Router::new()
        .route("/groups", get(list))
        .route("/groups/{id}", get(show).delete(remove))
        .route("/groups/{id}/cancel", post(cancel))
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Groups {
    groups: Vec<GroupFacts>,
}

/// The newest 500 groups, the newest first.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", responses((status = 200, body = Groups), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Groups>, HttpError> {
    let groups = app.store.groups(MOST_GROUPS).await?;
    let groups = groups.into_iter().map(GroupFacts::from).collect();
    Ok(Json(Groups { groups }))
}

#[utoipa::path(get, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = i64, Path, description = "The group")), responses((status = 200, body = GroupView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    Id(id): Id<GroupId>,
) -> Result<Json<GroupView>, HttpError> {
    let group = app.store.group(id).await?;
    Ok(Json(GroupView::of(group, app.scheduler.parallel())))
}

/// Cancels every run of the group that is not over.
#[utoipa::path(post, path = "/api/v1/groups/{id}/cancel", tag = "groups", params(("id" = i64, Path, description = "The group")), responses((status = 200, body = GroupView), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn cancel(
    State(app): State<App>,
    Id(id): Id<GroupId>,
) -> Result<Json<GroupView>, HttpError> {
    let group = app.store.cancel_group(id).await?;
    Ok(Json(GroupView::of(group, app.scheduler.parallel())))
}

/// Deletes the group and its runs with all they have; refused while one of them goes on.
#[utoipa::path(delete, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = i64, Path, description = "The group")), responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(app): State<App>,
    Id(id): Id<GroupId>,
) -> Result<StatusCode, HttpError> {
    app.store.delete_group(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
