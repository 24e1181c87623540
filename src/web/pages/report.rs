//! A report: verdict, curves, gates, findings, what to do next; as a page, and as one file that needs nothing else.

use super::assets;
use super::finding::FindingView;
use super::found::evidence;
use super::probes::MadeView;
use super::remedies::RemediesView;
use super::units::kept_together;
use super::verdict;
use super::wording::{loss, points, thousands};
use crate::chart::{self, Kind};
use crate::diagnose::looks::{Looks, Missing, Source};
use crate::diagnose::{Answer, Diagnosis, Suspect, percent, share, wilson};
use crate::run::{EpochRecord, Split, SplitMetrics};
use crate::store::Moment;
use crate::web::HttpError;
use askama::Template;

/// Numbers that are told of one cause; the findings have them all.
const MOST_EVIDENCE: usize = 3;

/// What a report is made from.
pub struct Material<'a> {
    /// The run's name, or the history file's.
    pub title: String,
    /// Where it comes from: "Run 3, finished".
    pub origin: String,
    pub epochs: &'a [EpochRecord],
    /// The epoch that the gates were asked of.
    pub last: Option<EpochRecord>,
    pub diagnosis: Diagnosis,
    /// Why the verdict may still change.
    pub provisional: Option<&'static str>,
    pub best: Option<chart::Best>,
    pub looks: Looks,
}

/// A figure of the last epoch and of the best, as text.
struct Figure {
    split: Split,
    accuracy: String,
    interval: String,
    loss: String,
    at_best: String,
}

struct Chart {
    caption: &'static str,
    /// For a desktop, and for a phone.
    wide: String,
    narrow: String,
}

/// What one look found, or why it was not taken.
struct LookView {
    source: Source,
    findings: Vec<FindingView>,
}

/// Everything that a report shows, below its heading.
#[derive(Template)]
#[template(path = "report_body.html")]
pub struct Report {
    pub title: String,
    pub origin: String,
    question: String,
    diagnosis: Diagnosis,
    provisional: Option<&'static str>,
    last: Option<u32>,
    best: Option<u32>,
    figures: Vec<Figure>,
    charts: Vec<Chart>,
    /// What probes answered.
    pub probes: Option<MadeView>,
    /// Of a run that is over.
    pub remedies: Option<RemediesView>,
    looks: Vec<LookView>,
    missing: Vec<(Source, Missing)>,
    steps: Vec<String>,
    /// How files were read, in sentences.
    pub notes: Vec<String>,
    pub settings: Vec<(&'static str, String)>,
    pub facts: Vec<(&'static str, String)>,
    pub spec_toml: String,
    made: Moment,
}

impl Report {
    /// Draws the charts, so for a blocking thread. `view` draws a look's findings.
    pub fn of(
        material: Material,
        view: impl Fn(Source, &[crate::diagnose::finding::Finding]) -> Vec<FindingView>,
    ) -> Result<Report, HttpError> {
        let charts = charts(&material)?;
        let best = material.best;
        let best = best.and_then(|best| material.epochs.iter().find(|e| e.epoch == best.epoch));
        let last = material.last.as_ref();
        let mut report = Report {
            question: question(last, &material.diagnosis),
            figures: figures(last, best),
            last: last.map(|last| last.epoch),
            charts,
            probes: None,
            remedies: None,
            looks: Vec::new(),
            missing: Vec::new(),
            steps: material.looks.next_steps(&material.diagnosis),
            notes: Vec::new(),
            settings: Vec::new(),
            facts: Vec::new(),
            spec_toml: String::new(),
            made: Moment::now(),
            title: material.title,
            origin: material.origin,
            diagnosis: material.diagnosis,
            provisional: material.provisional,
            best: material.best.map(|best| best.epoch),
        };
        for look in material.looks.iter() {
            match &look.findings {
                Ok(findings) => report.looks.push(LookView {
                    source: look.source,
                    // A report is read as a whole: what is only worth knowing takes a line.
                    findings: view(look.source, findings)
                        .into_iter()
                        .map(FindingView::folded_if_slight)
                        .collect(),
                }),
                Err(missing) => report.missing.push((look.source, missing.clone())),
            }
        }
        Ok(report)
    }

    /// The numbers that speak for a cause, the least probable by chance first.
    fn evidence(&self, suspect: &Suspect) -> Vec<String> {
        evidence(suspect, MOST_EVIDENCE)
    }

    /// One HTML file with everything in it: styles, charts, pictures; no address outside of it.
    pub fn file(&self) -> Result<String, HttpError> {
        let page = ReportFile {
            report: self,
            css: format!(
                "{}{}",
                assets::text("palette.css"),
                assets::text("style.css")
            ),
        };
        let html = page.render().map_err(HttpError::internal)?;
        Ok(kept_together(&html))
    }
}

#[derive(Template)]
#[template(path = "report_file.html")]
struct ReportFile<'a> {
    report: &'a Report,
    css: String,
}

/// The question that the report answers, with its own numbers.
fn question(last: Option<&EpochRecord>, diagnosis: &Diagnosis) -> String {
    let gap = diagnosis.gates.as_ref().map(|gates| gates.gap.answer);
    let accuracy = |split| {
        let m = last?.split(split)?;
        m.accuracy.is_finite().then_some(m.accuracy)
    };
    let images = |split: Split| match last.and_then(|l| l.split(split)).map_or(0, |m| m.n) {
        0 => format!("the {} images", split.word()),
        n => format!("{} {} images", thousands(n), split.word()),
    };
    let other = accuracy(Split::Val)
        .map(|a| (Split::Val, a))
        .or_else(|| accuracy(Split::Test).map(|a| (Split::Test, a)));
    match (accuracy(Split::Train), other) {
        (Some(train), Some((split, other)))
            if gap == Some(Answer::Yes)
                || (gap == Some(Answer::Unknown) && train - other >= 0.1) =>
        {
            format!(
                "Why does the network get {} of {} right, but only {} of {}?",
                percent(train),
                images(Split::Train),
                percent(other),
                images(split)
            )
        }
        (Some(train), Some((split, other))) => format!(
            "The network gets {} of {} right and {} of {}: does it learn, and does that work on new images?",
            percent(train),
            images(Split::Train),
            percent(other),
            images(split)
        ),
        _ => "Does the network learn, and does that work on images it has not seen?".to_owned(),
    }
}

fn figures(last: Option<&EpochRecord>, best: Option<&EpochRecord>) -> Vec<Figure> {
    let accuracy = |m: &SplitMetrics| match m.n {
        _ if !m.accuracy.is_finite() => "–".to_owned(),
        0 => percent(m.accuracy),
        _ => share(m),
    };
    Split::ALL
        .into_iter()
        .filter_map(|split| {
            let m = last?.split(split)?;
            let interval = (m.n > 0 && m.correct <= m.n).then(|| wilson(m.correct, m.n));
            Some(Figure {
                split,
                accuracy: accuracy(m),
                interval: interval.map_or_else(
                    || "–".to_owned(),
                    |i| format!("{} to {}", points(i.low), percent(i.high)),
                ),
                loss: loss(m.loss),
                at_best: best
                    .and_then(|best| best.split(split))
                    .map_or_else(|| "–".to_owned(), accuracy),
            })
        })
        .collect()
}

/// The charts that there are numbers for.
fn charts(material: &Material) -> Result<Vec<Chart>, HttpError> {
    let subject = chart::Subject {
        name: &material.title,
        epochs: material.epochs,
        best: material.best,
        classes: &[],
        confusion: None,
    };
    let any = |has: &dyn Fn(&EpochRecord) -> bool| material.epochs.iter().any(has);
    let measured = |e: &EpochRecord, value: fn(&SplitMetrics) -> f64| {
        Split::ALL
            .iter()
            .filter_map(|split| e.split(*split))
            .any(|m| value(m).is_finite())
    };
    let gap = |e: &EpochRecord| {
        [Split::Val, Split::Test]
            .iter()
            .any(|split| e.gap(*split).is_some_and(f64::is_finite))
    };
    [
        (
            Kind::Accuracy,
            any(&|e| measured(e, |m| m.accuracy)),
            "Accuracy by epoch. Bands, where the numbers of images are known: Wilson’s 95 % intervals, the accuracies that so many right answers are compatible with.",
        ),
        (
            Kind::Gap,
            any(&gap),
            "Training accuracy minus validation and test accuracy. Bands: Newcombe’s 95 % intervals; a gap whose band does not touch zero is more than noise.",
        ),
        (
            Kind::Loss,
            any(&|e| measured(e, |m| m.loss)),
            "Cross-entropy by epoch; lower is better.",
        ),
    ]
    .into_iter()
    .filter(|(_, has, _)| *has)
    .map(|(kind, _, caption)| {
        let [wide, narrow] = chart::draw_for_page(kind, &subject)?;
        Ok(Chart {
            caption,
            wide,
            narrow,
        })
    })
    .collect()
}
