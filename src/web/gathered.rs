//! A run with everything that was looked at: its own figures, its dataset's inspections, its layers.

use super::probes::{Asked, Choice, Probing, Wanted, probe_of};
use super::remedies::{Offer, Offers, PURPOSE, Remedying, tried_by};
use super::{App, HttpError};
use crate::data::Dataset;
use crate::diagnose::audit::Audit;
use crate::diagnose::looks::{Looks, Source};
use crate::diagnose::remedies::Treatment;
use crate::diagnose::simple_models::SimpleModels;
use crate::diagnose::{Diagnosis, Situation, Untried, Verdict, small_first};
use crate::run::{EpochRecord, RunId};
use crate::store::{Diagnosed, GroupSummary, Inspection, InspectionRow, PROBE, Run, StoreError};
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
    /// The one that it was made with.
    pub group: Option<GroupSummary>,
    /// True while its images are still being looked into.
    pub looking: bool,
    /// Runs that go on at once.
    pub parallel: usize,
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
    looking: bool,
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
        looking,
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
    let group = match run.group {
        Some(id) => Some(app.store.group_summary(id).await?),
        None => None,
    };
    let mut gathered = Gathered {
        group,
        looking,
        parallel: app.scheduler.parallel(),
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
    gathered.diagnosis = gathered.diagnosis.clone().answered(&gathered.situation());
    Ok(gathered)
}

impl Gathered {
    /// The run that this one is a probe or a remedy of.
    fn parent(&self) -> Option<(RunId, &str)> {
        let group = self.group.as_ref()?;
        let purpose = group.purpose.as_deref()?;
        let what = match purpose {
            PURPOSE => "tries a remedy of",
            purpose if purpose.starts_with(PROBE) => "is a test for",
            _ => return None,
        };
        Some((group.parent?, what))
    }

    /// The probe or the remedy that is being tried, as a clause.
    fn going(&self) -> Option<String> {
        let asked = self.asked.as_ref().ok();
        let choosing = || {
            let chain = asked?.chain.as_ref()?;
            (chain.end.is_none()).then(|| "the next test is being chosen.".to_owned())
        };
        if let Some(group) = &self.offers.going {
            let names: Vec<String> = tried_by(group).iter().map(Treatment::name).collect();
            return Some(format!(
                "what does training with {} change?",
                names.join("; with ")
            ));
        }
        let probe = asked
            .and_then(|asked| asked.going.as_ref())
            .and_then(probe_of);
        probe
            .map(|probe| small_first(probe.question()))
            .or_else(choosing)
    }

    fn situation(&self) -> Situation<'_> {
        let untried = |offer: &Offer| Untried {
            treatment: offer.proposal.treatment.clone(),
            causes: offer.proposal.causes.clone(),
            cost_s: offer.cost_s,
        };
        let dataset = self.run.dataset.as_ref().filter(|_| self.dataset.is_some());
        let unseen = [
            (
                Source::Data,
                "audit",
                "An audit of its images takes seconds and may show why.",
            ),
            (
                Source::SimpleModels,
                "simple-models",
                "Simple models on its images take seconds and may show why.",
            ),
        ];
        let mut unseen = unseen
            .into_iter()
            .filter(|(source, ..)| !self.looks.took(*source));
        let page = dataset
            .filter(|_| !self.looking)
            .zip(unseen.next())
            .map(|(id, (_, part, says))| (says.to_owned(), format!("/datasets/{id}#{part}")));
        let elsewhere = self.parent().map(|(parent, what)| {
            (
                format!(
                    "This run {what} run {parent}: what it shows is on that run\u{2019}s page."
                ),
                format!("/runs/{parent}"),
            )
        });
        Situation {
            last: self.epochs.last(),
            remedies: self.offers.remedies.iter().map(untried).collect(),
            going: self.going(),
            // Without a gap there is nothing that a test would explain.
            wants: self
                .asked
                .as_ref()
                .err()
                .filter(|_| self.diagnosis.verdict != Verdict::Healthy)
                .cloned(),
            external: self.run.spec.external,
            page,
            elsewhere,
            ..Situation::of(self.run.status)
        }
    }
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
    let looking = match (&run.dataset, &images) {
        (Some(id), Images::Of(_)) => {
            let asked = app.store.inspections(id).await?;
            let of_images = |row: &InspectionRow| Inspection::OF_IMAGES.contains(&row.kind);
            asked
                .iter()
                .any(|row| of_images(row) && row.state.is_pending())
        }
        _ => false,
    };
    Ok(Looked {
        looking,
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
