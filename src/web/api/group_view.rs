//! A group of runs as the API shows it.

use crate::diagnose::OverSeeds;
use crate::run::sweep::{Axis, Settings};
use crate::run::{BestEpoch, EpochRecord, GroupId, RunId, RunStatus};
use crate::store::{Group, GroupRun, GroupSummary, Moment};
use serde::Serialize;

/// A group of runs as the API shows it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GroupView {
    #[serde(flatten)]
    facts: GroupFacts,
    /// Epochs that are done in all runs together.
    epochs_done: u32,
    /// As many will be, as far as is known.
    epochs: u32,
    /// Seconds until the last run is done, from the epochs so far.
    left_s: Option<f64>,
    /// The best validation accuracy first.
    runs: Vec<GroupRunView>,
    /// Means over the seeds of the same settings, the best validation first.
    over_seeds: Vec<OverSeeds>,
}

/// What lists of groups say, too.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GroupFacts {
    id: GroupId,
    name: String,
    created: Moment,
    /// The fields that differ.
    axes: Vec<Axis>,
    /// The run that it looks into.
    parent: Option<RunId>,
    /// What it is for, where it has a parent.
    purpose: Option<String>,
    run_count: u32,
    /// Runs that are over.
    over: u32,
}

/// A run as its group shows it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GroupRunView {
    id: RunId,
    name: String,
    /// What it has of the fields that differ.
    #[schema(value_type = Object)]
    settings: Settings,
    status: RunStatus,
    message: String,
    epoch: u32,
    epochs: u32,
    latest: Option<EpochRecord>,
    best: Option<BestEpoch>,
    /// The figures of the best epoch.
    best_record: Option<EpochRecord>,
    /// Once the run is over.
    verdict: Option<String>,
}

impl GroupView {
    /// A group on a server that trains `parallel` runs at once.
    pub fn of(mut group: Group, parallel: usize) -> GroupView {
        group.sort_by_validation();
        let (epochs_done, epochs) = group.epochs();
        GroupView {
            epochs_done,
            epochs,
            left_s: group.left_s(parallel),
            over_seeds: group.over_seeds(),
            runs: group.runs.into_iter().map(GroupRunView::from).collect(),
            facts: group.summary.into(),
        }
    }
}

impl From<GroupSummary> for GroupFacts {
    fn from(group: GroupSummary) -> GroupFacts {
        GroupFacts {
            id: group.id,
            name: group.name,
            created: group.created,
            axes: group.axes,
            parent: group.parent,
            purpose: group.purpose,
            run_count: group.runs,
            over: group.over,
        }
    }
}

impl From<GroupRun> for GroupRunView {
    fn from(GroupRun { run, best, .. }: GroupRun) -> GroupRunView {
        GroupRunView {
            id: run.id,
            name: run.name,
            settings: run.settings,
            status: run.status,
            message: run.message,
            epoch: run.epoch,
            epochs: run.epochs,
            latest: run.latest,
            best: run.best,
            best_record: best,
            verdict: run.verdict,
        }
    }
}
