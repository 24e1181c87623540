//! `/runs/{id}/report`: everything that is known of a run on one page, and the same as one file.

use super::App;
use super::error::rendered;
use super::finding::{FindingView, Picture, thumbnails};
use super::report::{Material, Report};
use super::settings::{facts, settings};
use crate::data::{Dataset, thumbnail};
use crate::diagnose::Diagnosis;
use crate::diagnose::audit::Audit;
use crate::diagnose::finding::Finding;
use crate::diagnose::looks::{Looks, Source};
use crate::diagnose::simple_models::SimpleModels;
use crate::run::{EpochRecord, RunId, RunStatus};
use crate::store::{Diagnosed, Inspection, Run, StoreError};
use crate::web::HttpError;
use crate::web::extract::Id;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Pictures within one file; the paths of more are named.
const MOST_PICTURES: usize = 120;
/// Pixels of such a picture's longer side.
const SIDE: u32 = 128;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/report", get(page))
        .route("/runs/{id}/report.html", get(file))
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    report: Report,
    run: RunId,
}

/// A run as a report wants it.
struct Gathered {
    run: Run,
    epochs: Vec<EpochRecord>,
    diagnosis: Diagnosis,
    looks: Looks,
    /// None where there is none, or it was deleted.
    dataset: Option<Arc<Dataset>>,
}

async fn page(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let gathered = gather(&app, id).await?;
    let report = blocking(move || {
        let place = placed(&gathered);
        gathered.report(|path| place.as_ref().and_then(|place| place(path)))
    })
    .await?;
    Ok(rendered(&ReportPage { report, run: id }))
}

async fn file(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let gathered = gather(&app, id).await?;
    let html = blocking(move || {
        let pictures = match &gathered.dataset {
            Some(dataset) => inlined(dataset, &gathered.looks),
            None => HashMap::new(),
        };
        gathered.report(|path| pictures.get(path).cloned())?.file()
    })
    .await?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"run-{id}-report.html\""),
        ),
    ];
    Ok((headers, html).into_response())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HttpError> + Send + 'static,
) -> Result<T, HttpError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(HttpError::internal)?
}

async fn gather(app: &App, id: RunId) -> Result<Gathered, HttpError> {
    let Diagnosed {
        run,
        epochs,
        diagnosis,
    } = app.store.diagnosed(id).await?;
    let dataset = match &run.dataset {
        Some(dataset) => match app.library.dataset(dataset).await {
            Ok(dataset) => Some(dataset).filter(|dataset| is_of(&run, dataset)),
            Err(StoreError::NotFound(_) | StoreError::Conflict(_)) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    let inspected = match (&run.dataset, &dataset) {
        (Some(id), Some(_)) => Inspected {
            audit: app.store.inspected(id, Inspection::Audit).await?,
            simple_models: app.store.inspected(id, Inspection::SimpleModels).await?,
        },
        _ => Inspected::default(),
    };
    Ok(Gathered {
        looks: looks(&run, &diagnosis, dataset.is_some(), inspected),
        run,
        epochs,
        diagnosis,
        dataset,
    })
}

/// True for the images that the run was trained on, and not for others that have come under their name since.
fn is_of(run: &Run, dataset: &Dataset) -> bool {
    let facts = run.facts.as_ref();
    facts.is_some_and(|facts| facts.fingerprint == dataset.index.fingerprint)
}

/// What is kept of the dataset's inspections.
#[derive(Default)]
struct Inspected {
    audit: Option<Audit>,
    simple_models: Option<SimpleModels>,
}

/// Every look at a run; those that were not taken say so.
fn looks(run: &Run, diagnosis: &Diagnosis, has_data: bool, inspected: Inspected) -> Looks {
    let gone = match &run.dataset {
        Some(_) => "The dataset was deleted, so its images cannot be looked at.",
        None => "The run names no dataset, so its images cannot be looked at.",
    };
    let elsewhere = "Look at the images where they are, which takes seconds: gapwatch diagnose --data FOLDER finds copies \
                     across the splits, missing classes and differences between training and validation, and says what simple \
                     models make of them.";
    let (unaudited, how_audited) = match has_data {
        true => (
            "It was not audited yet.",
            "Audit the dataset on its page, which takes seconds: copies across the splits, missing classes, differences \
             between training and validation.",
        ),
        false => (gone, elsewhere),
    };
    let (unfitted, how_fitted) = match has_data {
        true => (
            "They were not fitted yet.",
            "Let simple models run on the dataset's page, which takes seconds: they tell whether the images say anything of \
             their classes, and whether it carries over.",
        ),
        false => (gone, elsewhere),
    };
    let mut looks = Looks::default().run(diagnosis);
    looks = match inspected.audit {
        Some(audit) => looks.with(Source::Data, audit.findings),
        None => looks.without(Source::Data, unaudited, how_audited),
    };
    looks = match inspected.simple_models {
        Some(models) => looks.with(Source::SimpleModels, models.findings),
        None => looks.without(Source::SimpleModels, unfitted, how_fitted),
    };
    match run.network_findings() {
        Some(findings) => looks.with(Source::Layers, findings),
        None => looks.without(
            Source::Layers,
            "A script of its owner trained it: Gapwatch has not seen its layers.",
            "",
        ),
    }
}

/// Where the dataset's pictures are served.
fn placed(gathered: &Gathered) -> Option<impl Fn(&str) -> Option<Picture>> {
    let (id, dataset) = (gathered.run.dataset.as_ref()?, gathered.dataset.as_ref()?);
    Some(thumbnails(id, &dataset.index))
}

impl Gathered {
    fn report(&self, place: impl Fn(&str) -> Option<Picture>) -> Result<Report, HttpError> {
        let run = &self.run;
        let title = match run.name.as_str() {
            "" => format!("run {}", run.id),
            name => name.to_owned(),
        };
        let provisional = match run.status {
            _ if !self.diagnosis.provisional || self.epochs.is_empty() => None,
            RunStatus::Queued | RunStatus::Running => Some("the run still goes on."),
            _ => Some("there are few validation images."),
        };
        let material = Material {
            title,
            origin: format!(
                "Run {}, {}, epoch {} of {}.",
                run.id, run.status, run.epoch, run.epochs
            ),
            last: self.epochs.last().cloned(),
            epochs: &self.epochs,
            diagnosis: self.diagnosis.clone(),
            provisional,
            best: run.best.as_ref().map(|best| best.epoch),
            looks: self.looks.clone(),
        };
        let mut report = Report::of(material, |source, findings| {
            FindingView::list(&format!("{source:?}").to_lowercase(), findings, &place)
        })?;
        report.facts = facts(run);
        if !run.spec.external {
            report.settings = settings(run);
            report.spec_toml = toml::to_string_pretty(&run.spec).map_err(HttpError::internal)?;
        }
        Ok(report)
    }
}

/// The pictures of all findings as data URIs, by path.
fn inlined(dataset: &Dataset, looks: &Looks) -> HashMap<String, Picture> {
    // Only what the index lists is read: a path that a finding names could be any.
    let entries = &dataset.index.entries;
    let listed: HashSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let findings = looks.iter().filter_map(|look| look.findings.as_ref().ok());
    let mut pictures = HashMap::new();
    for path in findings.flatten().flat_map(paths) {
        if pictures.len() == MOST_PICTURES {
            break;
        }
        if !listed.contains(path.as_str()) || pictures.contains_key(path) {
            continue;
        }
        if let Ok(png) = thumbnail(&dataset.root.join(path), SIDE) {
            let picture = Picture {
                thumbnail: format!("data:image/png;base64,{}", STANDARD.encode(png)),
                whole: None,
            };
            pictures.insert(path.clone(), picture);
        }
    }
    pictures
}

fn paths(finding: &Finding) -> impl Iterator<Item = &String> {
    finding.pictures.iter().flat_map(|row| &row.paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::{Pictures, Severity};

    #[test]
    fn pictures_of_findings_go_into_the_file_and_nothing_outside_of_the_dataset() {
        let folder = tempfile::tempdir().unwrap();
        for split in ["train", "val"] {
            for class in ["a", "b"] {
                let class = folder.path().join("images").join(split).join(class);
                std::fs::create_dir_all(&class).unwrap();
                let picture = image::GrayImage::from_fn(300, 20, |x, _| image::Luma([x as u8]));
                picture.save(class.join("0.png")).unwrap();
            }
        }
        std::fs::copy(
            folder.path().join("images/train/a/0.png"),
            folder.path().join("secret.png"),
        )
        .unwrap();
        let dataset = Dataset::open(&folder.path().join("images"), &|_, _| {}).unwrap();
        let paths = [
            "train/a/0.png",
            "val/b/0.png",
            "../secret.png",
            "val/b/9.png",
        ];
        let finding = Finding {
            id: "copies",
            severity: Severity::Problem,
            cause: None,
            title: String::new(),
            measured: String::new(),
            why: String::new(),
            remedy: String::new(),
            false_alarm: String::new(),
            evidence: Vec::new(),
            pictures: vec![Pictures {
                caption: String::new(),
                paths: paths.map(str::to_owned).to_vec(),
            }],
            layer: None,
        };
        let looks = Looks::default().with(Source::Data, vec![finding]);
        let pictures = inlined(&dataset, &looks);
        let mut found: Vec<&str> = pictures.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, paths[..2]);
        let uri = &pictures["train/a/0.png"].thumbnail;
        let png = uri.strip_prefix("data:image/png;base64,").unwrap();
        let small = image::load_from_memory(&STANDARD.decode(png).unwrap()).unwrap();
        assert_eq!(small.width(), SIDE);
    }
}
