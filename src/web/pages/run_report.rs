//! `/runs/{id}/report`: everything that is known of a run on one page, and the same as one file.

use super::App;
use super::error::rendered;
use super::finding::{FindingView, Picture, thumbnails};
use super::probes::MadeView;
use super::remedies::RemediesView;
use super::report::{Material, Report};
use super::settings::{facts, settings};
use crate::chart::Best;
use crate::data::{Dataset, thumbnail};
use crate::diagnose::finding::Finding;
use crate::diagnose::looks::{Looks, Source};
use crate::run::{RunId, RunStatus};
use crate::web::HttpError;
use crate::web::extract::Id;
use crate::web::gathered::{Gathered, gather};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{HashMap, HashSet};

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

async fn page(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let gathered = gather(&app, id).await?;
    let report = blocking(move || {
        let place = placed(&gathered);
        gathered.report(true, |path| place.as_ref().and_then(|place| place(path)))
    })
    .await?;
    Ok(rendered(&ReportPage { report, run: id }))
}

async fn file(State(app): State<App>, Id(id): Id<RunId>) -> Result<Response, HttpError> {
    let gathered = gather(&app, id).await?;
    let html = blocking(move || report_file(&gathered)).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"run-{id}-report.html\""),
        ),
    ];
    Ok((headers, html).into_response())
}

/// One HTML file with everything in it. Draws charts and reads pictures, so for a blocking thread.
pub fn report_file(gathered: &Gathered) -> Result<String, HttpError> {
    let pictures = match &gathered.dataset {
        Some(dataset) => inlined(dataset, &gathered.looks),
        None => HashMap::new(),
    };
    gathered
        .report(false, |path| pictures.get(path).cloned())?
        .file()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HttpError> + Send + 'static,
) -> Result<T, HttpError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(HttpError::internal)?
}

/// Where the dataset's pictures are served.
fn placed(gathered: &Gathered) -> Option<impl Fn(&str) -> Option<Picture>> {
    let (id, dataset) = (gathered.run.dataset.as_ref()?, gathered.dataset.as_ref()?);
    Some(thumbnails(id, &dataset.index))
}

impl Gathered {
    /// `live`: on a page, which can link and ask.
    fn report(
        &self,
        live: bool,
        place: impl Fn(&str) -> Option<Picture>,
    ) -> Result<Report, HttpError> {
        let run = &self.run;
        let title = match run.name.as_str() {
            "" => format!("run {}", run.id),
            name => name.to_owned(),
        };
        let provisional = match run.status {
            _ if !self.diagnosis.provisional || self.epochs.is_empty() => None,
            RunStatus::Queued | RunStatus::Running => Some("Preliminary: still training."),
            _ => Some("Uncertain: few validation images."),
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
            best: Best::of(&run.best),
            looks: self.looks.clone(),
        };
        let mut report = Report::of(material, |source, findings| {
            let views = FindingView::list(&format!("{source:?}").to_lowercase(), findings, &place);
            // What simple models take for what, no run has kept.
            let opened = self.opened().filter(|_| live && source == Source::Run);
            let views = views.into_iter();
            views.map(|view| view.opening(opened)).collect()
        })?;
        report.probes = MadeView::of(self, live);
        report.remedies = RemediesView::of(self, live);
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
    use crate::run::ClassMap;

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
            histograms: Vec::new(),
            confusion: None,
            images: Vec::new(),
            class_map: ClassMap::default(),
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
