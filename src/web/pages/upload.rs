//! `/uploads/{id}`: what an upload would be as a dataset, the way to correct that, and to take it or throw it away.

use super::App;
use super::error::rendered;
use super::wording::{counted, thousands};
use crate::data::{FolderRole, Index, Intake, LabelSource, SplitRule, Summary};
use crate::run::Split;
use crate::store::{Preview, Upload, UploadState};
use crate::web::HttpError;
use crate::web::api::{intake_of, set_choice};
use crate::web::extract::Id;
use askama::Template;
use axum::Router;
use axum::extract::{RawForm, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

/// Top folders that are offered to be called splits; of more they are classes.
const MOST_FOLDERS: usize = 30;

pub fn router() -> Router<App> {
    Router::new()
        .route("/uploads/{id}", get(show))
        .route("/uploads/{id}/take", post(take))
        .route("/uploads/{id}/delete", post(throw_away))
}

#[derive(Template)]
#[template(path = "upload.html")]
struct UploadPage {
    upload: Upload,
    intake: Intake,
    /// Why the choices make no dataset; empty where they do.
    problem: String,
    sentence: String,
    summary: Option<Summary>,
    columns: Vec<String>,
    label: String,
    folders: Vec<Folder>,
}

/// A top folder with what it is now.
struct Folder {
    name: String,
    images: usize,
    chosen: Option<FolderRole>,
    /// What its name says.
    named: &'static str,
}

impl Folder {
    /// What it can be: the name of a role, words for it, whether it is chosen.
    fn roles(&self) -> Vec<(&'static str, &'static str, bool)> {
        let words = |role: FolderRole| match role {
            FolderRole::None => "leave out",
            role => role.name(),
        };
        FolderRole::ALL
            .into_iter()
            .map(|role| (role.name(), words(role), self.chosen == Some(role)))
            .collect()
    }
}

impl UploadPage {
    fn new(upload: Upload, intake: Intake, preview: Option<Preview>) -> UploadPage {
        let mut page = UploadPage {
            upload,
            intake,
            problem: String::new(),
            sentence: String::new(),
            summary: None,
            columns: Vec::new(),
            label: String::new(),
            folders: Vec::new(),
        };
        let Some(preview) = preview else { return page };
        match preview.index {
            Ok(index) => page.show(&index),
            Err(reason) => page.problem = reason,
        }
        page.columns = preview.columns;
        if preview.folders.len() <= MOST_FOLDERS {
            page.folders = preview
                .folders
                .into_iter()
                .map(|(name, images, split)| Folder {
                    chosen: page.intake.folders.get(&name).copied(),
                    named: split.map_or("a class, or what its place says", Split::word),
                    name,
                    images,
                })
                .collect();
        }
        page
    }

    fn show(&mut self, index: &Index) {
        self.sentence = index.sentence();
        self.summary = Some(index.summary());
        self.label = index.origin.label.clone().unwrap_or_default();
    }

    fn looks(&self) -> Option<(u64, u64)> {
        match self.upload.state {
            UploadState::Looking { done, files } => Some((done, files)),
            _ => None,
        }
    }

    fn failure(&self) -> Option<&str> {
        match &self.upload.state {
            UploadState::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    /// The rules of the list, and the fold that is chosen.
    fn rules(&self) -> Vec<(String, &'static str, bool)> {
        let fold = match self.intake.split {
            SplitRule::Fold { .. } => self.intake.split.to_string(),
            _ => "1/5".to_owned(),
        };
        let mut rules = vec![
            ("found".to_owned(), "as found; what is missing is split off"),
            (
                "stratified".to_owned(),
                "all anew, 70 / 15 / 15 %, class by class",
            ),
            ("group".to_owned(), "all anew, groups whole"),
        ];
        let SplitRule::Fold { of, .. } = fold.parse().unwrap_or_default() else {
            return Vec::new();
        };
        rules.extend((1..=of).map(|number| (format!("{number}/{of}"), "this fold is validation")));
        rules
            .into_iter()
            .map(|(rule, words)| {
                let chosen = rule == self.intake.split.to_string();
                (rule, words, chosen)
            })
            .collect()
    }

    fn is_label(&self, column: &str) -> bool {
        self.intake.label.as_deref() == Some(column)
    }

    fn is_group(&self, column: &str) -> bool {
        self.intake.group.as_deref() == Some(column)
    }

    fn is_from(&self, source: &str) -> bool {
        let chosen = match self.intake.labels {
            LabelSource::Auto => "auto",
            LabelSource::Folders => "folders",
            LabelSource::Table => "table",
        };
        chosen == source
    }
}

async fn show(
    State(app): State<App>,
    Id(id): Id<u64>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    let intake = intake_of(&query.unwrap_or_default())?;
    page(&app, id, intake).await
}

async fn page(app: &App, id: u64, intake: Intake) -> Result<Response, HttpError> {
    let upload = app.library.upload(id)?;
    let preview = match upload.state {
        UploadState::Ready => Some(app.library.preview(id, intake.clone()).await?),
        _ => None,
    };
    Ok(rendered(&UploadPage::new(upload, intake, preview)))
}

async fn take(
    State(app): State<App>,
    Id(id): Id<u64>,
    RawForm(form): RawForm,
) -> Result<Response, HttpError> {
    let (mut intake, mut title) = (Intake::default(), None);
    for (name, value) in form_urlencoded::parse(&form) {
        match name.as_ref() {
            "name" => title = Some(value.trim().to_owned()).filter(|title| !title.is_empty()),
            name => set_choice(&mut intake, name, &value)?,
        }
    }
    match app.library.take_upload(id, title, intake.clone()).await {
        Ok(dataset) => Ok(Redirect::to(&format!("/datasets/{dataset}")).into_response()),
        // The page says it beside the choices that made it so.
        Err(crate::store::StoreError::Invalid(_)) => {
            let mut answer = page(&app, id, intake).await?;
            *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(answer)
        }
        Err(error) => Err(error.into()),
    }
}

async fn throw_away(State(app): State<App>, Id(id): Id<u64>) -> Result<Redirect, HttpError> {
    app.library.throw_away(id).await?;
    Ok(Redirect::to("/datasets"))
}
