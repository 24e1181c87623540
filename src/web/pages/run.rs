//! `/runs/{id}`: how a run stands, its curves, its verdict with the numbers behind it, everything to download.

use super::App;
use super::confusion::{MatrixQuery, MatrixView};
use super::error::rendered;
use super::finding::{FindingView, no_pictures};
use super::found::FoundView;
use super::inspection::audit_link;
use super::probes::ProbesView;
use super::remedies::RemediesView;
use super::reveal::TestView;
use super::runs::model_name;
use super::settings::settings;
use super::verdict;
use super::wording::{
    bytes, counted, duration, island, loss, moment, percent, points, query, setting, thousands,
};
use crate::diagnose::{Diagnosis, share, wilson};
use crate::run::{BestEpoch, EpochRecord, RunId, RunStatus, Seq, Split, SplitMetrics};
use crate::store::{Checkpoint, GroupSummary, LogLine, Run};
use crate::train::Wish;
use crate::web::HttpError;
use crate::web::extract::{Id, Query};
use crate::web::gathered::{Gathered, gather};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows of the table of epochs on one page.
const ROWS: usize = 50;
/// Lines of the log that a page shows.
const LOG_LINES: usize = 500;
/// Epochs that time left is reckoned from.
const RECENT: usize = 10;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}", get(show))
        .route("/runs/{id}/parts", get(parts))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RunQuery {
    /// Of the table of epochs, from 1, the newest first.
    page: String,
    #[serde(flatten)]
    matrix: MatrixQuery,
}

/// The numbers that the page's scripts draw, a column a series.
#[derive(Serialize)]
struct RunData<'a> {
    id: RunId,
    name: &'a str,
    status: RunStatus,
    live: bool,
    epochs: u32,
    sealed: bool,
    seq: Seq,
    best: Option<&'a BestEpoch>,
    chance: Option<f64>,
    history: Columns,
}

#[derive(Serialize)]
struct Columns {
    epoch: Vec<u32>,
    lr: Vec<f64>,
    running: Vec<Option<f64>>,
    splits: BTreeMap<&'static str, SplitColumns>,
}

#[derive(Default, Serialize)]
struct SplitColumns {
    loss: Vec<Option<f64>>,
    correct: Vec<Option<u32>>,
    n: Vec<Option<u32>>,
    accuracy: Vec<Option<f64>>,
}

impl Columns {
    fn of(epochs: &[EpochRecord]) -> Columns {
        let column = |split| {
            let metrics = |e: &EpochRecord| e.split(split).cloned();
            let of = epochs.iter().map(metrics).collect::<Vec<_>>();
            SplitColumns {
                loss: of
                    .iter()
                    .map(|m| m.as_ref().map(|m| m.loss))
                    .map(finite)
                    .collect(),
                correct: of.iter().map(|m| m.as_ref().map(|m| m.correct)).collect(),
                n: of.iter().map(|m| m.as_ref().map(|m| m.n)).collect(),
                accuracy: of.iter().map(|m| m.as_ref().map(|m| m.accuracy)).collect(),
            }
        };
        Columns {
            epoch: epochs.iter().map(|e| e.epoch).collect(),
            lr: epochs.iter().map(|e| e.lr).collect(),
            running: epochs
                .iter()
                .map(|e| finite(e.running.as_ref().map(|r| r.accuracy)))
                .collect(),
            splits: Split::ALL
                .into_iter()
                .map(|split| (split.name(), column(split)))
                .collect(),
        }
    }
}

/// JSON has no NaN.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}

/// One page of the table of epochs.
struct EpochTable {
    rows: Vec<EpochRecord>,
    page: usize,
    pages: usize,
}

impl EpochTable {
    fn of(epochs: &[EpochRecord], page: &str) -> EpochTable {
        let pages = epochs.len().div_ceil(ROWS).max(1);
        let page = page.parse().unwrap_or(1).clamp(1, pages);
        let rows = epochs.iter().rev().skip((page - 1) * ROWS).take(ROWS);
        EpochTable {
            rows: rows.cloned().collect(),
            page,
            pages,
        }
    }
}

/// A split's figures after the last and after the best epoch.
struct Figure {
    split: Split,
    last: SplitMetrics,
    best: Option<SplitMetrics>,
}

/// What both the page and its parts show.
struct RunView {
    run: Run,
    /// What the audit of its dataset found, where it is done.
    audit: Option<String>,
    /// The one that it was made with.
    group: Option<GroupSummary>,
    diagnosis: Diagnosis,
    found: FoundView,
    probes: ProbesView,
    /// None where nothing was tried and nothing can be.
    remedies: Option<RemediesView>,
    /// What its layers tell.
    layers: Vec<FindingView>,
    /// The numbers of the last epoch and of the best.
    figures: Vec<Figure>,
    last: Option<EpochRecord>,
    test: TestView,
    table: EpochTable,
    log: Vec<LogLine>,
    checkpoints: Vec<Checkpoint>,
    left_s: Option<f64>,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    view: RunView,
    matrix: MatrixView,
    data: String,
    spec_toml: String,
}

#[derive(Template)]
#[template(path = "run_parts.html")]
struct RunParts {
    view: RunView,
}

impl RunView {
    async fn of(app: &App, of: Gathered, page: &str) -> Result<RunView, HttpError> {
        let group = match of.run.group {
            Some(id) => Some(app.store.group_summary(id).await?),
            None => None,
        };
        let found = FoundView::of(app, &of).await;
        let probes = ProbesView::of(app, &of, group.as_ref());
        let remedies = RemediesView::of(&of, true);
        let Gathered {
            run,
            epochs,
            diagnosis,
            ..
        } = of;
        let last = epochs.last().cloned();
        let best = run.best.as_ref().map(|best| best.epoch);
        let best = best.and_then(|best| epochs.iter().find(|e| e.epoch == best));
        let figures = Split::ALL
            .into_iter()
            .filter_map(|split| {
                Some(Figure {
                    split,
                    last: last.as_ref()?.split(split)?.clone(),
                    best: best.and_then(|e| e.split(split)).cloned(),
                })
            })
            .collect();
        let dataset = match &run.dataset {
            // One that is gone has no audit any more.
            Some(id) => app.store.dataset(id).await.ok(),
            None => None,
        };
        Ok(RunView {
            audit: dataset.as_ref().and_then(audit_link),
            group,
            found,
            probes,
            remedies,
            layers: FindingView::list(
                "layers",
                &run.network_findings().unwrap_or_default(),
                no_pictures,
            )
            .into_iter()
            .map(FindingView::folded)
            .collect(),
            diagnosis,
            figures,
            test: TestView::of(app, &run).await?,
            table: EpochTable::of(&epochs, page),
            log: app.store.log_lines(run.id, LOG_LINES).await?,
            checkpoints: app.store.checkpoints(run.id).await?,
            left_s: left_s(&run, &epochs),
            last,
            run,
        })
    }

    fn title(&self) -> String {
        match self.run.name.as_str() {
            "" => format!("Run {}", self.run.id),
            name => name.to_owned(),
        }
    }

    fn is_best(&self, epoch: &EpochRecord) -> bool {
        self.run
            .best
            .as_ref()
            .is_some_and(|b| b.epoch == epoch.epoch)
    }

    /// "14.6 to 29.1 %"
    fn interval(&self, m: &SplitMetrics) -> String {
        let interval = wilson(m.correct, m.n);
        format!("{} to {}", points(interval.low), percent(interval.high))
    }

    /// What the user has asked for and is still to happen.
    fn pending(&self) -> Option<&'static str> {
        match self.run.wish {
            _ if self.run.status.is_over() => None,
            Wish::Stop => Some("stopping after this step"),
            Wish::Cancel => Some("being cancelled"),
            _ => None,
        }
    }

    /// From the first start to the end.
    fn took_s(&self) -> Option<f64> {
        Some(self.run.ended?.seconds_since(self.run.started?))
    }

    fn can_resume(&self) -> bool {
        use RunStatus::{Cancelled, Failed, Stopped};
        matches!(self.run.status, Stopped | Cancelled | Failed) && !self.run.spec.external
    }
}

/// The share of epochs that are left, by what the last ones took.
fn left_s(run: &Run, epochs: &[EpochRecord]) -> Option<f64> {
    let recent = &epochs[epochs.len().saturating_sub(RECENT)..];
    if run.status != RunStatus::Running || recent.is_empty() {
        return None;
    }
    let each = recent.iter().map(|e| e.seconds).sum::<f64>() / recent.len() as f64;
    Some(each * f64::from(run.epochs.saturating_sub(run.epoch)))
}

async fn show(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Query(asked): Query<RunQuery>,
) -> Result<Response, HttpError> {
    let of = gather(&app, id).await?;
    let (run, epochs) = (&of.run, &of.epochs);
    let matrix = MatrixView::of(&app, run, epochs, &asked.matrix).await?;
    let data = island(&RunData {
        id,
        name: &run.name,
        status: run.status,
        live: !run.status.is_over(),
        epochs: run.epochs,
        sealed: run.sealed,
        seq: run.last_seq,
        best: run.best.as_ref(),
        chance: run
            .facts
            .as_ref()
            .and_then(|facts| facts.chance(Split::Val)),
        history: Columns::of(epochs),
    });
    let spec_toml = toml::to_string_pretty(&run.spec).map_err(HttpError::internal)?;
    let view = RunView::of(&app, of, &asked.page).await?;
    Ok(rendered(&RunPage {
        view,
        matrix,
        data,
        spec_toml,
    }))
}

/// The parts of the page that change while a run goes on.
async fn parts(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Query(asked): Query<RunQuery>,
) -> Result<Response, HttpError> {
    let of = gather(&app, id).await?;
    let view = RunView::of(&app, of, &asked.page).await?;
    Ok(rendered(&RunParts { view }))
}
