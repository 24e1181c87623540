//! What every look at a run found, on its page: the causes, what the run and its probes showed, and what weighs of the rest.

use super::App;
use super::finding::{FindingView, no_pictures};
use crate::diagnose::finding::{Evidence, Finding, Severity};
use crate::diagnose::looks::Source;
use crate::diagnose::{Suspect, p_value};
use crate::run::{DatasetId, RunId};
use crate::web::gathered::Gathered;
use std::cmp::Reverse;

/// Numbers that stand below one cause; the findings have them all.
const MOST_EVIDENCE: usize = 5;

/// What was found of a run.
pub struct FoundView {
    /// The strongest first.
    pub causes: Vec<Suspect>,
    /// That none of them is probable enough yet, and what would tell.
    pub undecided: Option<String>,
    /// By the run itself and by its probes.
    pub own: Vec<FindingView>,
    /// What can widen a gap of that which is told at length in another place.
    pub elsewhere: Vec<Elsewhere>,
    /// What could not be looked at and why.
    pub not_checked: Vec<String>,
}

/// Findings of one look, a line each.
pub struct Elsewhere {
    pub source: Source,
    /// Where they are told at length.
    pub address: String,
    pub findings: Vec<FindingView>,
}

impl FoundView {
    pub async fn of(app: &App, gathered: &Gathered) -> FoundView {
        let dataset = gathered.run.dataset.as_ref();
        let mut own: Vec<Finding> = Vec::new();
        let mut elsewhere = Vec::new();
        for look in gathered.looks.iter() {
            let Ok(findings) = &look.findings else {
                continue;
            };
            match address(look.source, gathered.run.id, dataset) {
                None => own.extend(findings.iter().cloned()),
                Some(address) => elsewhere.extend(Elsewhere::of(look.source, address, findings)),
            }
        }
        // The worst first, whichever look it is of.
        own.sort_by_key(|finding| Reverse(finding.severity));
        let views = FindingView::list_of(app, dataset, "finding", &own).await;
        FoundView {
            causes: gathered.diagnosis.causes.clone(),
            undecided: gathered.diagnosis.undecided(),
            own: views
                .into_iter()
                .map(|view| view.opening(gathered.opened()).in_fold())
                .collect(),
            elsewhere,
            not_checked: gathered.diagnosis.not_checked.clone(),
        }
    }

    /// The numbers that are evidence of a cause, those least likely by chance first.
    pub fn evidence(&self, suspect: &Suspect) -> Vec<String> {
        evidence(suspect, MOST_EVIDENCE)
    }

    pub fn is_empty(&self) -> bool {
        self.causes.is_empty() && self.own.is_empty() && self.elsewhere.is_empty()
    }
}

impl Elsewhere {
    /// None where nothing weighs.
    fn of(source: Source, address: String, findings: &[Finding]) -> Option<Elsewhere> {
        let weighs = |finding: &&Finding| finding.severity >= Severity::Warning;
        let findings: Vec<Finding> = findings.iter().filter(weighs).cloned().collect();
        let list = format!("{source:?}").to_lowercase();
        let views = FindingView::list(&format!("elsewhere-{list}"), &findings, no_pictures);
        (!findings.is_empty()).then(|| Elsewhere {
            source,
            address,
            findings: views.into_iter().map(FindingView::folded).collect(),
        })
    }
}

/// Sentences on the numbers that are evidence of a cause, those least likely by chance first.
pub fn evidence(suspect: &Suspect, most: usize) -> Vec<String> {
    let mut evidence: Vec<&Evidence> = suspect.evidence.iter().collect();
    let p = |evidence: &Evidence| evidence.p.unwrap_or(1.0);
    evidence.sort_by(|a, b| p(a).total_cmp(&p(b)));
    evidence
        .into_iter()
        .take(most)
        .map(|evidence| match evidence.p {
            Some(p) if !evidence.statement.contains("p = ") => {
                format!("{} p = {}.", evidence.statement, p_value(p))
            }
            _ => evidence.statement.clone(),
        })
        .collect()
}

/// Where a look's findings are told at length, if not among the run's own.
fn address(source: Source, run: RunId, dataset: Option<&DatasetId>) -> Option<String> {
    let on_dataset = |part| dataset.map(|id| format!("/datasets/{id}#{part}"));
    match source {
        Source::Run | Source::Predictions | Source::Probes => None,
        Source::Data => on_dataset("audit"),
        Source::SimpleModels => on_dataset("simple-models"),
        Source::Layers => Some(format!("/runs/{run}/settings#layers")),
    }
}
