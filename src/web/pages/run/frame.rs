//! What every section of a run shows around itself: where it is, how the run stands, what can be done, the other sections.

use crate::run::{RunId, RunStatus};
use crate::store::{GroupSummary, Run};
use crate::train::Wish;
use crate::web::{App, HttpError};
use std::borrow::Borrow;

/// A section of a run's page, in the order of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Overview,
    Why,
    Images,
    Epochs,
    Settings,
    Log,
}

impl Section {
    pub const ALL: [Section; 6] = [
        Section::Overview,
        Section::Why,
        Section::Images,
        Section::Epochs,
        Section::Settings,
        Section::Log,
    ];

    /// "Settings and files"
    pub fn title(self) -> &'static str {
        match self {
            Section::Overview => "Overview",
            Section::Why => "Why",
            Section::Images => "Images",
            Section::Epochs => "Epochs",
            Section::Settings => "Settings and files",
            Section::Log => "Log",
        }
    }

    /// `/runs/3/why`
    pub fn address(self, run: impl Borrow<RunId>) -> String {
        let run = run.borrow();
        let below = match self {
            Section::Overview => return format!("/runs/{run}"),
            Section::Why => "why",
            Section::Images => "images",
            Section::Epochs => "epochs",
            Section::Settings => "settings",
            Section::Log => "log",
        };
        format!("/runs/{run}/{below}")
    }
}

/// The run that a page is about, and which of its sections the page shows.
pub struct Frame {
    pub run: Run,
    pub section: Section,
    /// The sweep, probe or remedies that the run belongs to.
    pub group: Option<GroupSummary>,
}

impl Frame {
    pub async fn new(app: &App, run: Run, section: Section) -> Result<Frame, HttpError> {
        let group = match run.group {
            Some(id) => Some(app.store.group_summary(id).await?),
            None => None,
        };
        Ok(Frame {
            run,
            section,
            group,
        })
    }

    /// The run's name, or its number if it has none.
    pub fn title(&self) -> String {
        match self.run.name.as_str() {
            "" => format!("Run {}", self.run.id),
            name => name.to_owned(),
        }
    }

    /// What a user has asked for and has not happened yet.
    pub fn pending(&self) -> Option<&'static str> {
        match self.run.wish {
            _ if self.run.status.is_over() => None,
            Wish::Stop => Some("stopping after this step"),
            Wish::Cancel => Some("being cancelled"),
            _ => None,
        }
    }

    /// Seconds from the first start to the end.
    pub fn took_s(&self) -> Option<f64> {
        Some(self.run.ended?.seconds_since(self.run.started?))
    }

    /// Seconds that the epochs to come take if each takes as long as the last one.
    pub fn left_s(&self) -> Option<f64> {
        let latest = self.run.latest.as_ref()?;
        let left = self.run.epochs.saturating_sub(self.run.epoch);
        (self.run.status == RunStatus::Running && latest.seconds > 0.0 && left > 0)
            .then(|| latest.seconds * f64::from(left))
    }

    pub fn can_resume(&self) -> bool {
        use RunStatus::{Cancelled, Failed, Stopped};
        matches!(self.run.status, Stopped | Cancelled | Failed) && !self.run.spec.external
    }

    pub fn can_delete(&self) -> bool {
        self.run.status.is_over() || self.run.spec.external
    }
}
