//! `/datasets/{id}`: what a dataset holds, how its images look, what was left out, and its deletion.

use super::App;
use super::error::rendered;
use super::inspection::{AuditView, ModelsView, StateView};
use super::wording::{counted, figure, percent, thousands};
use crate::data::{Dataset, Summary};
use crate::diagnose::p_value;
use crate::run::{DatasetId, Split};
use crate::store::{
    DatasetRow, DatasetState, Inspection, InspectionState, Run, RunFilter, TestLooks,
};
use crate::web::HttpError;
use crate::web::extract::Id;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{Redirect, Response};
use axum::routing::{get, post};

/// Pictures of each split.
const PICTURES: usize = 27;
/// Of them, those that are shown at once: a row.
const ROW: usize = 9;

pub fn router() -> Router<App> {
    Router::new()
        .route("/datasets/{id}", get(show))
        .route("/datasets/{id}/delete", post(delete))
}

/// An image with its place in the index.
struct Picture {
    position: usize,
    class: String,
    path: String,
}

#[derive(Template)]
#[template(path = "dataset.html")]
struct DatasetPage {
    row: DatasetRow,
    summary: Option<Summary>,
    /// Of the audit and of the simple models.
    states: [StateView; 2],
    audit: Option<AuditView>,
    models: Option<ModelsView>,
    /// Of each split: a row, and further ones.
    pictures: Vec<(Split, Vec<Picture>, Vec<Picture>)>,
    runs: Vec<Run>,
    /// At its test images.
    looks: Option<TestLooks>,
}

impl DatasetPage {
    /// What guessing gets of the validation images, or of the test images where there are none.
    fn chance(&self) -> Option<f64> {
        self.row.facts.as_ref()?.chance(Split::Val)
    }

    fn is_needed(&self) -> bool {
        self.runs.iter().any(|run| !run.status.is_over())
    }

    /// There are pictures beyond the rows.
    fn has_further(&self) -> bool {
        self.pictures
            .iter()
            .any(|(_, _, further)| !further.is_empty())
    }

    /// "9 classes of 70 images in training, 10 in validation, 10 in test"; a range where classes differ.
    fn class_sizes(&self, summary: &Summary) -> String {
        let classes = counted(summary.classes.len(), "class", "classes");
        let sizes = Split::ALL.map(|split| {
            let of = summary.classes.iter().map(|class| match split {
                Split::Train => class.train,
                Split::Val => class.val,
                Split::Test => class.test,
            });
            let (least, most) = (of.clone().min().unwrap_or(0), of.max().unwrap_or(0));
            let images = match least == most {
                true => thousands(most),
                false => format!("{} to {}", thousands(least), thousands(most)),
            };
            format!("{images} in {}", split.word())
        });
        format!("{classes} of {}", sizes.join(", "))
    }

    /// "0.482, 0.471, 0.405"
    fn channel_means(&self, means: &[f64]) -> String {
        let means: Vec<String> = means.iter().map(|mean| format!("{mean:.3}")).collect();
        means.join(", ")
    }
}

async fn show(State(app): State<App>, Id(id): Id<DatasetId>) -> Result<Response, HttpError> {
    let row = app.store.dataset(&id).await?;
    let runs = app
        .store
        .runs(RunFilter {
            dataset: Some(id.to_string()),
            ..RunFilter::default()
        })
        .await?;
    let (summary, pictures) = match row.state {
        DatasetState::Ready => {
            let dataset = app.library.dataset(&id).await?;
            (Some(dataset.index.summary()), pictures(&dataset))
        }
        _ => (None, Vec::new()),
    };
    let looks = match &row.facts {
        Some(facts) => Some(app.store.test_looks(&facts.fingerprint).await?),
        None => None,
    };
    Ok(rendered(&DatasetPage {
        looks,
        states: StateView::of(&app, &row).await?,
        audit: AuditView::of(&app, &id).await?,
        models: ModelsView::of(&app, &id).await?,
        row,
        summary,
        pictures,
        runs,
    }))
}

/// Some images of each split, one class after the other.
fn pictures(dataset: &Dataset) -> Vec<(Split, Vec<Picture>, Vec<Picture>)> {
    let index = &dataset.index;
    let classes = index.classes.len().max(1);
    let each = PICTURES.div_ceil(classes);
    Split::ALL
        .into_iter()
        .map(|split| {
            let mut taken = vec![0; classes];
            let mut chosen = index
                .entries
                .iter()
                .enumerate()
                .filter(|(_, entry)| entry.split == split)
                .filter(|(_, entry)| {
                    let count = &mut taken[entry.label as usize % classes];
                    *count += 1;
                    *count <= each
                })
                .take(PICTURES)
                .map(|(position, entry)| Picture {
                    position,
                    class: index
                        .classes
                        .get(entry.label as usize)
                        .cloned()
                        .unwrap_or_default(),
                    path: entry.path.clone(),
                })
                .collect::<Vec<_>>();
            let further = chosen.split_off(chosen.len().min(ROW));
            (split, chosen, further)
        })
        .filter(|(_, chosen, _)| !chosen.is_empty())
        .collect()
}

async fn delete(State(app): State<App>, Id(id): Id<DatasetId>) -> Result<Redirect, HttpError> {
    app.store.delete_dataset(&id).await?;
    app.inspector.give_up(&id, None);
    Ok(Redirect::to("/datasets"))
}
