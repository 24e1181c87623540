//! A history from elsewhere that somebody sends for its diagnosis: received, judged, and gone with the answer.

use super::api::receive;
use super::{App, HttpError};
use crate::diagnose::history::{self, RecordedHistory, Unreadable};
use crate::diagnose::predictions::{self, Predictions};
use crate::diagnose::report::HistoryReport;
use crate::run::{FieldError, SpecError};
use crate::store::StoreError;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use std::path::Path;
use tempfile::TempPath;
use tokio::sync::Semaphore;

/// The seed of every test by random arrangements, as on the command line.
const SEED: u64 = 1;
/// Bytes of pasted text and of a number.
const MOST_PASTED: usize = 1 << 20;
const MOST_NUMBER: usize = 40;
/// Bytes of a file that is too large which are read to its end, so that its sender hears why it is refused.
const MOST_READ_AWAY: usize = 1 << 30;
const MOST_CLASSES: u32 = 1_000_000;
/// Files are judged in memory, so one at a time.
static TURN: Semaphore = Semaphore::const_new(1);

/// A file as it was sent.
struct Sent {
    name: String,
    file: TempPath,
}

/// What the form's numbers were filled in with.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// A history pasted as text.
    pub pasted: String,
    pub n_train: String,
    pub n_val: String,
    pub n_test: String,
    pub classes: String,
}

/// What was sent, before anybody has looked into it.
#[derive(Default)]
pub struct HistoryUpload {
    history: Option<Sent>,
    predictions: Option<Sent>,
    pub typed: Typed,
    /// What could not be taken.
    errors: Vec<FieldError>,
}

/// A history that was judged, with the name that its file had.
pub struct Judged {
    pub name: String,
    pub report: HistoryReport,
    pub has_predictions: bool,
}

impl HistoryUpload {
    /// Takes a form: `history` and `predictions` are files, `pasted`, `n_train`, `n_val`, `n_test` and `classes` text.
    pub async fn receive(app: &App, request: Request) -> Result<HistoryUpload, HttpError> {
        let mut form = Multipart::from_request(request, app)
            .await
            .map_err(|rejection| HttpError::bad_request(rejection.body_text()))?;
        let mut upload = HistoryUpload::default();
        while let Some(field) = form.next_field().await.map_err(broken)? {
            let typed = &mut upload.typed;
            match field.name().unwrap_or_default() {
                "history" => {
                    let sent = upload.file(field, app, history::MOST_BYTES).await?;
                    upload.history = sent.or(upload.history);
                }
                "predictions" => {
                    let sent = upload.file(field, app, predictions::MOST_BYTES).await?;
                    upload.predictions = sent.or(upload.predictions);
                }
                "pasted" => typed.pasted = text(field, MOST_PASTED).await?,
                "n_train" => typed.n_train = text(field, MOST_NUMBER).await?,
                "n_val" => typed.n_val = text(field, MOST_NUMBER).await?,
                "n_test" => typed.n_test = text(field, MOST_NUMBER).await?,
                "classes" => typed.classes = text(field, MOST_NUMBER).await?,
                name => {
                    return Err(HttpError::bad_request(format!(
                        "the form has a field '{name}': there are history, predictions, pasted, n_train, n_val, n_test and classes"
                    )));
                }
            }
        }
        Ok(upload)
    }

    /// A file field; None where no file was chosen, or where it is too large, which is noted.
    async fn file(
        &mut self,
        mut field: Field<'_>,
        app: &App,
        most: usize,
    ) -> Result<Option<Sent>, HttpError> {
        let named = field.name().unwrap_or_default().to_owned();
        let name = field.file_name().unwrap_or_default().to_owned();
        match receive(&mut field, app, most as u64).await {
            // A browser sends an empty file without a name where none was chosen.
            Ok(file) => Ok((!name.is_empty() || length(&file) > 0).then(|| Sent {
                name: if name.is_empty() { named } else { name },
                file,
            })),
            Err(StoreError::TooLarge(_)) => {
                let mut read = 0;
                while read < MOST_READ_AWAY
                    && let Some(chunk) = field.chunk().await.map_err(broken)?
                {
                    read += chunk.len();
                }
                self.errors.push(FieldError {
                    field: named,
                    message: format!(
                        "{name}: larger than {} MiB: write one row an epoch, or one an image for predictions",
                        most >> 20
                    ),
                });
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads and judges what was sent, on a thread of its own. Errors name the field and the file, and where in it.
    pub async fn judge(self) -> Result<Judged, HttpError> {
        let Ok(_turn) = TURN.acquire().await else {
            return Err(HttpError::internal("the turn is never closed"));
        };
        tokio::task::spawn_blocking(move || self.read())
            .await
            .map_err(HttpError::internal)?
            .map_err(|errors| SpecError(errors).into())
    }

    fn read(self) -> Result<Judged, Vec<FieldError>> {
        let mut errors = self.errors;
        let typed = &self.typed;
        let mut number = |field: &str, text: &str, from: u32, to: u32| match text.trim() {
            "" => None,
            text => match text.parse::<u32>() {
                Ok(n) if (from..=to).contains(&n) => Some(n),
                _ => {
                    errors.push(FieldError {
                        field: field.to_owned(),
                        message: format!("'{text}' is not a whole number from {from} to {to}"),
                    });
                    None
                }
            },
        };
        let images = [
            number("n_train", &typed.n_train, 1, u32::MAX),
            number("n_val", &typed.n_val, 1, u32::MAX),
            number("n_test", &typed.n_test, 1, u32::MAX),
        ];
        let classes = number("classes", &typed.classes, 2, MOST_CLASSES);
        let pasted = !typed.pasted.trim().is_empty();
        let told = |errors: &[FieldError]| errors.iter().any(|e| e.field == "history");
        let history = match &self.history {
            Some(_) if pasted => {
                errors.push(FieldError {
                    field: "pasted".to_owned(),
                    message: "a file was chosen as well: leave one of them out".to_owned(),
                });
                None
            }
            Some(sent) => parse(
                "history",
                &sent.name,
                read_whole(&sent.file),
                RecordedHistory::read,
                &mut errors,
            ),
            None if pasted => {
                let text = Ok(typed.pasted.clone().into_bytes());
                parse(
                    "pasted",
                    "the pasted text",
                    text,
                    RecordedHistory::read,
                    &mut errors,
                )
            }
            None if told(&errors) => None,
            None => {
                errors.push(FieldError {
                    field: "history".to_owned(),
                    message: "choose a file, or paste its rows below".to_owned(),
                });
                None
            }
        };
        let predictions = self.predictions.as_ref().and_then(|sent| {
            parse(
                "predictions",
                &sent.name,
                read_whole(&sent.file),
                Predictions::read,
                &mut errors,
            )
        });
        let Some(history) = history.filter(|_| errors.is_empty()) else {
            return Err(errors);
        };
        let mut history = history.with_images(images);
        if let Some(classes) = classes {
            history.classes = classes as usize;
        }
        Ok(Judged {
            name: self
                .history
                .map_or_else(|| "a pasted history".to_owned(), |sent| sent.name),
            report: HistoryReport::new(history, predictions.as_ref(), SEED),
            has_predictions: predictions.is_some(),
        })
    }
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |facts| facts.len())
}

fn read_whole(file: &Path) -> Result<Vec<u8>, Unreadable> {
    std::fs::read(file).map_err(|error| Unreadable(error.to_string()))
}

/// What a file holds; where it holds nothing of use, an error beside its field with its name.
fn parse<T>(
    field: &str,
    name: &str,
    content: Result<Vec<u8>, Unreadable>,
    read: impl Fn(&[u8]) -> Result<T, Unreadable>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    match content.and_then(|content| read(&content)) {
        Ok(found) => Some(found),
        Err(Unreadable(what)) => {
            errors.push(FieldError {
                field: field.to_owned(),
                message: format!("{name}: {what}"),
            });
            None
        }
    }
}

async fn text(mut field: Field<'_>, most: usize) -> Result<String, HttpError> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most {
            return Err(HttpError::bad_request(format!(
                "the field '{name}' has more than {most} bytes: send a history as a file"
            )));
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| HttpError::bad_request(format!("the field '{name}' is not text in UTF-8")))
}

fn broken(error: MultipartError) -> HttpError {
    HttpError::new(error.status(), error.body_text())
}
