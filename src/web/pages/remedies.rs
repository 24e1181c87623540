//! Remedies of a run, on its page and its report: what came of those that were tried, and a form that tries more.

use super::App;
use super::effect::effect;
use super::wording::{duration, percent, points};
use crate::diagnose::p_value;
use crate::diagnose::remedies::{Difference, Effect, RemedyRecord, Share};
use crate::run::{GroupId, RunId};
use crate::web::extract::Id;
use crate::web::gathered::Gathered;
use crate::web::remedies::{AppliedRemedy, Offer, WantedRemedies, apply_remedy};
use crate::web::{HttpError, start_remedies};
use askama::Template;
use axum::Router;
use axum::extract::{Form, RawForm, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::post;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/remedies", post(start))
        .route("/runs/{id}/remedies/apply", post(apply))
}

/// The section of either.
#[derive(Template)]
#[template(path = "run/remedies.html")]
pub struct RemediesView {
    run: RunId,
    records: Vec<RemedyRecord>,
    offers: Vec<OfferView>,
    going: Option<GroupId>,
    /// True on a page, which can link and ask; not in a file.
    live: bool,
}

/// A remedy that the form offers.
struct OfferView {
    id: String,
    words: String,
    causes: String,
    cost_s: f64,
    checked: bool,
}

impl From<&Offer> for OfferView {
    fn from(offer: &Offer) -> OfferView {
        let causes = offer.proposal.causes.iter();
        let titles: Vec<&str> = causes.map(|cause| cause.title()).collect();
        OfferView {
            id: offer.proposal.treatment.id(),
            words: offer.proposal.treatment.words(),
            causes: titles.join("; "),
            cost_s: offer.cost_s,
            checked: offer.by_default,
        }
    }
}

impl RemediesView {
    /// None where nothing was tried and nothing can be.
    pub fn of(gathered: &Gathered, live: bool) -> Option<RemediesView> {
        let records = gathered.diagnosis.remedies_tried.clone();
        let offers = &gathered.offers;
        let mut views: Vec<OfferView> = offers.remedies.iter().map(OfferView::from).collect();
        for view in &mut views {
            // What was tried may be tried again, with other seeds.
            view.checked &= records.iter().all(|record| record.id != view.id);
        }
        let shown = !records.is_empty() || (live && (offers.going.is_some() || !views.is_empty()));
        shown.then_some(RemediesView {
            run: gathered.run.id,
            records,
            offers: views,
            going: offers.going.as_ref().map(|group| group.summary.id),
            live,
        })
    }

    fn winner(&self) -> Option<&RemedyRecord> {
        self.records.iter().find(|record| record.winner)
    }

    /// The share of the dearest remedy's cost, for a bar.
    fn cost_share(&self, record: &RemedyRecord) -> f64 {
        let most = self.records.iter().map(|r| r.cost_s).fold(0.0, f64::max);
        100.0 * record.cost_s / most.max(f64::MIN_POSITIVE)
    }
}

/// "helps"
fn word(effect: &Effect) -> &'static str {
    match effect {
        Effect::Helps => "helps",
        Effect::Harms => "harms",
        Effect::Unseen => "not seen",
        Effect::Unknown => "unknown",
    }
}

/// "9.5 to 24.4"
fn interval(share: &Share) -> String {
    format!(
        "{} to {}",
        points(share.interval.low),
        points(share.interval.high)
    )
}

/// "+73.3 (61.0 to 81.2)"
fn signed(difference: &Difference) -> String {
    format!(
        "{}{} ({} to {})",
        if difference.value > 0.0 { "+" } else { "" },
        points(difference.value),
        points(difference.interval.low),
        points(difference.interval.high)
    )
}

/// "p = 0.0021"
fn chance(p: &f64) -> String {
    format!("p = {}", p_value(*p))
}

async fn start(
    State(app): State<App>,
    Id(id): Id<RunId>,
    RawForm(body): RawForm,
) -> Result<Redirect, HttpError> {
    let (wanted, then) = read(&body)?;
    let group = start_remedies(&app, id, wanted).await?;
    Ok(Redirect::to(&match then {
        Then::Group => format!("/groups/{}", group.summary.id),
        Then::Answer => format!("/runs/{id}#answer"),
    }))
}

/// Queues a run with the remedy that is named, and shows it.
async fn apply(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Form(wanted): Form<AppliedRemedy>,
) -> Result<Redirect, HttpError> {
    let run = apply_remedy(&app, id, wanted.remedy.as_deref()).await?;
    Ok(Redirect::to(&format!("/runs/{}", run.id)))
}

/// What is shown once remedies are queued.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Group,
    /// The page that they were asked for on, which says how far they are.
    Answer,
}

/// The form: a field `remedy` for each that is ticked, `seeds`, and where to go `then`.
fn read(body: &[u8]) -> Result<(WantedRemedies, Then), HttpError> {
    let unreadable = |why: &str| HttpError::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let (mut wanted, mut then) = (WantedRemedies::default(), Then::Group);
    for (name, value) in form_urlencoded::parse(body) {
        match &*name {
            "remedy" => wanted.remedies.push(value.into_owned()),
            "seeds" => {
                wanted.seeds = value
                    .trim()
                    .parse()
                    .map_err(|_| unreadable("seeds: a whole number from 1 to 5"))?;
            }
            "then" if value == "answer" => then = Then::Answer,
            _ => {}
        }
    }
    match wanted.remedies.is_empty() {
        true => Err(unreadable("choose at least one remedy to try")),
        false => Ok((wanted, then)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_names_the_ticked_remedies_and_the_seeds() {
        let form = b"remedy=augment&remedy=global-pooling&seeds=+3";
        let (wanted, then) = read(form).unwrap();
        assert_eq!(then, Then::Group);
        assert_eq!(wanted.remedies, ["augment", "global-pooling"]);
        assert_eq!(wanted.seeds, 3);
        for wrong in [
            "seeds=2",
            "remedy=augment&seeds=many",
            "remedy=augment&seeds=",
        ] {
            let error = read(wrong.as_bytes()).unwrap_err();
            assert_eq!(error.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
}
