//! The answer on a run's page: a sentence, the one button that does what follows from it, and how sure it is.

use super::wording::{counted, duration, points};
use crate::diagnose::remedies::Treatment;
use crate::diagnose::{Action, ActionKind, Answer, Diagnosis, Suspect, difference};
use crate::run::{EpochRecord, GroupId, RunId, Split};
use crate::store::Group;
use crate::web::gathered::Gathered;
use askama::Template;

/// The section of a run's page; it is brought up to date like its other live parts.
#[derive(Template)]
#[template(path = "run/answer.html")]
pub struct AnswerView {
    run: RunId,
    sentence: String,
    button: Option<Button>,
    going: Option<Going>,
    /// Its images are still being looked into.
    looking: bool,
    /// What the answer rests on, and what could be wrong with it.
    sure: Vec<(&'static str, String)>,
}

/// The one thing to do.
struct Button {
    label: String,
    way: Way,
}

enum Way {
    /// A form with one hidden field; one that leaves the page is not sent by its script.
    Post {
        to: String,
        field: &'static str,
        value: String,
        leaves: bool,
    },
    Open(String),
}

/// A probe or remedies that are being tried.
struct Going {
    /// Ids of its runs, joined by commas.
    runs: String,
    group: GroupId,
    trainings: String,
    /// Done, of how many.
    epochs: (u32, u32),
    left_s: Option<f64>,
    is_ending: bool,
    /// Where it is cancelled.
    cancel: String,
}

impl AnswerView {
    pub fn of(gathered: &Gathered) -> AnswerView {
        let diagnosis = &gathered.diagnosis;
        let run = gathered.run.id;
        AnswerView {
            run,
            sentence: diagnosis.answer.sentence.clone(),
            button: diagnosis
                .answer
                .action
                .as_ref()
                .map(|action| Button::of(run, action, diagnosis)),
            going: Going::of(gathered),
            looking: gathered.looking && gathered.run.status.is_over(),
            sure: sure(diagnosis, gathered.epochs.last()),
        }
    }
}

impl Button {
    fn of(run: RunId, action: &Action, diagnosis: &Diagnosis) -> Button {
        let about = action
            .cost_s
            .map_or(String::new(), |cost| format!(", about {}", duration(cost)));
        let id = action.id.clone();
        let post = |to: &str, field, leaves| Way::Post {
            to: format!("/runs/{run}/{to}"),
            field,
            value: id.clone(),
            leaves,
        };
        let mut tried = diagnosis.remedies_tried.iter();
        let is_winner = tried.any(|record| record.winner && record.id == id);
        let (label, way) = match action.kind {
            ActionKind::Remedy if is_winner => (
                format!("Apply and run{about}"),
                post("remedies/apply", "remedy", true),
            ),
            ActionKind::Remedy => {
                let name = Treatment::named(&id).map_or_else(|| id.clone(), |of| of.name());
                (
                    format!("Try {name}{about}"),
                    post("remedies", "remedy", false),
                )
            }
            ActionKind::Probe => (
                format!("Run this test{about}"),
                post("probes", "probe", false),
            ),
            ActionKind::Open => {
                let label = match id.starts_with("/datasets/") {
                    true => "Open the dataset",
                    false => "Open that run",
                };
                (label.to_owned(), Way::Open(id))
            }
        };
        Button { label, way }
    }
}

impl Going {
    fn of(gathered: &Gathered) -> Option<Going> {
        let probe = gathered
            .asked
            .as_ref()
            .ok()
            .and_then(|asked| asked.going.as_ref());
        let (group, cancel) = match (&gathered.offers.going, probe) {
            (Some(group), _) => (group, format!("/groups/{}/cancel", group.summary.id)),
            (None, Some(group)) => (group, format!("/runs/{}/probes/cancel", gathered.run.id)),
            (None, None) => return None,
        };
        Some(Going {
            runs: ids(group),
            group: group.summary.id,
            trainings: counted(group.runs.len() as u64, "training", "trainings"),
            epochs: group.epochs(),
            left_s: group.left_s(gathered.parallel),
            is_ending: group.is_being_cancelled(),
            cancel,
        })
    }
}

fn ids(group: &Group) -> String {
    let ids: Vec<String> = group.runs.iter().map(|of| of.run.id.to_string()).collect();
    ids.join(",")
}

/// What an answer rests on, each with its name.
fn sure(diagnosis: &Diagnosis, last: Option<&EpochRecord>) -> Vec<(&'static str, String)> {
    let mut sure = Vec::new();
    sure.extend(last.and_then(gap).map(|gap| ("Gap", gap)));
    let stated = diagnosis.causes.iter().find(|suspect| suspect.is_stated());
    sure.extend(stated.and_then(cause).map(|cause| ("Cause", cause)));
    let winner = diagnosis.remedies_tried.iter().find(|record| record.winner);
    sure.extend(winner.map(|record| ("Proof", record.result.clone())));
    if let Some(gates) = &diagnosis.gates
        && gates.enough_images.answer == Answer::No
    {
        sure.push(("Images", gates.enough_images.statement.clone()));
    }
    if let Some(suspect) = stated {
        let of_cause = diagnosis
            .findings
            .iter()
            .filter(|f| f.cause == Some(suspect.id));
        let mut wrong: Vec<&str> = Vec::new();
        for finding in of_cause.filter(|f| !f.false_alarm.is_empty()) {
            if !wrong.contains(&finding.false_alarm.as_str()) {
                wrong.push(&finding.false_alarm);
            }
        }
        if !wrong.is_empty() {
            sure.push(("What could be wrong", wrong.join(" ")));
        }
    }
    sure
}

/// "81.7 points after epoch 60, 95 % interval 72.5 to 88.1 (Newcombe)"
fn gap(last: &EpochRecord) -> Option<String> {
    let (train, val) = (last.train.as_ref()?, last.val.as_ref()?);
    if train.n == 0 || val.n == 0 {
        return None;
    }
    let interval = difference((train.correct, train.n), (val.correct, val.n));
    Some(format!(
        "{} points after epoch {}, 95 % interval {} to {} (Newcombe 1998).",
        points(last.gap(Split::Val)?),
        last.epoch,
        points(interval.low),
        points(interval.high)
    ))
}

fn cause(suspect: &Suspect) -> Option<String> {
    Some(format!(
        "{}: probability {}, calibrated on planted faults.",
        suspect.id.title(),
        suspect.probability()?
    ))
}
