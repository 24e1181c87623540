//! The form that brings an archive: the file, a title, and how it is to be taken in.

use super::receive::receive;
use crate::data::Intake;
use crate::run::FieldError;
use crate::web::{App, HttpError};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use tempfile::TempPath;

/// A larger archive is unpacked by hand and named with `--data`.
const MOST_UPLOAD_BYTES: u64 = 8 << 30;
const MOST_TITLE: usize = 200;

/// What a form brought.
pub(super) struct UploadForm {
    pub archive: TempPath,
    /// The file's where none was given.
    pub title: String,
    pub intake: Intake,
}

impl UploadForm {
    /// Reads a multipart form; the file goes to the folder of uploads as it comes.
    pub async fn read(request: Request, app: &App) -> Result<UploadForm, HttpError> {
        let mut form = Multipart::from_request(request, app)
            .await
            .map_err(|rejection| HttpError::bad_request(rejection.body_text()))?;
        let (mut archive, mut title) = (None, String::new());
        let mut intake = Intake::default();
        while let Some(field) = form.next_field().await.map_err(broken)? {
            match field.name() {
                Some("file") if archive.is_none() => {
                    let file_name = field.file_name().unwrap_or_default().to_owned();
                    archive = Some((receive(field, app, MOST_UPLOAD_BYTES).await?, file_name));
                }
                Some("name") => title = short_text(field, "name").await?,
                Some(name) if name != "file" => {
                    let name = name.to_owned();
                    let text = short_text(field, &name).await?;
                    set(&mut intake, &name, &text)?;
                }
                name => {
                    return Err(HttpError::bad_request(format!(
                        "the form has a second field '{}': send one 'file' and one 'name'",
                        name.unwrap_or_default()
                    )));
                }
            }
        }
        let (archive, file_name) = archive.ok_or_else(|| {
            HttpError::bad_request(
                "the form has no 'file': choose a .zip, .tar or .tar.gz of images, or an .npz",
            )
        })?;
        let title = match title.trim() {
            "" => title_of(&file_name),
            title => title.to_owned(),
        };
        Ok(UploadForm {
            archive,
            title,
            intake,
        })
    }
}

/// Sets a choice by its name in a form or a query.
pub fn set(intake: &mut Intake, name: &str, text: &str) -> Result<(), HttpError> {
    let wrong = |message: String| HttpError {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        detail: format!("{name}: {message}"),
        errors: vec![FieldError {
            field: name.to_owned(),
            message,
        }],
    };
    match intake.set(name, text) {
        Ok(true) => Ok(()),
        Ok(false) => Err(HttpError::bad_request(format!(
            "there is no field '{name}': known are file, name, {}",
            Intake::FIELDS
        ))),
        Err(message) => Err(wrong(message)),
    }
}

/// "digits" for "digits.tar.gz"
fn title_of(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name
        .split('.')
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    match stem.chars().take(MOST_TITLE).collect::<String>() {
        stem if stem.is_empty() => "dataset".to_owned(),
        stem => stem,
    }
}

async fn short_text(mut field: Field<'_>, name: &str) -> Result<String, HttpError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > 4 * MOST_TITLE {
            break;
        }
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| HttpError::bad_request(format!("the field '{name}' is not text in UTF-8")))?;
    if text.chars().count() > MOST_TITLE {
        return Err(HttpError::bad_request(format!(
            "the field '{name}' has more than {MOST_TITLE} characters"
        )));
    }
    Ok(text)
}

fn broken(error: MultipartError) -> HttpError {
    HttpError::new(error.status(), error.body_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_dataset_a_title() {
        for (file, title) in [
            ("digits.tar.gz", "digits"),
            ("C:\\data\\my photos.zip", "my photos"),
            ("", "dataset"),
            (".zip", "zip"),
        ] {
            assert_eq!(title_of(file), title);
        }
    }
}
