//! The confusion matrix of a run at one epoch: which classes are taken for which. Cells open the images.

use super::App;
use super::error::rendered;
use super::images::images_of;
use super::matrix_table::MatrixTable;
use super::wording::percent;
use crate::diagnose::finding::MatchedConfusion;
use crate::run::{Confusion, EpochRecord, RunId, Split};
use crate::store::Run;
use crate::web::HttpError;
use crate::web::extract::{Id, Query};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

/// The length of the list of the commonest confusions that stands in a table's stead where there are too many classes.
const MOST_PAIRS: usize = 60;

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/confusion", get(show))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MatrixQuery {
    pub split: String,
    pub epoch: String,
}

/// Images of one class that are taken for another.
struct Pair {
    truth: String,
    predicted: String,
    images: u32,
    href: Option<String>,
}

/// A confusion matrix ready to be shown.
#[derive(Template)]
#[template(path = "matrix.html")]
pub struct MatrixView {
    run: RunId,
    pub split: Split,
    pub epoch: u32,
    /// The splits that the run is measured on.
    pub splits: Vec<Split>,
    /// The first and the last epoch; both 0 before the first.
    pub span: (u32, u32),
    classes: Vec<String>,
    /// None where there are too many classes.
    table: Option<MatrixTable>,
    /// The commonest confusions, where there is no table.
    pairs: Vec<Pair>,
    correct: u32,
    n: u32,
}

impl MatrixView {
    /// The matrix that a query asks for; by default that of validation after the last epoch.
    pub async fn of(
        app: &App,
        run: &Run,
        epochs: &[EpochRecord],
        asked: &MatrixQuery,
    ) -> Result<MatrixView, HttpError> {
        let splits: Vec<Split> = Split::ALL
            .into_iter()
            .filter(|split| epochs.last().is_some_and(|e| e.split(*split).is_some()))
            .collect();
        let split = splits
            .iter()
            .copied()
            .find(|split| split.name() == asked.split)
            .unwrap_or(Split::Val);
        let first = epochs.first().map_or(0, |e| e.epoch);
        let last = epochs.last().map_or(0, |e| e.epoch);
        let epoch = asked.epoch.parse().unwrap_or(last).clamp(first, last);
        let counts = app.store.confusion(run.id, epoch, split).await?;
        let classes = run.facts.as_ref().map_or(Vec::new(), |f| f.classes.clone());
        let counts = counts.unwrap_or_default();
        Ok(MatrixView {
            splits,
            span: (first, last),
            ..MatrixView::new(run.id, split, epoch, classes, &counts)
        })
    }

    fn new(run: RunId, split: Split, epoch: u32, classes: Vec<String>, counts: &Confusion) -> Self {
        let cells: Vec<(usize, usize, u32)> = counts
            .0
            .iter()
            .map(|&(t, p, n)| (t as usize, p as usize, n))
            .collect();
        // A script that reports its own run need not name its classes.
        let known = classes.len();
        let most = cells
            .iter()
            .map(|(t, p, _)| t.max(p) + 1)
            .max()
            .unwrap_or(0);
        let classes: Vec<String> = classes
            .into_iter()
            .chain((known..most).map(|c| format!("class {c}")))
            .collect();
        let href = |truth: usize, predicted: usize| {
            (split != Split::Train).then(|| images_of(run, split, epoch, truth, predicted))
        };
        let n = cells.iter().map(|c| c.2).sum();
        let correct = cells.iter().filter(|(t, p, _)| t == p).map(|c| c.2).sum();
        let (mut table, mut pairs) = (None, Vec::new());
        if classes.len() <= MatchedConfusion::MOST_CLASSES {
            let caption = format!(
                "Confusion matrix of {}: images by true class (rows) and predicted class (columns)",
                split.word()
            );
            table = Some(MatrixTable::of(
                caption,
                &classes,
                cells,
                |_, _| false,
                href,
            ));
        } else {
            pairs = cells
                .into_iter()
                .filter(|(truth, predicted, _)| truth != predicted)
                .map(|(truth, predicted, images)| Pair {
                    truth: classes[truth].clone(),
                    predicted: classes[predicted].clone(),
                    images,
                    href: href(truth, predicted),
                })
                .collect();
            pairs.sort_by_key(|pair| std::cmp::Reverse(pair.images));
            pairs.truncate(MOST_PAIRS);
        }
        MatrixView {
            run,
            split,
            epoch,
            splits: Vec::new(),
            span: (epoch, epoch),
            classes,
            table,
            pairs,
            correct,
            n,
        }
    }

    fn accuracy(&self) -> f64 {
        f64::from(self.correct) / f64::from(self.n.max(1))
    }
}

async fn show(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Query(asked): Query<MatrixQuery>,
) -> Result<Response, HttpError> {
    let (run, epochs) = app.store.run_with_epochs(id).await?;
    let matrix = MatrixView::of(&app, &run, &epochs, &asked).await?;
    Ok(rendered(&matrix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(classes: usize, counts: Vec<(u32, u32, u32)>) -> MatrixView {
        let names = (0..classes).map(|c| format!("c{c}")).collect();
        MatrixView::new(RunId(3), Split::Val, 7, names, &Confusion(counts))
    }

    #[test]
    fn a_cell_has_its_count_and_its_share_of_the_true_class() {
        let html = view(2, vec![(0, 0, 3), (0, 1, 1), (1, 1, 4)])
            .render()
            .unwrap();
        assert!(
            html.contains("/runs/3/images?split=val&amp;epoch=7&amp;class=0&amp;predicted=1")
                || html
                    .contains("/runs/3/images?split=val&#38;epoch=7&#38;class=0&#38;predicted=1"),
            "{html}"
        );
        assert!(html.contains("87.5 % (7 of 8)"), "{html}");
        assert!(html.contains("--share:0.25"), "{html}");
    }

    #[test]
    fn many_classes_become_a_list_of_the_commonest_confusions() {
        let counts = (0..100).map(|c| (c, (c + 1) % 100, c + 1)).collect();
        let matrix = view(100, counts);
        assert!(matrix.table.is_none());
        assert_eq!(matrix.pairs[0].images, 100);
        assert_eq!(matrix.pairs.len(), MOST_PAIRS);
    }

    #[test]
    fn classes_that_nobody_named_are_numbered() {
        let matrix = view(0, vec![(0, 2, 1)]);
        assert_eq!(matrix.classes, ["class 0", "class 1", "class 2"]);
    }
}
