//! `/runs/{id}/reveal`: asks before a sealed run's test figures are opened, and opens them; and what looking at test does.

use super::App;
use super::control::back_to;
use super::error::rendered;
use super::wording::{points, thousands};
use crate::run::{RunId, Split, TestFigures};
use crate::store::{Run, TestLooks};
use crate::web::HttpError;
use crate::web::extract::Id;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{Redirect, Response};
use axum::routing::get;

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/reveal", get(ask).post(reveal))
}

/// What is known of the looks at a run's test images.
pub struct TestView {
    pub run: RunId,
    /// Nobody has revealed its figures yet.
    pub sealed: bool,
    /// It was launched so.
    pub was_sealed: bool,
    pub is_over: bool,
    /// None where nobody knows the data.
    pub looks: Option<TestLooks>,
    /// Percentage points that the best of that many networks seems too good by.
    pub luck: Option<f64>,
    pub images: u32,
}

impl TestView {
    pub async fn of(app: &App, run: &Run) -> Result<TestView, HttpError> {
        let looks = match &run.facts {
            Some(facts) => Some(app.store.test_looks(&facts.fingerprint).await?),
            None => None,
        };
        let images = run.facts.as_ref().map_or(0, |f| f.images(Split::Test));
        // Of sealed test figures validation's are the best guess.
        let accuracy = |split| Some(run.latest.as_ref()?.split(split)?.accuracy);
        let accuracy = accuracy(Split::Test).or_else(|| accuracy(Split::Val));
        let luck = |looks: TestLooks| looks.luck(accuracy?, images);
        Ok(TestView {
            run: run.id,
            sealed: run.sealed,
            was_sealed: run.spec.test == TestFigures::Sealed,
            is_over: run.status.is_over(),
            luck: looks.and_then(luck),
            looks,
            images,
        })
    }

    /// "The test images of this dataset were looked at 7 times by 6 runs."
    pub fn told(&self) -> Option<String> {
        Some(match self.looks? {
            TestLooks { times: 0, .. } => {
                "Nobody has looked at the test images of this dataset yet.".to_owned()
            }
            looks => format!("The test images of this dataset were looked at {looks}."),
        })
    }

    /// Whether there is anything to say of test.
    pub fn is_known(&self) -> bool {
        self.images > 0 || self.was_sealed
    }
}

#[derive(Template)]
#[template(path = "reveal.html")]
struct RevealPage {
    test: TestView,
}

async fn ask(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let run = app.store.run(id).await?;
    let test = TestView::of(&app, &run).await?;
    Ok(rendered(&RevealPage { test }))
}

async fn reveal(State(app): State<App>, Id(id): Id<RunId>) -> Result<Redirect, HttpError> {
    app.store.reveal_test(id).await?;
    Ok(back_to(id))
}
