//! `/groups`: the groups of runs that lists in a spec made.

use super::App;
use super::error::rendered;
use super::paging::{PageQuery, Paging, ROWS};
use super::wording::moment;
use crate::run::sweep::label;
use crate::store::GroupSummary;
use crate::web::HttpError;
use crate::web::extract::Query;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

/// Groups in the list, the newest.
const MOST_GROUPS: usize = 1000;

pub fn router() -> Router<App> {
    Router::new().route("/groups", get(show))
}

#[derive(Template)]
#[template(path = "groups.html")]
struct GroupsPage {
    groups: Vec<GroupSummary>,
    paging: Paging,
}

/// "lr, seed"
fn fields(group: &GroupSummary) -> String {
    let labels: Vec<&str> = group
        .axes
        .iter()
        .map(|axis| label(&group.axes, axis))
        .collect();
    labels.join(", ")
}

async fn show(
    State(app): State<App>,
    Query(asked): Query<PageQuery>,
) -> Result<Response, HttpError> {
    let mut groups = app.store.groups(MOST_GROUPS).await?;
    Ok(rendered(&GroupsPage {
        paging: Paging::of(&mut groups, asked.page, ROWS, |page| {
            format!("/groups?page={page}")
        }),
        groups,
    }))
}
