//! `/runs/{id}/why`: the verdict with its numbers, likely causes, tests by training again, remedies, and what was found.

use super::super::error::rendered;
use super::super::found::FoundView;
use super::super::probes::ProbesView;
use super::super::remedies::RemediesView;
use super::super::reveal::TestView;
use super::super::verdict;
use super::super::wording::{counted, duration, island, loss, percent, points, thousands};
use super::frame::{Frame, Section};
use super::history::RunData;
use crate::diagnose::looks::Source;
use crate::diagnose::{Diagnosis, share, wilson};
use crate::run::{EpochRecord, RunId, RunStatus, Split, SplitMetrics};
use crate::web::extract::Id;
use crate::web::gathered::{Gathered, gather};
use crate::web::{App, HttpError};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/why", get(show))
}

/// A split's figures after the last and after the best epoch.
struct Figure {
    split: Split,
    last: SplitMetrics,
    best: Option<SplitMetrics>,
}

#[derive(Template)]
#[template(path = "run/why.html")]
struct WhyPage {
    frame: Frame,
    diagnosis: Diagnosis,
    found: FoundView,
    probes: ProbesView,
    /// None if nothing was tried and nothing can be.
    remedies: Option<RemediesView>,
    figures: Vec<Figure>,
    last: Option<EpochRecord>,
    test: TestView,
    data: String,
}

impl WhyPage {
    async fn new(app: &App, gathered: Gathered) -> Result<WhyPage, HttpError> {
        let frame = Frame::new(app, gathered.run.clone(), Section::Why).await?;
        let test = TestView::of(app, &gathered.run).await?;
        let found = FoundView::of(app, &gathered).await;
        let probes = ProbesView::of(app, &gathered, frame.group.as_ref());
        let remedies = RemediesView::of(&gathered, true);
        Ok(WhyPage {
            data: island(&RunData::new(&gathered.run, &[])),
            figures: figures(&gathered),
            last: gathered.epochs.last().cloned(),
            diagnosis: gathered.diagnosis,
            found,
            probes,
            remedies,
            test,
            frame,
        })
    }

    /// "14.6 to 29.1 %"
    fn interval(&self, m: &SplitMetrics) -> String {
        let interval = wilson(m.correct, m.n);
        format!("{} to {}", points(interval.low), percent(interval.high))
    }
}

fn figures(gathered: &Gathered) -> Vec<Figure> {
    let epochs = &gathered.epochs;
    let best = gathered.run.best.as_ref().map(|best| best.epoch);
    let best = best.and_then(|best| epochs.iter().find(|e| e.epoch == best));
    Split::ALL
        .into_iter()
        .filter_map(|split| {
            Some(Figure {
                split,
                last: epochs.last()?.split(split)?.clone(),
                best: best.and_then(|e| e.split(split)).cloned(),
            })
        })
        .collect()
}

async fn show(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let gathered = gather(&app, id).await?;
    Ok(rendered(&WhyPage::new(&app, gathered).await?))
}
