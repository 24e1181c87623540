//! `/`: the runs, filtered and sorted, and the way to a first one.

use super::App;
use super::dumbbell::dumbbell;
use super::error::rendered;
use super::paging::ROWS;
use super::wording::{moment, percent, points, query, thousands};
use crate::diagnose::share;
use crate::run::{ModelSpec, RunId, RunStatus, Split};
use crate::store::{DatasetRow, DatasetState, Run, RunFilter, RunSort};
use crate::web::HttpError;
use crate::web::extract::Query;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

/// The dataset and the presets of the demonstration.
const DEMO: &str = "demo";
const QUESTION: &str = "cnn-bilstm-no-dropout";
const WAY_OUT: &str = "cnn-gap";

/// The columns that a list can be sorted by: the name in the query, the heading, and what it means.
const COLUMNS: [(&str, RunSort, &str, &str); 7] = [
    ("name", RunSort::Name, "Run", ""),
    ("status", RunSort::Status, "Status", ""),
    ("epoch", RunSort::Epoch, "Epoch", ""),
    (
        "train_accuracy",
        RunSort::TrainAccuracy,
        "Training",
        "Accuracy on the training images after the last epoch, measured like the others: in evaluation mode",
    ),
    (
        "val_accuracy",
        RunSort::ValAccuracy,
        "Validation",
        "Accuracy on the validation images after the last epoch",
    ),
    (
        "test_accuracy",
        RunSort::TestAccuracy,
        "Test",
        "Accuracy on the test images after the last epoch",
    ),
    (
        "gap",
        RunSort::Gap,
        "Gap",
        "Generalization gap: training accuracy minus validation accuracy, in percentage points",
    ),
];

pub fn router() -> Router<App> {
    Router::new().route("/", get(list))
}

/// The query of the list; what is not understood is as if it were not there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RunsQuery {
    status: String,
    dataset: String,
    tag: String,
    text: String,
    sort: String,
    order: String,
    after: String,
}

impl RunsQuery {
    fn filter(&self) -> RunFilter {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let column = COLUMNS.iter().find(|column| column.0 == self.sort);
        RunFilter {
            status: self.status.parse().ok(),
            dataset: given(&self.dataset),
            tag: given(&self.tag),
            text: given(&self.text),
            sort: column.map_or(RunSort::Created, |column| column.1),
            ascending: self.order == "asc",
            after: self.after.parse().ok(),
            // One more than is shown tells whether there is a next page.
            limit: ROWS + 1,
            ..RunFilter::default()
        }
    }

    fn is_filtered(&self) -> bool {
        [
            &self.status,
            &self.dataset,
            &self.tag,
            &self.text,
            &self.after,
        ]
        .iter()
        .any(|part| !part.is_empty())
    }

    /// The address of this list with another order or place.
    fn with(&self, sort: &str, order: &str, after: &str) -> String {
        let pairs = query(&[
            ("status", &self.status),
            ("dataset", &self.dataset),
            ("tag", &self.tag),
            ("text", &self.text),
            ("sort", sort),
            ("order", order),
            ("after", after),
        ]);
        format!("/?{pairs}")
    }
}

/// A heading of the table.
struct Heading {
    label: &'static str,
    explained: &'static str,
    href: String,
    /// `ascending`, `descending`, or empty.
    sorted: &'static str,
}

/// The demonstration's two runs, and how far its data are.
struct Story {
    data: DatasetRow,
    question: Option<Run>,
    way_out: Option<Run>,
}

/// What a reader of the demonstration does next.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// Launches the question.
    Launch,
    /// Watches the question's run, or reads its answer.
    Answer,
}

impl Story {
    fn is_told(&self) -> bool {
        [&self.question, &self.way_out]
            .iter()
            .all(|run| run.as_ref().is_some_and(|run| run.status.is_over()))
    }

    /// None once both runs are over, and while there is nothing to launch with.
    fn next(&self) -> Option<Step> {
        match &self.question {
            _ if self.is_told() => None,
            Some(_) => Some(Step::Answer),
            None => self.is_ready().then_some(Step::Launch),
        }
    }

    /// Both runs, where they are there, as the comparison names them.
    fn both(&self) -> Option<String> {
        let (one, other) = (self.question.as_ref()?, self.way_out.as_ref()?);
        Some(format!("{},{}", one.id, other.id))
    }

    fn is_ready(&self) -> bool {
        self.data.state == DatasetState::Ready
    }

    fn images(&self, split: Split) -> String {
        let facts = self.data.facts.as_ref();
        facts.map_or(String::new(), |facts| thousands(facts.images(split)))
    }

    fn classes(&self) -> usize {
        self.data.facts.as_ref().map_or(0, |f| f.classes.len())
    }
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    asked: RunsQuery,
    headings: Vec<Heading>,
    runs: Vec<Run>,
    next: Option<RunId>,
    tags: Vec<String>,
    datasets: Vec<DatasetRow>,
    story: Option<Story>,
    total: u64,
    has_groups: bool,
}

impl RunsPage {
    /// The step of the demonstration that is the page's one primary action.
    fn next_step(&self) -> Option<Step> {
        self.story.as_ref()?.next()
    }

    fn first_page(&self) -> String {
        self.asked.with(&self.asked.sort, &self.asked.order, "")
    }

    /// The address of the page after a run.
    fn next_page(&self, after: &RunId) -> String {
        self.asked
            .with(&self.asked.sort, &self.asked.order, &after.to_string())
    }

    fn dataset_title<'a>(&'a self, run: &'a Run) -> &'a str {
        let Some(id) = &run.dataset else { return "" };
        let row = self.datasets.iter().find(|row| row.id == *id);
        row.map_or(id.as_str(), |row| &row.title)
    }
}

/// "cnn-gap", or "own, 7 layers"
pub fn model_name(run: &Run) -> String {
    match &run.spec.model {
        ModelSpec::Preset(name) => name.clone(),
        ModelSpec::Layers(layers) => format!("own, {} layers", layers.len()),
    }
}

async fn list(
    State(app): State<App>,
    Query(asked): Query<RunsQuery>,
) -> Result<Response, HttpError> {
    let mut runs = app.store.runs(asked.filter()).await?;
    let next = (runs.len() > ROWS).then(|| runs[ROWS - 1].id);
    runs.truncate(ROWS);
    let datasets = app.store.datasets().await?;
    let story = if asked.is_filtered() {
        None
    } else {
        story(&app, &datasets).await?
    };
    let counts = app.store.run_counts().await?;
    Ok(rendered(&RunsPage {
        headings: headings(&asked),
        asked,
        runs,
        next,
        tags: app.store.tags().await?,
        datasets,
        story,
        total: counts.values().sum(),
        has_groups: !app.store.groups(1).await?.is_empty(),
    }))
}

fn headings(asked: &RunsQuery) -> Vec<Heading> {
    COLUMNS
        .into_iter()
        .map(|(key, _, label, explained)| {
            let here = asked.sort == key;
            let ascending = here && asked.order == "asc";
            Heading {
                label,
                explained,
                href: asked.with(key, if here && !ascending { "asc" } else { "" }, ""),
                sorted: match (here, ascending) {
                    (false, _) => "",
                    (true, true) => "ascending",
                    (true, false) => "descending",
                },
            }
        })
        .collect()
}

/// The newest runs of the demonstration's two networks that the user launched: None where its data were deleted.
async fn story(app: &App, datasets: &[DatasetRow]) -> Result<Option<Story>, HttpError> {
    let Some(data) = datasets.iter().find(|row| row.id.as_str() == DEMO) else {
        return Ok(None);
    };
    Ok(Some(Story {
        data: data.clone(),
        question: newest(app, QUESTION).await?,
        way_out: newest(app, WAY_OUT).await?,
    }))
}

async fn newest(app: &App, preset: &str) -> Result<Option<Run>, HttpError> {
    let filter = RunFilter {
        dataset: Some(DEMO.to_owned()),
        own: true,
        preset: Some(preset.to_owned()),
        limit: 1,
        ..RunFilter::default()
    };
    Ok(app.store.runs(filter).await?.into_iter().next())
}
