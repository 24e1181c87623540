//! A run with everything that was looked at: its own figures, its dataset's inspections, its layers.

use super::probes::{Asked, Choice, Probing, Wanted};
use super::remedies::{Offers, Remedying};
use super::{App, HttpError};
use crate::data::Dataset;
use crate::diagnose::Diagnosis;
use crate::diagnose::audit::Audit;
use crate::diagnose::looks::{Looks, Source};
use crate::diagnose::simple_models::SimpleModels;
use crate::run::{EpochRecord, RunId};
use crate::store::{Diagnosed, Inspection, Run, StoreError};
use std::sync::Arc;

/// A run as its page and its report want it.
pub struct Gathered {
    pub run: Run,
    pub epochs: Vec<EpochRecord>,
    /// With the findings and causes of every look.
    pub diagnosis: Diagnosis,
    pub looks: Looks,
    /// None where there is none, it was deleted, or others have taken its name.
    pub dataset: Option<Arc<Dataset>>,
    /// Its probes; why there are none and what to do where it can have none.
    pub asked: Result<Asked, String>,
    /// What can be tried on it; none before it is over.
    pub offers: Offers,
}

impl Gathered {
    /// The run and the epoch whose images the cells of a matrix open; None where its images are not here.
    pub fn opened(&self) -> Option<(RunId, u32)> {
        let here = self.dataset.is_some() && !self.run.spec.external;
        let last = self.epochs.last().filter(|_| here)?;
        Some((self.run.id, last.epoch))
    }
}

/// A run with its looks, but for those of probes.
struct Looked {
    run: Run,
    epochs: Vec<EpochRecord>,
    /// Of the run's own figures alone.
    diagnosis: Diagnosis,
    looks: Looks,
    images: Images,
}

pub async fn gather(app: &App, id: RunId) -> Result<Gathered, HttpError> {
    let looked = look(app, id).await?;
    let probing = looked.probing(app).await?;
    let Looked {
        run,
        epochs,
        diagnosis,
        looks,
        images,
    } = looked;
    let (diagnosis, looks, asked) = match probing {
        // Which probes these images allow is tried on their index.
        Ok(probing) => {
            let concluded = tokio::task::spawn_blocking(move || probing.conclude(diagnosis, looks));
            let (diagnosis, looks, asked) = concluded.await.map_err(HttpError::internal)?;
            (diagnosis, looks, Ok(asked))
        }
        Err(why) => (looks.document(diagnosis), looks, Err(why)),
    };
    let mut gathered = Gathered {
        run,
        epochs,
        diagnosis,
        looks,
        dataset: match images {
            Images::Of(dataset) => Some(dataset),
            Images::Missing(_) => None,
        },
        asked,
        offers: Offers::default(),
    };
    if let Some(remedying) = Remedying::of(app, &gathered).await? {
        gathered.diagnosis.remedies_tried = remedying.records();
        let diagnosis = gathered.diagnosis.clone();
        gathered.offers = tokio::task::spawn_blocking(move || remedying.offers(&diagnosis))
            .await
            .map_err(HttpError::internal)?;
    }
    Ok(gathered)
}

/// Chooses a probe of a run. Where it can have none, a sentence on why, and what to do.
pub async fn choose(
    app: &App,
    id: RunId,
    wanted: Wanted,
) -> Result<Result<Choice, String>, HttpError> {
    let looked = look(app, id).await?;
    let probing = match looked.probing(app).await? {
        Ok(probing) => probing,
        Err(why) => return Ok(Err(why)),
    };
    let (diagnosis, looks) = (looked.diagnosis, looked.looks);
    let choice =
        tokio::task::spawn_blocking(move || probing.choose(diagnosis, looks, wanted)).await;
    Ok(Ok(choice.map_err(HttpError::internal)??))
}

async fn look(app: &App, id: RunId) -> Result<Looked, HttpError> {
    let Diagnosed {
        run,
        epochs,
        diagnosis,
    } = app.store.diagnosed(id).await?;
    let images = images(app, &run).await?;
    let inspected = match (&run.dataset, &images) {
        (Some(id), Images::Of(_)) => Inspected {
            audit: app.store.inspected(id, Inspection::Audit).await?,
            simple_models: app.store.inspected(id, Inspection::SimpleModels).await?,
        },
        _ => Inspected::default(),
    };
    Ok(Looked {
        looks: looks(&run, &diagnosis, &images, inspected),
        diagnosis,
        run,
        epochs,
        images,
    })
}

impl Looked {
    async fn probing(&self, app: &App) -> Result<Result<Probing, String>, HttpError> {
        let dataset = match &self.images {
            Images::Of(dataset) => Ok(dataset),
            Images::Missing(why) => Err(*why),
        };
        Probing::of(app, &self.run, &self.epochs, dataset).await
    }
}

/// The images that a run was trained on, or a sentence on why they cannot be looked at.
enum Images {
    Of(Arc<Dataset>),
    Missing(&'static str),
}

async fn images(app: &App, run: &Run) -> Result<Images, HttpError> {
    let Some(id) = &run.dataset else {
        return Ok(Images::Missing(
            "The run names no dataset, so its images cannot be looked at.",
        ));
    };
    match app.library.dataset(id).await {
        Ok(dataset) if is_of(run, &dataset) => Ok(Images::Of(dataset)),
        Ok(_) => Ok(Images::Missing(
            "Other images have come under the dataset\u{2019}s name since, so the run\u{2019}s own cannot be looked at.",
        )),
        Err(StoreError::NotFound(_) | StoreError::Conflict(_)) => Ok(Images::Missing(
            "The dataset was deleted, so its images cannot be looked at.",
        )),
        Err(error) => Err(error.into()),
    }
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
fn looks(run: &Run, diagnosis: &Diagnosis, images: &Images, inspected: Inspected) -> Looks {
    let elsewhere = "Look at the images where they are, which takes seconds: gapwatch diagnose --data FOLDER finds copies \
                     across the splits, missing classes and differences between training and validation, and says what simple \
                     models make of them.";
    let (unaudited, how_audited) = match images {
        Images::Of(_) => (
            "It was not audited yet.",
            "Audit the dataset on its page, which takes seconds: copies across the splits, missing classes, differences \
             between training and validation.",
        ),
        Images::Missing(why) => (*why, elsewhere),
    };
    let (unfitted, how_fitted) = match images {
        Images::Of(_) => (
            "They were not fitted yet.",
            "Let simple models run on the dataset's page, which takes seconds: they tell whether the images say anything of \
             their classes, and whether it carries over.",
        ),
        Images::Missing(why) => (*why, elsewhere),
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
