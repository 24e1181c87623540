//! `/runs/delete`: asks before runs are deleted, and deletes them.

use super::App;
use super::error::rendered;
use super::wording::{bytes, counted};
use crate::run::RunId;
use crate::store::Run;
use crate::web::HttpError;
use askama::Template;
use axum::Router;
use axum::extract::{RawForm, RawQuery, State};
use axum::response::{Redirect, Response};
use axum::routing::get;

/// Runs that are chosen at once: a page of the list.
const MOST_RUNS: usize = 100;

pub fn router() -> Router<App> {
    Router::new().route("/runs/delete", get(ask).post(delete))
}

#[derive(Template)]
#[template(path = "delete.html")]
struct DeletePage {
    /// With the bytes of its checkpoints.
    over: Vec<(Run, u64)>,
    /// Those that still go on, which are not deleted.
    going: Vec<Run>,
}

/// The runs that a form or a query names, `runs=3&runs=4` or `runs=3,4`, each once.
pub fn chosen(pairs: &[u8], most: usize) -> Result<Vec<RunId>, HttpError> {
    let mut ids: Vec<RunId> = Vec::new();
    for (name, value) in form_urlencoded::parse(pairs) {
        if name != "runs" {
            continue;
        }
        for part in value.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let id = part
                .parse()
                .map_err(|error| HttpError::bad_request(format!("runs: '{part}': {error}")))?;
            if !ids.contains(&id) {
                ids.push(id);
            }
            if ids.len() > most {
                return Err(HttpError::bad_request(format!(
                    "runs: at most {most} at once"
                )));
            }
        }
    }
    Ok(ids)
}

async fn ask(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, HttpError> {
    let ids = chosen(query.unwrap_or_default().as_bytes(), MOST_RUNS)?;
    let (mut over, mut going) = (Vec::new(), Vec::new());
    for id in ids {
        let run = app.store.run(id).await?;
        if run.status.is_over() || run.spec.external {
            let files = app.store.checkpoints(id).await?;
            over.push((run, files.iter().map(|file| file.bytes).sum()));
        } else {
            going.push(run);
        }
    }
    Ok(rendered(&DeletePage { over, going }))
}

async fn delete(State(app): State<App>, RawForm(form): RawForm) -> Result<Redirect, HttpError> {
    for id in chosen(&form, MOST_RUNS)? {
        app.store.delete_run(id).await?;
    }
    Ok(Redirect::to("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_named_in_either_way_and_once() {
        let ids = |text: &str| {
            chosen(text.as_bytes(), 3).map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>())
        };
        assert_eq!(ids("runs=3&runs=4,3&x=9").unwrap(), [3, 4]);
        assert_eq!(ids("").unwrap(), Vec::<i64>::new());
        assert!(ids("runs=a").is_err());
        assert!(ids("runs=1,2,3,4").is_err());
    }
}
