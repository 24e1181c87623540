//! `/groups/{id}`: runs that were asked for together: how far they are, what each came to, means over seeds.

use super::App;
use super::error::rendered;
use super::paging::{PageQuery, Paging, ROWS};
use super::probes::drawing;
use super::wording::{counted, duration, moment, percent, points};
use crate::diagnose::{Mean, OverSeeds, share, wilson};
use crate::run::sweep::{Settings, label};
use crate::run::{GroupId, RunStatus, Split};
use crate::store::{Group, GroupRun};
use crate::web::HttpError;
use crate::web::extract::{Id, Query};
use crate::web::probes::{group_beside, probe_of, shown};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{Redirect, Response};
use axum::routing::{get, post};

/// Settings whose means are shown at once.
const MOST_MEANS: usize = 12;
/// Runs that a comparison takes.
const MOST_COMPARED: usize = 20;

pub fn router() -> Router<App> {
    Router::new()
        .route("/groups/{id}", get(show))
        .route("/groups/{id}/cancel", post(cancel))
        .route("/groups/{id}/delete", get(ask).post(delete))
}

#[derive(Template)]
#[template(path = "group.html")]
struct GroupPage {
    /// The best validation accuracy first.
    group: Group,
    /// The runs of this page of the table.
    shown: Vec<GroupRun>,
    paging: Paging,
    counts: Vec<(RunStatus, usize)>,
    epochs: (u32, u32),
    left_s: Option<f64>,
    means: Vec<OverSeeds>,
    /// The settings beyond the first [`MOST_MEANS`].
    further_means: Vec<OverSeeds>,
    /// A probe's curves beside those of its run, as an SVG element.
    beside: Option<String>,
}

#[derive(Template)]
#[template(path = "group_delete.html")]
struct DeletePage {
    group: Group,
}

impl GroupPage {
    /// The headings of the fields that differ.
    fn fields(&self) -> Vec<&str> {
        let axes = &self.group.summary.axes;
        axes.iter().map(|axis| label(axes, axis)).collect()
    }

    /// A run's values of those fields, with the fields' headings.
    fn values(&self, settings: &Settings) -> Vec<(&str, String)> {
        let axes = &self.group.summary.axes;
        axes.iter()
            .map(|axis| {
                let value = settings.get(&axis.field);
                let text = value.map_or("–".to_owned(), ToString::to_string);
                (label(axes, axis), text)
            })
            .collect()
    }

    /// The settings that a mean is of: all but the seed, or that nothing else differs.
    fn setting(&self, of: &OverSeeds) -> String {
        match crate::run::sweep::said(&self.group.summary.axes, &of.settings) {
            said if said.is_empty() => "the same settings".to_owned(),
            said => said,
        }
    }
}

/// The address of a comparison: the run that a group looks into, and the first of the group's runs that have something to
/// compare. None where there are not two.
pub fn comparison(group: &Group) -> Option<String> {
    let runs = group.runs.iter().filter(|of| of.run.epoch > 0);
    let all = group
        .summary
        .parent
        .into_iter()
        .chain(runs.map(|of| of.run.id));
    let ids: Vec<String> = all.take(MOST_COMPARED).map(|id| id.to_string()).collect();
    let show = match probe_of(group).map(shown) {
        Some(Split::Train) => "&show=train",
        _ => "",
    };
    (ids.len() > 1).then(|| format!("/compare?runs={}{show}", ids.join(",")))
}

/// "11.2 to 26.9", the 95 % interval of a run's accuracy in a split after its last epoch.
fn interval(of: &GroupRun, split: Split) -> Option<String> {
    let m = of.run.latest.as_ref()?.split(split)?;
    let interval = wilson(m.correct, m.n);
    Some(format!(
        "{} to {}",
        points(interval.low),
        points(interval.high)
    ))
}

/// "18 of 90 (20.0 %)" in its title, where the run has it
fn told(of: &GroupRun, split: Split) -> Option<(String, String)> {
    let m = of.run.latest.as_ref()?.split(split)?;
    Some((percent(m.accuracy), share(m)))
}

/// "21.1 % (epoch 7)" of validation, and the other splits' figures of that epoch: "training 60.2 %", "test 17.8 %"
fn best(of: &GroupRun) -> Option<(String, Vec<String>)> {
    let best = of.best.as_ref()?;
    let val = best.split(Split::Val)?;
    let others = [Split::Train, Split::Test].into_iter().filter_map(|split| {
        let m = best.split(split)?;
        Some(format!("{} {}", split.word(), percent(m.accuracy)))
    });
    Some((
        format!("{} (epoch {})", percent(val.accuracy), best.epoch),
        others.collect(),
    ))
}

/// "61.2 %, 52.3 to 70.1"
fn mean(of: Option<Mean>) -> String {
    let Some(Mean { mean, low, high }) = of else {
        return "–".to_owned();
    };
    format!("{} ({} to {})", percent(mean), points(low), points(high))
}

async fn show(
    State(app): State<App>,
    Id(id): Id<GroupId>,
    Query(asked): Query<PageQuery>,
) -> Result<Response, HttpError> {
    let mut group = app.store.group(id).await?;
    group.sort_by_validation();
    let beside = group_beside(&app, &group).await?;
    let mut means = group.over_seeds();
    let mut shown = group.runs.clone();
    Ok(rendered(&GroupPage {
        counts: group.counts(),
        epochs: group.epochs(),
        left_s: group.left_s(app.scheduler.parallel()),
        further_means: means.split_off(means.len().min(MOST_MEANS)),
        means,
        paging: Paging::of(&mut shown, asked.page, ROWS, |page| {
            format!("/groups/{id}?page={page}")
        }),
        shown,
        beside: beside.as_ref().and_then(drawing),
        group,
    }))
}

async fn cancel(State(app): State<App>, Id(id): Id<GroupId>) -> Result<Redirect, HttpError> {
    app.store.cancel_group(id).await?;
    Ok(Redirect::to(&format!("/groups/{id}")))
}

async fn ask(State(app): State<App>, Id(id): Id<GroupId>) -> Result<Response, HttpError> {
    let group = app.store.group(id).await?;
    Ok(rendered(&DeletePage { group }))
}

async fn delete(State(app): State<App>, Id(id): Id<GroupId>) -> Result<Redirect, HttpError> {
    app.store.delete_group(id).await?;
    Ok(Redirect::to("/groups"))
}
