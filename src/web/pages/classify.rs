//! `/runs/{id}/classify`: images of one's own before a run's network, and the classes that it gives them.

use super::App;
use super::error::rendered;
use super::wording::{counted, percent};
use crate::run::RunId;
use crate::store::Checkpoint;
use crate::web::HttpError;
use crate::web::api::{ClassifyForm, MOST_CLASSIFIED_BYTES};
use crate::web::classifiers::{Answer, Answers};
use crate::web::extract::Id;
use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::Response;
use axum::routing::get;

/// Classes that are drawn; the rest is summed up.
const MOST_SHOWN: usize = 5;

pub fn router() -> Router<App> {
    let submit = get(show).post(classify);
    Router::new().route(
        "/runs/{id}/classify",
        submit.layer(DefaultBodyLimit::max(MOST_CLASSIFIED_BYTES)),
    )
}

/// One image with its most probable classes.
struct Shown {
    name: String,
    answer: Result<Classes, String>,
}

struct Classes {
    /// A data URI.
    picture: String,
    /// The most probable first.
    first: Vec<(String, f64)>,
    /// How many others there are, and their probability together.
    others: (usize, f64),
}

/// The answers, as the page shows them.
struct Results {
    checkpoint: &'static str,
    epoch: u32,
    images: Vec<Shown>,
}

#[derive(Template)]
#[template(path = "classify.html")]
struct ClassifyPage {
    run: RunId,
    run_name: String,
    checkpoints: Vec<Checkpoint>,
    results: Option<Results>,
}

impl Shown {
    fn of(Answer { name, classified }: Answer, classes: &[String]) -> Shown {
        let answer = classified.map(|(of, picture)| {
            let mut order: Vec<usize> = (0..classes.len()).collect();
            let p = &of.probabilities;
            order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
            let shown = order.len().min(MOST_SHOWN);
            let (first, rest) = order.split_at(shown);
            Classes {
                picture,
                first: first.iter().map(|i| (classes[*i].clone(), p[*i])).collect(),
                others: (rest.len(), rest.iter().map(|i| p[*i]).sum()),
            }
        });
        Shown { name, answer }
    }
}

impl ClassifyPage {
    async fn of(app: &App, id: RunId, results: Option<Results>) -> Result<Self, HttpError> {
        let run = app.store.run(id).await?;
        Ok(ClassifyPage {
            run: id,
            run_name: run.name,
            checkpoints: app.store.checkpoints(id).await?,
            results,
        })
    }
}

async fn show(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    Ok(rendered(&ClassifyPage::of(&app, id, None).await?))
}

async fn classify(
    State(app): State<App>,
    Id(id): Id<RunId>,
    request: Request,
) -> Result<Response, HttpError> {
    let form = ClassifyForm::read(&app, request).await?;
    let checkpoint = form.checkpoint;
    let Answers {
        epoch,
        classes,
        images,
    } = form.ask(&app, id).await?;
    let images = images.into_iter().map(|answer| Shown::of(answer, &classes));
    let results = Results {
        checkpoint,
        epoch,
        images: images.collect(),
    };
    Ok(rendered(&ClassifyPage::of(&app, id, Some(results)).await?))
}
