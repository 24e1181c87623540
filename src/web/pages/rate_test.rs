//! `/datasets/{id}/rate-test`: the range test of the learning rate, its curve, and the way back to the form.

use super::App;
use super::error::rendered;
use super::form::{OWN, RunForm};
use super::form_schedule::words;
use super::launch::{prepare, refused};
use super::wording::{optimizer, query, setting, thousands};
use crate::chart::{Course, draw_course};
use crate::model::resolve;
use crate::run::{DatasetId, ModelSpec, RateTest, RateTested, RunSpec};
use crate::store::{DatasetRow, Inspection, InspectionRow, InspectionState};
use crate::web::extract::Id;
use crate::web::{HttpError, ask_rate_test};
use askama::Template;
use axum::Router;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

/// A longer address is refused by servers on the way: layers of one's own can be that long.
const LONGEST_QUERY: usize = 6000;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/new/rate-test", post(ask))
        .route("/datasets/{id}/rate-test", get(show))
        .route("/datasets/{id}/rate-test/cancel", post(cancel))
}

#[derive(Template)]
#[template(path = "rate_test.html")]
struct RateTestPage {
    dataset: DatasetRow,
    /// None where none was ever asked for.
    row: Option<InspectionRow>,
    /// Steps done, of how many.
    progress: Option<(u64, u64)>,
    tested: Option<RateTested>,
    /// The curve as SVG.
    plot: String,
    /// The form's query with the tested settings.
    back: String,
    /// The same with the proposed rate.
    take: String,
}

impl RateTestPage {
    fn is(&self, state: InspectionState) -> bool {
        self.row.as_ref().is_some_and(|row| row.state == state)
    }

    fn is_pending(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.state.is_pending())
    }

    fn sentence(&self) -> String {
        let Some(row) = &self.row else {
            return "No range test of this dataset was asked for: the form of a new run has a button for it.".to_owned();
        };
        match row.state {
            InspectionState::Waiting => {
                "The range test will start when it is its turn: one thing is looked into at a time."
            }
            InspectionState::Running if self.progress.is_none() => "The images are being read.",
            InspectionState::Running => "The network is trained while the rate rises.",
            InspectionState::Done => "The range test is done.",
            InspectionState::Cancelled => "The range test was cancelled.",
            InspectionState::Failed => {
                return format!("It did not work: {}.", row.message.trim_end_matches('.'));
            }
        }
        .to_owned()
    }

    /// What was tested, in pairs.
    fn settings(&self, spec: &RunSpec) -> Vec<(&'static str, String)> {
        let model = match &spec.model {
            ModelSpec::Preset(name) => name.clone(),
            ModelSpec::Layers(layers) => format!("{} layers of your own", layers.len()),
        };
        vec![
            ("Network", model),
            ("Optimizer", optimizer(&spec.train.optimizer)),
            ("Batch size", thousands(spec.train.batch_size)),
            ("Schedule, not tested", words(&spec.train.schedule)),
        ]
    }
}

async fn ask(State(app): State<App>, Form(typed): Form<RunForm>) -> Result<Response, HttpError> {
    let prepared = prepare(&app, typed).await?;
    let Some(spec) = prepared.spec.clone().filter(|_| prepared.errors.is_empty()) else {
        let errors = prepared.errors.clone();
        return Ok(refused(prepared, errors));
    };
    let Some(id) = spec
        .dataset
        .as_ref()
        .and_then(|id| id.parse::<DatasetId>().ok())
    else {
        return Err(HttpError::bad_request("choose a dataset"));
    };
    let user = serde_json::to_value(&spec).map_err(HttpError::internal)?;
    match ask_rate_test(&app, &id, user).await {
        Ok(_) => Ok(Redirect::to(&format!("/datasets/{id}/rate-test")).into_response()),
        Err(error) if !error.errors.is_empty() => Ok(refused(prepared, error.errors)),
        Err(error) => Err(error),
    }
}

async fn cancel(State(app): State<App>, Id(id): Id<DatasetId>) -> Result<Redirect, HttpError> {
    let kind = Inspection::RateTest;
    app.store.cancel_inspection(&id, kind).await?;
    app.inspector.give_up(&id, Some(kind));
    Ok(Redirect::to(&format!("/datasets/{id}/rate-test")))
}

async fn show(State(app): State<App>, Id(id): Id<DatasetId>) -> Result<Response, HttpError> {
    let dataset = app.store.dataset(&id).await?;
    let kind = Inspection::RateTest;
    let rows = app.store.inspections(&id).await?;
    let row = rows.into_iter().find(|row| row.kind == kind);
    let tested: Option<RateTested> = app.store.inspected(&id, kind).await?;
    // What is shown belongs to the settings that were asked for last.
    let tested = tested.filter(|tested| {
        let asked = row.as_ref().and_then(|row| row.spec.as_ref());
        asked == Some(&tested.spec)
    });
    let size = dataset.facts.as_ref().map(|facts| facts.common_size);
    let asked = row.as_ref().and_then(|row| row.spec.as_ref());
    let proposed = tested.as_ref().and_then(|tested| tested.test.proposed);
    let query = |lr| {
        let query = asked.map(|spec| form_query(spec, lr, size));
        query.unwrap_or_else(|| format!("dataset={id}"))
    };
    let (back, take) = (query(None), query(proposed));
    let plot = match tested.clone() {
        Some(tested) => tokio::task::spawn_blocking(move || plot(&tested.test))
            .await
            .map_err(HttpError::internal)?,
        None => String::new(),
    };
    Ok(rendered(&RateTestPage {
        progress: app.inspector.progress(&id, kind).filter(|p| p.1 > 0),
        back,
        take,
        dataset,
        row,
        tested,
        plot,
    }))
}

/// The smoothed loss over the rate's power of ten, drawn for a page; empty where it cannot be. What lies above twice the
/// first loss has diverged and is left out, so that the fall before can be seen.
fn plot(test: &RateTest) -> String {
    let most = test.points.first().map_or(0.0, |p| 2.0 * p.smoothed);
    let course = Course {
        points: test
            .points
            .iter()
            .take_while(|point| point.smoothed <= most)
            .map(|point| (point.lr.log10(), point.smoothed))
            .collect(),
        x_name: "learning rate",
        y_name: "loss (nats), smoothed",
        decades: true,
        mark: test.proposed.map(f64::log10),
    };
    draw_course(&course, &test.message).unwrap_or_default()
}

/// The form's query that means a spec, with another learning rate where one is given: what differs from the defaults of
/// its network and dataset.
fn form_query(spec: &RunSpec, lr: Option<f64>, size: Option<(u32, u32)>) -> String {
    let fields = |spec: &RunSpec| serde_json::to_value(RunForm::default().filled(spec));
    let model = json!({ "model": spec.model });
    let usual = resolve(model, size).unwrap_or_default();
    let (Ok(Value::Object(own)), Ok(usual)) = (fields(spec), fields(&usual)) else {
        return String::new();
    };
    let is_own = own.get("model").is_some_and(|model| model == OWN);
    let pairs: Vec<(&str, &str)> = own
        .iter()
        .filter(|(name, value)| {
            let given = ["dataset", "model"].contains(&name.as_str());
            given || (is_own && *name == "layers") || usual.get(name) != Some(value)
        })
        .filter(|(name, _)| *name != "lr")
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    let lr = setting(lr.unwrap_or(spec.train.optimizer.lr()));
    let with = |pairs: &[(&str, &str)]| query(&[pairs, &[("lr", &lr)]].concat());
    let whole = with(&pairs);
    if whole.len() <= LONGEST_QUERY {
        return whole;
    }
    let short: Vec<_> = pairs.into_iter().filter(|p| p.0 != "layers").collect();
    with(&short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_to_the_form_means_the_tested_settings_with_the_proposed_rate() {
        let user = json!({
            "model": {"preset": "cnn-bilstm"},
            "train": {"batch_size": 7, "schedule": {"kind": "cosine", "warm_up": 2}},
        });
        let spec = RunSpec {
            dataset: Some("demo".to_owned()),
            ..resolve(user, Some((64, 128))).unwrap()
        };
        let text = form_query(&spec, Some(0.025), Some((64, 128)));
        let mut pairs: Vec<&str> = text.split('&').collect();
        pairs.sort_unstable();
        assert_eq!(
            pairs,
            [
                "batch_size=7",
                "dataset=demo",
                "lr=0.025",
                "model=cnn-bilstm",
                "schedule=cosine",
                "warm_up=2"
            ]
        );
    }
}
