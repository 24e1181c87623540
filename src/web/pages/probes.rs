//! Probes on a run's page: what was asked and answered, what the next would tell and cost, and the buttons for it.

use super::App;
use super::group::comparison;
use super::verdict;
use super::wording::{counted, duration};
use crate::chart::{Beside, draw_beside};
use crate::diagnose::Verdict;
use crate::diagnose::probes::{NextProbe, Probe, ProbeRecord};
use crate::run::{FieldError, GroupId, RunId, SpecError};
use crate::store::{ChainEnd, Group, GroupSummary, PROBE, ProbeChain};
use crate::web::HttpError;
use crate::web::extract::Id;
use crate::web::gathered::Gathered;
use crate::web::probe_chain::{start_chain, start_probe};
use crate::web::probes::{Wanted, probe_of};
use askama::Template;
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::post;
use serde::Deserialize;

pub fn router() -> Router<App> {
    Router::new()
        .route("/runs/{id}/probes", post(start))
        .route("/runs/{id}/probes/cancel", post(cancel))
}

/// The panel of a run's probes.
pub struct ProbesView {
    /// The run that this one is a probe of, itself.
    pub probe_of: Option<RunId>,
    /// Why there are none, and what to do.
    pub why_not: Option<String>,
    pub made: Option<MadeView>,
    pub going: Option<Going>,
    pub chain: Option<ProbeChain>,
    /// The one that would tell most for its seconds.
    pub next: Option<NextProbe>,
    /// The others that can be made.
    pub others: Vec<NextProbe>,
    verdict: Verdict,
}

/// The probes that were made, with their answers and curves.
#[derive(Template)]
#[template(path = "probes_made.html")]
pub struct MadeView {
    made: Vec<Made>,
    /// On a page, which can link.
    live: bool,
}

/// A probe that was made.
struct Made {
    record: ProbeRecord,
    group: GroupId,
    /// Its curves beside the run's.
    beside: Option<Beside>,
    /// The address of a page with all of them.
    comparison: Option<String>,
}

/// A probe that goes on.
pub struct Going {
    pub question: &'static str,
    pub group: Group,
    pub comparison: Option<String>,
    /// Done, of how many.
    pub epochs: (u32, u32),
    pub left_s: Option<f64>,
}

impl ProbesView {
    /// `group`: the one that the run was made with.
    pub fn of(app: &App, gathered: &Gathered, group: Option<&GroupSummary>) -> ProbesView {
        let is_probe = |group: &&GroupSummary| {
            let purpose = group.purpose.as_deref();
            purpose.is_some_and(|purpose| purpose.starts_with(PROBE))
        };
        let next = gathered.diagnosis.next_probe.clone();
        let (why_not, asked) = match &gathered.asked {
            Ok(asked) => (None, Some(asked)),
            Err(why) => (Some(why.clone()), None),
        };
        let others = asked.map_or(Vec::new(), |asked| asked.open.clone());
        ProbesView {
            probe_of: group.filter(is_probe).and_then(|group| group.parent),
            why_not,
            made: MadeView::of(gathered, true),
            going: asked
                .and_then(|asked| asked.going.clone())
                .map(|group| Going::of(group, app.scheduler.parallel())),
            chain: asked.and_then(|asked| asked.chain.clone()),
            others: others
                .into_iter()
                .filter(|other| next.as_ref().is_none_or(|next| next.id != other.id))
                .collect(),
            next,
            verdict: gathered.diagnosis.verdict,
        }
    }

    /// True while a probe goes on or is about to.
    pub fn is_going(&self) -> bool {
        self.going.is_some() || self.chain.as_ref().is_some_and(|chain| chain.end.is_none())
    }

    /// Runs whose changes the panel shows.
    pub fn watched(&self) -> String {
        let runs = self.going.iter().flat_map(|going| &going.group.runs);
        let ids: Vec<String> = runs.map(|of| of.run.id.to_string()).collect();
        ids.join(",")
    }

    /// How the chain stands, in a sentence.
    pub fn chain_told(&self) -> Option<String> {
        let chain = self.chain.as_ref()?;
        let (spent, budget) = (duration(chain.spent_s), duration(chain.budget_s));
        Some(match chain.end {
            None => format!(
                "Finding the cause: {spent} of {budget} are spent. The next most useful probe starts by itself."
            ),
            Some(ChainEnd::Clear) => format!(
                "Finding the cause took {spent} of {budget}, and no further probe would show more."
            ),
            Some(ChainEnd::Spent) => format!(
                "Stopped after {spent} of {budget}: the next probe would take longer than what is left."
            ),
            Some(ChainEnd::Cancelled) => {
                format!("Finding the cause was cancelled after {spent} of {budget}.")
            }
            Some(ChainEnd::Impossible) => format!(
                "Finding the cause ended after {spent} of {budget}: no probe could be made any more."
            ),
        })
    }

    /// Why none is proposed.
    pub fn nothing_more(&self) -> &'static str {
        match self.verdict {
            Verdict::Healthy => {
                "What it learnt works on new images, so there is no gap to explain."
            }
            Verdict::BrokenEvaluation => {
                "The scoring contradicts itself: mend that first, no training can tell more before."
            }
            _ => "The causes are as clear as probes can make them.",
        }
    }
}

impl MadeView {
    /// The probes that the diagnosis lists, with their groups; None where there are none.
    pub fn of(gathered: &Gathered, live: bool) -> Option<MadeView> {
        let asked = gathered.asked.as_ref().ok()?;
        let records = gathered.diagnosis.probes.iter().cloned();
        let made = records.zip(&asked.made).map(|(record, of)| Made {
            record,
            group: of.group.summary.id,
            beside: of.beside.clone(),
            comparison: comparison(&of.group),
        });
        let made: Vec<Made> = made.collect();
        (!made.is_empty()).then_some(MadeView { made, live })
    }
}

impl Made {
    fn drawing(&self) -> Option<String> {
        self.beside.as_ref().and_then(drawing)
    }
}

/// Curves as an SVG element; None where they could not be drawn.
pub fn drawing(beside: &Beside) -> Option<String> {
    let drawn = draw_beside(beside);
    drawn.inspect_err(|error| tracing::error!("{error}")).ok()
}

impl Going {
    fn of(group: Group, parallel: usize) -> Going {
        Going {
            question: probe_of(&group).map_or("", Probe::question),
            comparison: comparison(&group),
            epochs: group.epochs(),
            left_s: group.left_s(parallel),
            group,
        }
    }
}

/// A probe by its name, or the minutes of a chain.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asking {
    probe: String,
    minutes: String,
}

async fn start(
    State(app): State<App>,
    Id(id): Id<RunId>,
    Form(asking): Form<Asking>,
) -> Result<Redirect, HttpError> {
    if asking.probe.is_empty() {
        let minutes = asking.minutes.trim().replace(',', ".");
        let minutes: f64 = minutes
            .parse()
            .map_err(|_| wrong("minutes", format!("'{minutes}' is no number")))?;
        start_chain(&app, id, 60.0 * minutes, "minutes").await?;
    } else {
        let probe = Probe::named(&asking.probe)
            .ok_or_else(|| wrong("probe", format!("there is no probe '{}'", asking.probe)))?;
        start_probe(&app, id, Wanted::Named(probe)).await?;
    }
    Ok(back(id))
}

/// Cancels the probe that goes on, and its chain with it.
async fn cancel(State(app): State<App>, Id(id): Id<RunId>) -> Result<Redirect, HttpError> {
    let groups = app.store.groups_of(id).await?;
    let going = groups
        .iter()
        .find(|group| probe_of(group).is_some() && !group.is_over());
    match going {
        Some(group) => app.store.cancel_group(group.summary.id).await?,
        None => {
            let why = format!("no probe of run {id} goes on");
            return Err(HttpError::new(StatusCode::CONFLICT, why));
        }
    };
    Ok(back(id))
}

fn back(id: RunId) -> Redirect {
    Redirect::to(&format!("/runs/{id}/why#probes"))
}

fn wrong(field: &str, message: String) -> HttpError {
    let field = field.to_owned();
    SpecError(vec![FieldError { field, message }]).into()
}
