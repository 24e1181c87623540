//! `/diagnose`: a history that something else wrote goes in, its report comes out; nothing is kept.

use super::App;
use super::error::rendered;
use super::finding::{FindingView, no_pictures};
use super::report::{Material, Report};
use crate::chart::Best;
use crate::diagnose::looks::{Looks, Source};
use crate::run::{FieldError, Split};
use crate::web::HttpError;
use crate::web::history_upload::{HistoryUpload, Judged, Typed};
use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub fn router() -> Router<App> {
    Router::new().route(
        "/diagnose",
        get(show).post(submit).layer(DefaultBodyLimit::disable()),
    )
}

/// A report with the files that it can be saved as, within their addresses: nothing is kept that they could come from.
struct Answer {
    report: Report,
    html: String,
    json: String,
}

#[derive(Default, Template)]
#[template(path = "diagnose.html")]
struct DiagnosePage {
    typed: Typed,
    errors: Vec<FieldError>,
    answer: Option<Answer>,
}

impl DiagnosePage {
    /// What is wrong with a field.
    fn error(&self, field: &str) -> String {
        let of_field = self.errors.iter().filter(|e| e.field == field);
        of_field
            .map(|e| e.message.as_str())
            .collect::<Vec<_>>()
            .join("; ")
    }
}

async fn show() -> Response {
    rendered(&DiagnosePage::default())
}

async fn submit(State(app): State<App>, request: Request) -> Result<Response, HttpError> {
    let upload = HistoryUpload::receive(&app, request).await?;
    let typed = upload.typed.clone();
    let judged = match upload.judge().await {
        Ok(judged) => judged,
        Err(error) if !error.errors.is_empty() => {
            let page = DiagnosePage {
                typed,
                errors: error.errors,
                answer: None,
            };
            return Ok((error.status, rendered(&page)).into_response());
        }
        Err(error) => return Err(error),
    };
    let answer = tokio::task::spawn_blocking(move || answer(judged))
        .await
        .map_err(HttpError::internal)??;
    Ok(rendered(&DiagnosePage {
        typed,
        errors: Vec::new(),
        answer: Some(answer),
    }))
}

fn answer(judged: Judged) -> Result<Answer, HttpError> {
    let json = serde_json::to_vec_pretty(&judged.report).map_err(HttpError::internal)?;
    let report = report(judged)?;
    let html = report.file()?;
    Ok(Answer {
        html: format!(
            "data:text/html;charset=utf-8;base64,{}",
            STANDARD.encode(html)
        ),
        json: format!("data:application/json;base64,{}", STANDARD.encode(json)),
        report,
    })
}

fn report(judged: Judged) -> Result<Report, HttpError> {
    let Judged {
        name,
        report: found,
        has_predictions,
    } = judged;
    let history = &found.history;
    let epochs = history.records();
    let looks = Looks::default().run(&found.diagnosis);
    let looks = if has_predictions {
        looks
    } else {
        looks.without(
            Source::Predictions,
            "None were given, so permuted labels, one class for everything and scoring that contradicts itself cannot be seen.",
            "Write down what the network says of each image, in a CSV with the columns split, label and prediction, and give it \
             with the history: it tells whether the classes are mixed up.",
        )
    };
    let looks = looks.without(
        Source::Data,
        "The images were not seen, nor the network.",
        "Look at the images, which takes seconds: gapwatch diagnose --data FOLDER finds copies across the splits, missing \
         classes and differences between training and validation, and says what simple models make of them.",
    );
    let known = |split: Split| history.images[split as usize];
    let mut facts = vec![("File", name.clone()), ("Epochs", found.epochs.to_string())];
    facts.extend((found.classes > 0).then(|| ("Classes", found.classes.to_string())));
    for (what, split) in [
        ("Training images", Split::Train),
        ("Validation images", Split::Val),
        ("Test images", Split::Test),
    ] {
        facts.push((
            what,
            known(split).map_or_else(|| "not known".to_owned(), |n| n.to_string()),
        ));
    }
    let material = Material {
        origin: format!("A history that something else wrote, {} epochs.", found.epochs),
        title: name,
        epochs: &epochs,
        last: history.last(),
        provisional: (known(Split::Val).is_none())
            .then_some("Uncertain: the number of validation images is not known, so chance is estimated from the curves.")
            .or(found
                .diagnosis
                .provisional
                .then_some("Uncertain: few validation images.")),
        diagnosis: looks.document(found.diagnosis.clone()),
        best: found.diagnosis.best_epoch.map(|epoch| Best {
            epoch,
            by: history.best_by(),
        }),
        looks,
    };
    let mut report = Report::of(material, |source, findings| {
        FindingView::list(&format!("{source:?}").to_lowercase(), findings, no_pictures)
    })?;
    report.notes = found.notes.clone();
    report.facts = facts;
    Ok(report)
}
