//! `/runs/{id}/images`: the images behind a cell of a confusion matrix, the most mistaken first.

use super::App;
use super::error::rendered;
use super::paging::{Paging, page_number};
use super::wording::{counted, percent, query};
use crate::run::{DatasetId, RunId, Split};
use crate::web::HttpError;
use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use std::collections::HashMap;

/// Images on the page.
const IMAGES: usize = 60;

/// Where the images of a true class are shown that a run took for another after an epoch.
pub fn images_of(run: RunId, split: Split, epoch: u32, truth: usize, predicted: usize) -> String {
    format!("/runs/{run}/images?split={split}&epoch={epoch}&class={truth}&predicted={predicted}")
}

/// Which images: of a split after an epoch, of one true class and one predicted class if they are given.
#[derive(Deserialize)]
pub struct Cell {
    split: Split,
    epoch: u32,
    class: Option<u32>,
    predicted: Option<u32>,
    #[serde(default, deserialize_with = "page_number")]
    page: usize,
}

impl Cell {
    /// The address of a page of them.
    fn address(&self, run: RunId, page: usize) -> String {
        let number = |of: Option<u32>| of.map_or_else(String::new, |of| of.to_string());
        let pairs = query(&[
            ("split", self.split.name()),
            ("epoch", &self.epoch.to_string()),
            ("class", &number(self.class)),
            ("predicted", &number(self.predicted)),
            ("page", &page.to_string()),
        ]);
        format!("/runs/{run}/images?{pairs}")
    }
}

struct Shown {
    /// In the dataset's index.
    position: usize,
    path: String,
    truth: u32,
    predicted: u32,
    confidence: f32,
    loss: f32,
}

#[derive(Template)]
#[template(path = "images.html")]
struct ImagesPage {
    run: RunId,
    run_name: String,
    dataset: DatasetId,
    asked: Cell,
    classes: Vec<String>,
    shown: Vec<Shown>,
    total: usize,
    paging: Paging,
}

impl ImagesPage {
    fn class(&self, label: u32) -> String {
        match self.classes.get(label as usize) {
            Some(name) => name.clone(),
            None => format!("class {label}"),
        }
    }

    fn heading(&self) -> String {
        match (self.asked.class, self.asked.predicted) {
            (Some(truth), Some(predicted)) if truth == predicted => {
                format!("{} that are taken for what they are", self.class(truth))
            }
            (Some(truth), Some(predicted)) => {
                format!("{} taken for {}", self.class(truth), self.class(predicted))
            }
            (Some(truth), None) => self.class(truth),
            (None, Some(predicted)) => format!("Taken for {}", self.class(predicted)),
            (None, None) => "All images".to_owned(),
        }
    }
}

/// The page of a cell.
pub async fn show(app: &App, id: RunId, asked: Cell) -> Result<Response, HttpError> {
    let run = app.store.run(id).await?;
    let results = app
        .store
        .image_results(id, asked.epoch, asked.split)
        .await?
        .ok_or_else(|| {
            HttpError::not_found(format!(
                "run {id} has no results of single {} images after epoch {}",
                asked.split.word(),
                asked.epoch
            ))
        })?;
    let gone = || {
        HttpError::not_found(format!(
            "the images of run {id} are not here: its dataset was deleted, or its run reported from elsewhere"
        ))
    };
    let name = run.dataset.clone().ok_or_else(gone)?;
    let dataset = app.library.dataset(&name).await?;
    let index = dataset.index.varied(&run.spec.variation)?;
    let facts = run.facts.as_ref().ok_or_else(gone)?;
    // Pictures are served by their place in the dataset as it is.
    let positions: HashMap<&str, usize> = (0..)
        .zip(&dataset.index.entries)
        .map(|(position, entry)| (entry.path.as_str(), position))
        .collect();
    let entries: Vec<_> = index
        .of(asked.split)
        .filter_map(|entry| Some((*positions.get(entry.path.as_str())?, entry)))
        .collect();
    let same = facts.fingerprint == index.fingerprint
        && [results.confidence.len(), results.loss.len(), entries.len()]
            .iter()
            .all(|n| *n == results.prediction.len());
    if !same {
        return Err(gone());
    }
    let mut shown: Vec<Shown> = entries
        .into_iter()
        .zip(results.prediction)
        .zip(results.confidence.into_iter().zip(results.loss))
        .map(
            |(((position, entry), predicted), (confidence, loss))| Shown {
                position,
                path: entry.path.clone(),
                truth: entry.label,
                predicted,
                confidence,
                loss,
            },
        )
        .filter(|image| {
            asked.class.is_none_or(|class| class == image.truth)
                && asked.predicted.is_none_or(|class| class == image.predicted)
        })
        .collect();
    shown.sort_by(|a, b| b.loss.total_cmp(&a.loss));
    let total = shown.len();
    let address = |page| asked.address(id, page);
    let paging = Paging::of(&mut shown, asked.page, IMAGES, address);
    Ok(rendered(&ImagesPage {
        run: id,
        run_name: run.name,
        dataset: name,
        asked,
        classes: facts.classes.clone(),
        shown,
        total,
        paging,
    }))
}
