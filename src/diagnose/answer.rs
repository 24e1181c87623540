//! The answer that a diagnosis comes to: the cause with its proof and the remedy to apply, or else what is not known and the one
//! most useful next test.

use super::causes::Suspect;
use super::finding::{Cause, Finding, Severity};
use super::gates::{Answer, beside_guessing, duration, percent, share};
use super::remedies::{RemedyRecord, Share, Treatment, remedies};
use super::{Diagnosis, Verdict};
use crate::run::{EpochRecord, RunStatus, Split, SplitMetrics};
use serde::Serialize;

/// What a diagnosis comes to: the document's `answer`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Conclusion {
    /// One sentence or two, with the numbers.
    pub sentence: String,
    /// None if there is nothing to do, or nothing that Gapwatch can do.
    pub action: Option<Action>,
}

/// The one thing to do next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Action {
    pub kind: ActionKind,
    /// The remedy's or the probe's id; for a page its address.
    pub id: String,
    /// Seconds of training, about; None if nothing is trained.
    pub cost_s: Option<f64>,
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// Tries a remedy on the run. One that was seen to help, the winner, is applied: a run with its settings.
    Remedy,
    /// Makes a probe.
    Probe,
    /// Opens a page on which more is known or can be done.
    Open,
}

/// What is known beside a diagnosis when it is answered.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    pub status: RunStatus,
    /// The epoch that the gates were asked of.
    pub last: Option<&'a EpochRecord>,
    /// Remedies that can be tried, the first to try first.
    pub remedies: Vec<Untried>,
    /// A probe or a remedy that is being tried: a clause such as "does longer training help?".
    pub going: Option<String>,
    /// What would help if no test can be made here, a sentence.
    pub wants: Option<String>,
    /// A script of its owner trains it: no test can be made of it here.
    pub external: bool,
    /// A page on which more can be found out, and what: a sentence.
    pub page: Option<(String, String)>,
    /// The answer is on another run's page, which the sentence and the address name.
    pub elsewhere: Option<(String, String)>,
}

/// A remedy that can be tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Untried {
    pub treatment: Treatment,
    /// What it is against.
    pub causes: Vec<Cause>,
    /// Seconds of training, about.
    pub cost_s: f64,
}

impl Situation<'_> {
    /// Of a run of which only this is known.
    pub fn of(status: RunStatus) -> Self {
        Situation {
            status,
            last: None,
            remedies: Vec::new(),
            going: None,
            wants: None,
            external: false,
            page: None,
            elsewhere: None,
        }
    }

    fn metrics(&self, split: Split) -> Option<&SplitMetrics> {
        self.last?.split(split).filter(|m| m.accuracy.is_finite())
    }

    /// Without training figures there is nothing to say of a gap.
    fn has_gap(&self) -> bool {
        self.last.is_some_and(|last| last.gap(Split::Val).is_some())
    }

    /// "training gets 99.5 % (627 of 630) right and validation 17.8 % (16 of 90)"
    fn figures(&self) -> Option<String> {
        let figure = |m: &SplitMetrics| match m.n {
            0 => percent(m.accuracy),
            _ => share(m),
        };
        match (self.metrics(Split::Train), self.metrics(Split::Val)) {
            (Some(train), Some(val)) => Some(format!(
                "training gets {} right and validation {}",
                figure(train),
                figure(val)
            )),
            (Some(only), None) => Some(format!("training gets {} right", figure(only))),
            (None, Some(only)) => Some(format!("validation gets {} right", figure(only))),
            (None, None) => None,
        }
    }
}

/// Answers. A document that is asked again with more known beside it answers more.
pub(super) fn answer(diagnosis: &Diagnosis, situation: &Situation) -> Conclusion {
    if let Some((sentence, address)) = &situation.elsewhere {
        return say(sentence).doing(open(address));
    }
    if situation.last.is_none() || diagnosis.gates.is_none() {
        return say(&diagnosis.summary);
    }
    if let Some(broken) = diagnosis.findings.iter().find(|f| f.breaks_evaluation()) {
        return of_broken_scoring(broken, diagnosis, situation);
    }
    if !situation.status.is_over() {
        return so_far(diagnosis, situation);
    }
    match diagnosis.verdict {
        Verdict::Healthy => of_healthy(diagnosis, situation),
        verdict => next(known(verdict, diagnosis, situation), diagnosis, situation),
    }
}

/// What is known, a sentence, before what follows from it.
fn known(verdict: Verdict, diagnosis: &Diagnosis, situation: &Situation) -> String {
    let figures = situation.figures().map(capital);
    let figures = figures.unwrap_or_else(|| "The numbers are incomplete".to_owned());
    match verdict {
        Verdict::Memorising | Verdict::Overfitting if !diagnosis.parting.is_empty() => {
            diagnosis.parting.clone()
        }
        Verdict::Memorising | Verdict::Overfitting => format!("{figures}."),
        Verdict::NotLearning => {
            format!(
                "The network does not learn its own training images: {}.",
                small_first(&figures)
            )
        }
        Verdict::Diverged => {
            "The run diverged: a loss is no longer a number, or the training loss is back where it started or above.".to_owned()
        }
        Verdict::Underfitting => format!(
            "The run ended while the network still learnt: {}.",
            small_first(&figures)
        ),
        Verdict::Healthy | Verdict::BrokenEvaluation | Verdict::Undetermined => {
            format!("{figures}, which does not decide whether there is a gap.")
        }
    }
}

/// The cause with its proof and the remedy; else the cause and a remedy to try; else the most useful test.
fn next(known: String, diagnosis: &Diagnosis, situation: &Situation) -> Conclusion {
    if let Some(going) = &situation.going {
        return say(&format!("{known} Being tested now: {going}"));
    }
    if let Some(winner) = diagnosis.remedies_tried.iter().find(|record| record.winner) {
        return of_winner(winner, diagnosis);
    }
    let stated = diagnosis.causes.iter().find(|suspect| suspect.is_stated());
    if let Some(suspect) = stated {
        let likely = format!(
            "{}: {}",
            match suspect.probability() {
                Some(p) => format!("Most likely cause ({p})"),
                None => "Most likely cause".to_owned(),
            },
            small_first(suspect.id.title())
        );
        return match untried(diagnosis, situation, |of| of.causes.contains(&suspect.id)) {
            Some(first) => {
                say(&format!("{known} {likely}; {}.", trying(first))).doing(attempt(first))
            }
            None => more(format!("{known} {likely}."), diagnosis, situation),
        };
    }
    match (diagnosis.verdict, untried(diagnosis, situation, |_| true)) {
        // No probe explains these better than trying what usually helps.
        (Verdict::NotLearning | Verdict::Underfitting | Verdict::Diverged, Some(first)) => {
            say(&format!("{known} {}.", capital(trying(first)))).doing(attempt(first))
        }
        (Verdict::Memorising | Verdict::Overfitting, _) if situation.has_gap() => more(
            format!("{known} Why is not clear yet."),
            diagnosis,
            situation,
        ),
        _ => more(known, diagnosis, situation),
    }
}

/// The most useful test; without one what else can be done.
fn more(known: String, diagnosis: &Diagnosis, situation: &Situation) -> Conclusion {
    if let Some(probe) = &diagnosis.next_probe {
        return say(&format!(
            "{known} The most useful next test takes about {}: {}",
            duration(probe.cost_s),
            small_first(probe.question)
        ))
        .doing(Action {
            kind: ActionKind::Probe,
            id: probe.id.name().to_owned(),
            cost_s: Some(probe.cost_s),
        });
    }
    if let Some((sentence, address)) = &situation.page {
        return say(&format!("{known} {sentence}")).doing(open(address));
    }
    if let Some(first) = untried(diagnosis, situation, |_| true) {
        return say(&format!("{known} {}.", capital(trying(first)))).doing(attempt(first));
    }
    match &situation.wants {
        Some(wants) => say(&format!("{known} {wants}")),
        None => say(&known),
    }
}

fn of_winner(winner: &RemedyRecord, diagnosis: &Diagnosis) -> Conclusion {
    let against = |suspect: &&Suspect| {
        let mut helps = remedies(suspect.id).iter();
        suspect.is_stated() && helps.any(|remedy| winner.id.split('+').any(|id| id == remedy.id))
    };
    let cause = match diagnosis.causes.iter().find(against) {
        Some(suspect) => format!("{}. ", suspect.id.title()),
        None => String::new(),
    };
    let rise = match (&winner.before, &winner.after) {
        (Some(before), Some(after)) => format!(
            "validation rises from {} to {}",
            counted_share(before),
            counted_share(after)
        ),
        _ => "validation rises".to_owned(),
    };
    let name = Treatment::named(&winner.id).map_or_else(|| winner.id.clone(), |of| of.name());
    let other = match winner.paired {
        true => "",
        false => ", measured on other validation images",
    };
    say(&format!("{cause}With {name}, {rise}{other}.")).doing(Action {
        kind: ActionKind::Remedy,
        id: winner.id.clone(),
        cost_s: Some(winner.cost_s / winner.runs.len().max(1) as f64),
    })
}

fn of_broken_scoring(broken: &Finding, diagnosis: &Diagnosis, situation: &Situation) -> Conclusion {
    let sentence = format!(
        "The scoring contradicts itself, and these figures cannot be trusted before that is mended: {}.",
        small_first(&broken.title)
    );
    if !situation.status.is_over() || situation.going.is_some() {
        return say(&sentence);
    }
    if let Some(winner) = diagnosis.remedies_tried.iter().find(|record| record.winner) {
        let proof = of_winner(winner, diagnosis);
        return Conclusion {
            sentence: format!("{sentence} {}", proof.sentence),
            ..proof
        };
    }
    let against = |of: &Untried| of.causes.first() == broken.cause.as_ref();
    match untried(diagnosis, situation, against) {
        Some(first) => {
            say(&format!("{sentence} {}.", capital(trying(first)))).doing(attempt(first))
        }
        None => say(&sentence),
    }
}

fn of_healthy(diagnosis: &Diagnosis, situation: &Situation) -> Conclusion {
    let figures = situation
        .figures()
        .map_or(String::new(), |of| format!(": {of}"));
    let grave = |suspect: &&Suspect| suspect.severity == Severity::Problem;
    if let Some(suspect) = diagnosis.causes.iter().find(grave) {
        let known = format!(
            "Validation looks good{figures}, but these figures say little about new images: {}.",
            small_first(suspect.id.title())
        );
        return match untried(diagnosis, situation, |of| of.causes.contains(&suspect.id)) {
            Some(first) if situation.going.is_none() => {
                say(&format!("{known} {}.", capital(trying(first)))).doing(attempt(first))
            }
            _ => say(&known),
        };
    }
    let works = match diagnosis
        .gates
        .as_ref()
        .map(|gates| gates.above_chance.answer)
    {
        Some(Answer::No) => {
            "There is hardly a gap, but on new images the network is no better than guessing"
        }
        _ => "What the network learnt works on new images",
    };
    let wants = match &situation.wants {
        Some(wants) => format!(" {wants}"),
        None => String::new(),
    };
    say(&format!("{works}{figures}. {}{wants}", diagnosis.parting))
}

/// Of a run that goes on only the figures, and whether there is a gap so far.
fn so_far(diagnosis: &Diagnosis, situation: &Situation) -> Conclusion {
    let epoch = situation.last.map_or(0, |last| last.epoch);
    let Some(figures) = situation.figures() else {
        return say(&diagnosis.summary);
    };
    let says = match (diagnosis.verdict, &diagnosis.gates) {
        (Verdict::Memorising | Verdict::Overfitting, Some(gates)) => {
            let beside = match gates.above_chance.answer {
                Answer::Unknown => String::new(),
                answer => format!("On new images it is {} so far. ", beside_guessing(answer)),
            };
            format!(
                "{} {beside}{}",
                diagnosis.parting,
                match situation.external {
                    true => "",
                    false => "Why can be tested when the run is over.",
                }
            )
        }
        (Verdict::NotLearning, _) => {
            "So far this is no better than guessing in training itself.".to_owned()
        }
        (Verdict::Diverged, _) => {
            "The run diverges: a loss is no longer a number, or the training loss rises back to where it started.".to_owned()
        }
        (Verdict::Undetermined, _) if diagnosis.is_early() => {
            format!(
                "{} It is too early for a verdict: the run goes on, and its training images are not all learnt so far.",
                diagnosis.parting
            )
        }
        _ => diagnosis.parting.clone(),
    };
    say(&format!("After epoch {epoch}, {figures}. {}", says.trim()))
}

/// The first remedy of a kind that was not tried yet.
fn untried<'a>(
    diagnosis: &Diagnosis,
    situation: &'a Situation,
    wanted: impl Fn(&Untried) -> bool,
) -> Option<&'a Untried> {
    let tried = |of: &Untried| {
        let id = of.treatment.id();
        diagnosis
            .remedies_tried
            .iter()
            .any(|record| record.id == id)
    };
    let mut all = situation.remedies.iter();
    all.find(|of| !tried(of) && wanted(of))
}

/// "trying global pooling (about 38 s) would show whether that helps"
fn trying(of: &Untried) -> String {
    format!(
        "trying {} (about {}) would show whether that helps",
        of.treatment.name(),
        duration(of.cost_s)
    )
}

fn attempt(of: &Untried) -> Action {
    Action {
        kind: ActionKind::Remedy,
        id: of.treatment.id(),
        cost_s: Some(of.cost_s),
    }
}

fn open(address: &str) -> Action {
    Action {
        kind: ActionKind::Open,
        id: address.to_owned(),
        cost_s: None,
    }
}

fn say(sentence: &str) -> Conclusion {
    Conclusion {
        sentence: sentence.to_owned(),
        action: None,
    }
}

impl Conclusion {
    fn doing(self, action: Action) -> Conclusion {
        Conclusion {
            action: Some(action),
            ..self
        }
    }
}

/// "17.8 % (16 of 90)"
fn counted_share(of: &Share) -> String {
    share(&SplitMetrics::new(0.0, of.correct, of.n))
}

fn first_as(text: impl AsRef<str>, change: impl Fn(char) -> String) -> String {
    let mut letters = text.as_ref().chars();
    letters
        .next()
        .map_or_else(String::new, |first| change(first) + letters.as_str())
}

/// With a small first letter, for the inside of a sentence.
pub fn small_first(text: impl AsRef<str>) -> String {
    first_as(text, |first| first.to_lowercase().collect())
}

fn capital(text: impl AsRef<str>) -> String {
    first_as(text, |first| first.to_uppercase().collect())
}
