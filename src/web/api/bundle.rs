//! Everything of a run in one archive.

use super::charts::draw_run;
use super::history::{attachment, history};
use crate::chart::{Format, Kind};
use crate::model::{plan_for, python};
use crate::run::{Confusion, Examination, RunId, Split, history_csv};
use crate::store::StoreError;
use crate::web::error::Problem;
use crate::web::extract::Id;
use crate::web::file::served;
use crate::web::gathered::{Gathered, gather};
use crate::web::pages::report_file;
use crate::web::{App, HttpError};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub fn router() -> Router<App> {
    Router::new().route("/runs/{id}/bundle.zip", get(bundle))
}

/// What goes into the archive, read at one moment.
struct Contents {
    of: Gathered,
    examination: Option<Examination>,
    /// Validation's at the last epoch.
    confusion: Option<Confusion>,
}

#[utoipa::path(get, path = "/api/v1/runs/{id}/bundle.zip", tag = "results", params(("id" = i64, Path, description = "The run")), responses((status = 200, content_type = "application/zip", body = Vec<u8>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn bundle(
    State(app): State<App>,
    Id(id): Id<RunId>,
    request: Request,
) -> Result<Response, HttpError> {
    let of = gather(&app, id).await?;
    let examination = app.store.examination(id).await?;
    let confusion = app.store.confusion(id, of.run.epoch, Split::Val).await?;
    let contents = Contents {
        of,
        examination,
        confusion,
    };
    let (uploads, folder) = (app.home.uploads(), app.home.run(id));
    let archive = tokio::task::spawn_blocking(move || {
        let mut file = tempfile::Builder::new()
            .prefix("bundle-")
            .tempfile_in(&uploads)
            .map_err(|source| written(&uploads, source))?;
        contents.write(file.as_file_mut(), &folder)?;
        Ok::<_, HttpError>(file.into_temp_path())
    })
    .await
    .map_err(HttpError::internal)??;
    // Once it is open, the file may go: it lasts as long as the answer.
    served(
        &archive,
        "application/zip",
        &attachment(id, "bundle.zip"),
        request,
    )
    .await?
    .ok_or_else(|| HttpError::internal("the archive is gone"))
}

impl Contents {
    fn write(&self, file: &mut File, folder: &Path) -> Result<(), HttpError> {
        let mut zip = ZipWriter::new(file);
        for (name, content) in self.documents()? {
            add(&mut zip, &name, CompressionMethod::Deflated, |to| {
                to.write_all(&content)
            })
            .map_err(HttpError::internal)?;
        }
        match File::open(folder.join("best.safetensors")) {
            // Weights do not get smaller.
            Ok(mut best) => add(
                &mut zip,
                "best.safetensors",
                CompressionMethod::Stored,
                |to| io::copy(&mut best, to).map(drop),
            )
            .map_err(HttpError::internal)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(written(folder, error)),
        }
        zip.finish().map_err(HttpError::internal)?;
        Ok(())
    }

    fn documents(&self) -> Result<Vec<(String, Vec<u8>)>, HttpError> {
        let Gathered {
            run,
            epochs,
            diagnosis,
            ..
        } = &self.of;
        let pretty = |value: serde_json::Result<Vec<u8>>| value.map_err(HttpError::internal);
        let mut documents = vec![
            (
                "spec.toml".to_owned(),
                toml::to_string(&run.spec)
                    .map_err(HttpError::internal)?
                    .into_bytes(),
            ),
            ("history.csv".to_owned(), history_csv(epochs).into_bytes()),
            (
                "history.json".to_owned(),
                pretty(serde_json::to_vec_pretty(&history(
                    run.clone(),
                    epochs.clone(),
                )))?,
            ),
            (
                "diagnosis.json".to_owned(),
                pretty(serde_json::to_vec_pretty(diagnosis))?,
            ),
            (
                "report.html".to_owned(),
                report_file(&self.of)?.into_bytes(),
            ),
        ];
        if let Some(examination) = &self.examination {
            documents.push((
                "examination.json".to_owned(),
                pretty(serde_json::to_vec_pretty(examination))?,
            ));
        }
        if run.class_count() > 0 {
            let plan = plan_for(&run.spec, run.class_count())?;
            documents.push(("model.py".to_owned(), python::model_py(&plan).into_bytes()));
            documents.push(("load.py".to_owned(), python::LOAD_PY.into()));
        }
        let confusion = self
            .confusion
            .as_ref()
            .map(|counts| (Split::Val, run.epoch, counts));
        for kind in Kind::ALL {
            if kind == Kind::Confusion && confusion.is_none() {
                continue;
            }
            for format in [Format::Svg, Format::Png] {
                let name = format!("charts/{}.{}", kind.name(), format.extension());
                documents.push((name, draw_run(kind, format, run, epochs, confusion)?));
            }
        }
        Ok(documents)
    }
}

fn add<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    name: &str,
    method: CompressionMethod,
    write: impl FnOnce(&mut ZipWriter<W>) -> io::Result<()>,
) -> zip::result::ZipResult<()> {
    // Weights may be larger than what the short form of an entry counts to.
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .large_file(method == CompressionMethod::Stored);
    zip.start_file(name, options)?;
    write(zip)?;
    Ok(())
}

fn written(folder: &Path, source: io::Error) -> HttpError {
    StoreError::Io {
        what: format!("a bundle, with {}", folder.display()),
        source,
    }
    .into()
}
