//! A dataset's audit and simple models on its page: how they stand, what they found, starting and giving them up.

use super::App;
use super::distribution::distribution;
use super::finding::FindingView;
use super::wording::{counted, figure, percent};
use crate::diagnose::audit::{Audit, Property, PropertyComparison, PropertySummary};
use crate::diagnose::p_value;
use crate::diagnose::simple_models::{Scored, SimpleModel, SimpleModels};
use crate::run::{DatasetId, Split};
use crate::store::{DatasetRow, DatasetState, Inspection, InspectionRow, InspectionState};
use crate::web::HttpError;
use crate::web::extract::Ids;
use axum::Router;
use axum::extract::State;
use axum::response::Redirect;
use axum::routing::post;

pub fn router() -> Router<App> {
    Router::new()
        .route("/datasets/{id}/inspect/{kind}", post(ask))
        .route("/datasets/{id}/inspect/{kind}/cancel", post(cancel))
}

async fn ask(
    State(app): State<App>,
    Ids(id, kind): Ids<DatasetId, Inspection>,
) -> Result<Redirect, HttpError> {
    if kind == Inspection::RateTest {
        return Err(HttpError::bad_request(
            "a range test is asked for on the form of a new run, whose settings it tests",
        ));
    }
    app.store.ask_inspection(&id, kind, None).await?;
    app.inspector.poke();
    Ok(back_to(&id, kind))
}

async fn cancel(
    State(app): State<App>,
    Ids(id, kind): Ids<DatasetId, Inspection>,
) -> Result<Redirect, HttpError> {
    app.store.cancel_inspection(&id, kind).await?;
    app.inspector.give_up(&id, Some(kind));
    Ok(back_to(&id, kind))
}

fn back_to(id: &DatasetId, kind: Inspection) -> Redirect {
    Redirect::to(&format!("/datasets/{id}#{}", kind.name()))
}

/// "found 2 problems and 1 warning", "found nothing wrong"
pub fn tally(problems: u32, warnings: u32) -> String {
    let problems = (problems > 0).then(|| counted(problems, "problem", "problems"));
    let warnings = (warnings > 0).then(|| counted(warnings, "warning", "warnings"));
    match (problems, warnings) {
        (Some(problems), Some(warnings)) => format!("found {problems} and {warnings}"),
        (Some(one), None) | (None, Some(one)) => format!("found {one}"),
        (None, None) => "found nothing wrong".to_owned(),
    }
}

/// For a link to a dataset's audit: "The audit found 2 problems"; None before it is done.
pub fn audit_link(row: &DatasetRow) -> Option<String> {
    let (problems, warnings) = row.audit?;
    Some(format!("The audit {}", tally(problems, warnings)))
}

/// How an inspection stands.
pub struct StateView {
    pub kind: Inspection,
    /// False while the dataset is not ready: then nothing can be asked for.
    pub ready: bool,
    /// None where it was never asked for.
    pub row: Option<InspectionRow>,
    /// Steps done, of how many.
    pub progress: Option<(u64, u64)>,
}

impl StateView {
    pub async fn of(app: &App, dataset: &DatasetRow) -> Result<[StateView; 2], HttpError> {
        let rows = app.store.inspections(&dataset.id).await?;
        Ok(Inspection::OF_IMAGES.map(|kind| StateView {
            kind,
            ready: dataset.state == DatasetState::Ready,
            row: rows.iter().find(|row| row.kind == kind).cloned(),
            progress: app
                .inspector
                .progress(&dataset.id, kind)
                .filter(|(_, of)| *of > 0),
        }))
    }

    pub fn is_pending(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.state.is_pending())
    }

    pub fn is(&self, state: InspectionState) -> bool {
        self.row.as_ref().is_some_and(|row| row.state == state)
    }

    fn is_kept(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.kept)
    }

    /// How it stands, in a sentence.
    pub fn sentence(&self) -> String {
        let audit = self.kind == Inspection::Audit;
        let Some(row) = &self.row else {
            return if audit {
                "These images were not audited yet."
            } else {
                "They run by themselves when the first run of this dataset has ended, or when you ask for them now; seconds, and no network is needed."
            }
            .to_owned();
        };
        let subject = if audit {
            "The audit"
        } else {
            "The simple models"
        };
        match row.state {
            InspectionState::Waiting => format!(
                "{subject} will start when it is their turn: one thing is looked into at a time."
            )
            .replace("their", if audit { "its" } else { "their" }),
            InspectionState::Running => match self.progress {
                Some((done, of)) if !audit && 2 * done >= of => {
                    "The models are being fitted.".to_owned()
                }
                _ => "The images are being looked at.".to_owned(),
            },
            InspectionState::Cancelled if row.kept => {
                "The repetition was cancelled; below is what was found before.".to_owned()
            }
            InspectionState::Cancelled => "It was cancelled.".to_owned(),
            InspectionState::Failed => {
                format!("It did not work: {}.", row.message.trim_end_matches('.'))
            }
            InspectionState::Done => format!("{subject} {}.", tally(row.problems, row.warnings)),
        }
    }

    /// Of the button that starts it.
    pub fn button(&self) -> &'static str {
        match (self.kind, self.is_kept()) {
            (Inspection::Audit, false) => "Audit these images",
            (Inspection::SimpleModels, false) => "Fit simple models",
            (Inspection::RateTest, false) => "Test learning rates",
            (_, true) => "Again",
        }
    }

    /// "3,210 of 10,000"
    pub fn percent(&self) -> String {
        self.progress
            .map_or_else(String::new, |(done, of)| percent(done as f64 / of as f64))
    }
}

/// One property by split, with its outlines.
pub struct PropertyView {
    pub property: Property,
    /// By [`Split::ALL`]'s order.
    pub summaries: [Option<PropertySummary>; 3],
    pub comparisons: Vec<PropertyComparison>,
    /// An SVG element; empty where it could not be drawn.
    pub chart: String,
}

impl PropertyView {
    /// Of the split at a position of [`Split::ALL`].
    pub fn comparison(&self, place: &usize) -> Option<&PropertyComparison> {
        self.comparisons.iter().find(|c| c.split as usize == *place)
    }
}

/// A property that is the same in all images: its name and value.
pub struct Constant(pub &'static str, pub String);

/// What an audit found, ready for the page.
pub struct AuditView {
    pub audit: Audit,
    pub findings: Vec<FindingView>,
    pub properties: Vec<PropertyView>,
    pub constant: Vec<Constant>,
}

impl AuditView {
    /// Images of a split that it has twice.
    pub fn surplus(&self, split: &Split) -> usize {
        self.audit.duplicates.surplus[*split as usize]
    }

    pub async fn of(app: &App, id: &DatasetId) -> Result<Option<AuditView>, HttpError> {
        let Some(audit) = app.store.inspected::<Audit>(id, Inspection::Audit).await? else {
            return Ok(None);
        };
        let findings = FindingView::list_of(app, Some(id), "audit", &audit.findings).await;
        let view = tokio::task::spawn_blocking(move || {
            let (mut properties, mut constant) = (Vec::new(), Vec::new());
            for property in Property::ALL {
                let of_split = Split::ALL.map(|split| {
                    let mut summaries = audit.properties.iter();
                    summaries
                        .find(|s| s.split == split && s.property == property)
                        .cloned()
                });
                let all = of_split.iter().flatten();
                let ends =
                    all.clone()
                        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| {
                            (
                                low.min(s.low).min(s.distribution.from),
                                high.max(s.high).max(s.distribution.to),
                            )
                        });
                if let Some(first) = all.clone().next().filter(|_| ends.0 == ends.1) {
                    constant.push(Constant(property.title(), figure(first.median)));
                    continue;
                }
                properties.push(PropertyView {
                    chart: distribution(of_split.iter().flatten()),
                    property,
                    summaries: of_split,
                    comparisons: audit
                        .comparisons
                        .iter()
                        .filter(|c| c.property == property)
                        .cloned()
                        .collect(),
                });
            }
            AuditView {
                audit,
                findings,
                properties,
                constant,
            }
        });
        view.await.map(Some).map_err(HttpError::internal)
    }
}

/// What simple models found, ready for the page.
pub struct ModelsView {
    pub models: SimpleModels,
    pub findings: Vec<FindingView>,
}

impl ModelsView {
    pub async fn of(app: &App, id: &DatasetId) -> Result<Option<ModelsView>, HttpError> {
        let kept = app.store.inspected(id, Inspection::SimpleModels).await?;
        let Some(models) = kept else { return Ok(None) };
        let models: SimpleModels = models;
        let findings = FindingView::list_of(app, Some(id), "models", &models.findings).await;
        Ok(Some(ModelsView { models, findings }))
    }

    pub fn name(&self, model: &SimpleModel) -> &'static str {
        match model {
            SimpleModel::Linear => "linear",
            SimpleModel::NearestNeighbours => "five nearest neighbours",
        }
    }

    /// "within training", "from training to validation"
    pub fn way(&self, scored: &Scored) -> String {
        match (scored.fitted_on, scored.scored_on) {
            (one, other) if one == other => format!("within {}", one.word()),
            (one, other) => format!("from {} to {}", one.word(), other.word()),
        }
    }

    pub fn p(&self, p: &f64) -> String {
        p_value(*p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_said_in_words() {
        assert_eq!(tally(0, 0), "found nothing wrong");
        assert_eq!(tally(1, 0), "found 1 problem");
        assert_eq!(tally(0, 3), "found 3 warnings");
        assert_eq!(tally(2, 1), "found 2 problems and 1 warning");
    }
}
