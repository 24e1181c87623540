//! `/compare`: several runs' curves on one chart, and their figures and settings in one table.

use super::App;
use super::delete::chosen;
use super::error::rendered;
use super::form_augment;
use super::form_options;
use super::form_schedule::words as schedule;
use super::runs::model_name;
use super::wording::{counted, duration, early_stopping, island, optimizer, points};
use crate::diagnose::{share, wilson};
use crate::run::{EpochRecord, RunId, Split};
use crate::store::Run;
use crate::web::HttpError;
use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

/// As many runs as a chart can tell apart.
const MOST_RUNS: usize = 20;

pub fn router() -> Router<App> {
    Router::new().route("/compare", get(show))
}

struct Compared {
    run: Run,
    epochs: Vec<EpochRecord>,
}

/// One run's curves for the page's script, values of the epochs in order.
#[derive(Serialize)]
struct Curves<'a> {
    id: RunId,
    name: &'a str,
    /// It may still get epochs.
    live: bool,
    epoch: Vec<u32>,
    accuracy: Vec<Vec<Option<f64>>>,
    loss: Vec<Vec<Option<f64>>>,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    runs: Vec<Compared>,
    data: String,
}

impl ComparePage {
    fn any_varied(&self) -> bool {
        self.runs.iter().any(|of| !of.run.spec.variation.is_none())
    }
}

impl Compared {
    fn title(&self) -> String {
        match self.run.name.as_str() {
            "" => format!("Run {}", self.run.id),
            name => name.to_owned(),
        }
    }

    fn last(&self) -> Option<&EpochRecord> {
        self.epochs.last()
    }

    /// "18.9 % (17 of 90)" and its interval "12.2 to 28.2", or that there is none.
    fn figure(&self, split: Split) -> Result<(String, String), &'static str> {
        let Some(m) = self.last().and_then(|e| e.split(split)) else {
            let sealed = self.run.sealed && split == Split::Test;
            return Err(if sealed { "sealed" } else { "–" });
        };
        let interval = wilson(m.correct, m.n);
        let interval = format!("{} to {}", points(interval.low), points(interval.high));
        Ok((share(m), interval))
    }

    fn gap(&self) -> String {
        let gap = self.last().and_then(|e| e.gap(Split::Val));
        gap.map_or("–".to_owned(), |gap| format!("{} points", points(gap)))
    }

    /// "rotate (degrees) 10, noise 0.05", or a dash.
    fn augmentation(&self) -> String {
        match form_augment::words(&self.run.spec.augment) {
            none if none.is_empty() => "–".to_owned(),
            words => words,
        }
    }

    /// "Label smoothing 0.1; Sampling balanced", or a dash.
    fn options(&self) -> String {
        let changed = form_options::changed(&self.run.spec.train);
        let said: Vec<String> = changed
            .into_iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        if said.is_empty() {
            "–".to_owned()
        } else {
            said.join("; ")
        }
    }

    fn seconds(&self) -> f64 {
        self.epochs.iter().map(|e| e.seconds).sum()
    }

    fn curves(&self) -> Curves<'_> {
        let column = |value: &dyn Fn(&EpochRecord, Split) -> Option<f64>| {
            Split::ALL
                .into_iter()
                .map(|split| {
                    let values = self.epochs.iter().map(|e| value(e, split));
                    values.map(|v| v.filter(|v| v.is_finite())).collect()
                })
                .collect()
        };
        Curves {
            id: self.run.id,
            name: &self.run.name,
            live: !self.run.status.is_over(),
            epoch: self.epochs.iter().map(|e| e.epoch).collect(),
            accuracy: column(&|e, split| Some(e.split(split)?.accuracy)),
            loss: column(&|e, split| Some(e.split(split)?.loss)),
        }
    }
}

async fn show(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, HttpError> {
    let mut runs = Vec::new();
    for id in chosen(query.unwrap_or_default().as_bytes(), MOST_RUNS)? {
        let (run, epochs) = app.store.run_with_epochs(id).await?;
        runs.push(Compared { run, epochs });
    }
    let curves: Vec<Curves> = runs.iter().map(Compared::curves).collect();
    let data = island(&curves);
    drop(curves);
    Ok(rendered(&ComparePage { runs, data }))
}
