//! `/room`: what the home folder holds and how large it is; checkpoints are chosen, one by one or by rule, and deleted.

use super::App;
use super::delete::chosen;
use super::error::rendered;
use super::paging::{Paging, ROWS, page_number};
use super::wording::{bytes, counted, moment, percent, query};
use crate::store::{DatasetRoom, Disk, Holdings, Moment, OldRule, RunRoom};
use crate::web::HttpError;
use crate::web::extract::Query;
use askama::Template;
use axum::Router;
use axum::extract::{RawForm, RawQuery, State};
use axum::response::{Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

/// Runs whose checkpoints are deleted at once.
const MOST_DELETED: usize = 2000;

/// Datasets on a page of the second table.
const DATASETS: usize = 10;

pub fn router() -> Router<App> {
    Router::new()
        .route("/room", get(show))
        .route("/room/checkpoints", get(ask).post(delete))
}

/// How the runs are sorted: the name in the query and the heading.
const SORTS: [(&str, &str); 4] = [
    ("name", "Run"),
    ("ended", "Ended"),
    ("val", "Validation"),
    ("size", "Checkpoints"),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RoomQuery {
    sort: String,
    #[serde(deserialize_with = "page_number")]
    page: usize,
    /// The page of the datasets.
    #[serde(deserialize_with = "page_number")]
    datasets: usize,
}

#[derive(Template)]
#[template(path = "room.html")]
struct RoomPage {
    disk: Disk,
    holdings: Holdings,
    /// Of all runs, those of this page, in the wanted order.
    runs: Vec<RunRoom>,
    runs_paging: Paging,
    /// Of all datasets, those of this page.
    datasets: Vec<DatasetRoom>,
    datasets_paging: Paging,
    sort: &'static str,
}

#[derive(Template)]
#[template(path = "room_delete.html")]
struct DeletePage {
    runs: Vec<RunRoom>,
    /// Those that were chosen and go on, or have nothing to delete.
    kept: usize,
    bytes: u64,
    /// In words, where a rule chose them.
    rule: String,
}

impl RoomPage {
    /// Names, headings, and which way the list is sorted by one: nothing for the others.
    fn headings(&self) -> [(&'static str, &'static str, &'static str); 4] {
        SORTS.map(|(name, heading)| {
            let way = match name {
                "name" => "ascending",
                _ => "descending",
            };
            (name, heading, if name == self.sort { way } else { "" })
        })
    }

    /// Used, of the disk.
    fn used(&self) -> u64 {
        self.disk
            .total_bytes()
            .saturating_sub(self.disk.free_bytes())
    }
}

fn title(of: &RunRoom) -> String {
    match of.name.as_str() {
        "" => format!("Run {}", of.id),
        name => name.to_owned(),
    }
}

async fn show(
    State(app): State<App>,
    Query(asked): Query<RoomQuery>,
) -> Result<Response, HttpError> {
    let holdings = app.store.holdings().await?;
    app.disk.look()?;
    let sort = SORTS.iter().find(|(name, _)| *name == asked.sort);
    let sort = sort.map_or("size", |(name, _)| name);
    let mut runs = holdings.runs.clone();
    match sort {
        "name" => runs.sort_by_key(title),
        "ended" => runs.sort_by_key(|of| std::cmp::Reverse(of.ended.map(|at| at.0))),
        "val" => {
            let key = |of: &RunRoom| of.val_accuracy.unwrap_or(-1.0);
            runs.sort_by(|a, b| key(b).total_cmp(&key(a)));
        }
        _ => runs.sort_by_key(|of| std::cmp::Reverse(of.checkpoint_bytes)),
    }
    let mut datasets = holdings.datasets.clone();
    let address = |page: usize, datasets: usize| {
        let (page, datasets) = (page.to_string(), datasets.to_string());
        let pairs = query(&[("sort", sort), ("page", &page), ("datasets", &datasets)]);
        format!("/room?{pairs}")
    };
    Ok(rendered(&RoomPage {
        disk: app.disk,
        runs_paging: Paging::of(&mut runs, asked.page, ROWS, |page| {
            address(page, asked.datasets)
        }),
        datasets_paging: Paging::of(&mut datasets, asked.datasets, DATASETS, |page| {
            address(asked.page, page)
        }),
        datasets,
        holdings,
        runs,
        sort,
    }))
}

/// The rule that a query names: numbers that are left empty are no part of it.
fn rule_of(query: &[u8]) -> Result<OldRule, HttpError> {
    let mut rule = OldRule::default();
    for (name, value) in form_urlencoded::parse(query) {
        let place = match &*name {
            "older_days" => &mut rule.older_days,
            "beyond_best" => &mut rule.beyond_best,
            _ => continue,
        };
        if value.trim().is_empty() {
            continue;
        }
        *place = Some(value.trim().parse().map_err(|_| {
            HttpError::bad_request(format!("{name}: '{value}' is no whole number from 0"))
        })?);
    }
    Ok(rule)
}

/// "ended more than 30 days ago, or are not among the best 3 of their dataset"
fn words(rule: OldRule) -> String {
    let older = rule.older_days.map(|days| {
        let days = counted(days, "day", "days");
        format!("ended more than {days} ago")
    });
    let beyond = rule.beyond_best.map(|best| {
        format!("are not among the {best} of their dataset with the best validation accuracy")
    });
    let parts: Vec<String> = older.into_iter().chain(beyond).collect();
    parts.join(", or ")
}

/// Shows which checkpoints would go, by rule or by hand.
async fn ask(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, HttpError> {
    let query = query.unwrap_or_default();
    let rule = rule_of(query.as_bytes())?;
    let ids = chosen(query.as_bytes(), MOST_DELETED)?;
    let all = app.store.holdings().await?.runs;
    let mut runs = rule.chosen(&all, Moment::now());
    let by_hand = all.into_iter().filter(|of| ids.contains(&of.id));
    for of in by_hand {
        if of.can_go() && !runs.iter().any(|other| other.id == of.id) {
            runs.push(of);
        }
    }
    runs.truncate(MOST_DELETED);
    let kept = ids.iter().filter(|id| !runs.iter().any(|of| of.id == **id));
    Ok(rendered(&DeletePage {
        kept: kept.count(),
        bytes: runs.iter().map(|of| of.checkpoint_bytes).sum(),
        rule: words(rule),
        runs,
    }))
}

async fn delete(State(app): State<App>, RawForm(form): RawForm) -> Result<Redirect, HttpError> {
    for id in chosen(&form, MOST_DELETED)? {
        app.store.delete_checkpoints(id).await?;
    }
    Ok(Redirect::to("/room"))
}
