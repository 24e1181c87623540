//! A case as Gapwatch and as the rules of others judge it.

use crate::case::Case;
use anyhow::Result;
use gapwatch::data::Dataset;
use gapwatch::diagnose::audit::audit;
use gapwatch::diagnose::looks::{Looks, Source};
use gapwatch::diagnose::probes::ProbeRecord;
use gapwatch::diagnose::simple_models::simple_models;
use gapwatch::diagnose::{
    Diagnosis, GL_THRESHOLD, SEED, generalisation_loss, network_findings, smoothed,
};
use gapwatch::probe::{Attendant, Case as Inquest, inquire};
use gapwatch::run::{EpochRecord, Progress, Split};
use gapwatch::train;
use serde_json::{Value, json};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Seconds that an inquiry into one case may take.
const BUDGET: Duration = Duration::from_secs(15);

/// Judges a case; the line of the results.
pub fn judge(case: &Case) -> Result<Value> {
    let started = Instant::now();
    let folder = tempfile::tempdir()?;
    case.write(folder.path())?;
    let dataset = Dataset::open(folder.path(), &|_, _| ())?;
    let spec = case.spec()?;
    let plan = train::check(&spec, &dataset.index)?;
    let never = AtomicBool::new(false);
    let audited = audit(&dataset, SEED, &|_, _| (), &never)?;
    let simple = simple_models(&dataset, SEED, &|_, _| (), &never)?;
    let training = dataset.index.of(Split::Train).count();
    let drifted = simple
        .two_sample
        .iter()
        .any(|t| t.split == Split::Val && t.auc.value > 0.575 && t.p < 0.05);
    let looks = Looks::default()
        .with(Source::Data, audited.findings)
        .with(Source::SimpleModels, simple.findings)
        .with(Source::Layers, network_findings(&plan, Some(training)));
    let inquest = Inquest {
        dataset: &dataset,
        spec: &spec,
        looks,
        budget: BUDGET,
        threads: 1,
    };
    let inquired = inquire(inquest, &mut Silent)?;
    let diagnosis = &inquired.diagnosis;
    let mut line = case.facts();
    let facts = json!({
        "verdict": diagnosis.verdict,
        "named": diagnosis.causes.iter().map(|suspect| suspect.id.name()).collect::<Vec<_>>(),
        "signals": signals(diagnosis),
        "others": others(&inquired.epochs, diagnosis, drifted),
        "accuracy": inquired.epochs.last().map(|last| {
            Split::ALL.map(|split| last.split(split).map(|metrics| metrics.accuracy))
        }),
        "trainings": inquired.trainings,
        "seconds": started.elapsed().as_secs_f64(),
    });
    if let (Value::Object(line), Value::Object(facts)) = (&mut line, facts) {
        line.extend(facts);
    }
    Ok(line)
}

/// What likelihood ratios are fitted on: the verdict, each finding with its severity, each probe with its answer.
fn signals(diagnosis: &Diagnosis) -> Vec<String> {
    let mut signals = vec![format!("verdict:{}", diagnosis.verdict.name())];
    for finding in &diagnosis.findings {
        signals.push(format!(
            "finding:{}:{}",
            finding.id,
            finding.severity.name()
        ));
    }
    for probe in &diagnosis.probes {
        let answer = json!(probe.answer);
        signals.push(format!(
            "probe:{}:{}",
            probe.id.name(),
            answer.as_str().unwrap_or_default()
        ));
    }
    signals.sort();
    signals.dedup();
    signals
}

/// What the rules that others use would name: a cause, or nothing.
fn others(epochs: &[EpochRecord], diagnosis: &Diagnosis, drifted: bool) -> Value {
    let of = |split: Split, loss: bool| -> Vec<f64> {
        let metrics = epochs.iter().filter_map(|e| e.split(split));
        metrics
            .map(|m| if loss { m.loss } else { m.accuracy })
            .collect()
    };
    let overfits = |yes: bool| if yes { vec!["memorisation"] } else { vec![] };
    let (train_loss, val_loss) = (of(Split::Train, true), of(Split::Val, true));
    let (train, val) = (of(Split::Train, false), of(Split::Val, false));
    let last = |values: &[f64]| values.last().copied().unwrap_or(0.0);
    // Prechelt 1998 on the smoothed validation loss.
    let gl = smoothed(&val_loss);
    let gl = gl.len() > 1
        && generalisation_loss(&gl)
            .last()
            .is_some_and(|gl| *gl > GL_THRESHOLD);
    // UMLAUT (Schoop et al. 2021): validation loss rises from one epoch to the next while training loss does not.
    let rises =
        |losses: &[f64]| losses.len() > 1 && losses[losses.len() - 1] > losses[losses.len() - 2];
    let umlaut = rises(&val_loss) && !rises(&train_loss);
    // AutoTrainer (Zhang et al. 2021): a gap of .10, or of .07 where training is above .9.
    let gap = last(&train) - last(&val);
    let autotrainer = gap > if last(&train) > 0.9 { 0.07 } else { 0.1 };
    // deepchecks' defaults: drift of the images, any shared image, class imbalance, a gap of a tenth.
    let found = |id: &str| diagnosis.findings.iter().any(|f| f.id == id);
    let mut deepchecks = Vec::new();
    if found("duplicates-across-splits") {
        deepchecks.push("leakage");
    }
    if drifted {
        deepchecks.push("split-shift");
    }
    if found("class-imbalance") {
        deepchecks.push("class-imbalance");
    }
    if gap > 0.1 * last(&train) {
        deepchecks.push("memorisation");
    }
    json!({
        "always overfitting": ["memorisation"],
        "GL alone": overfits(gl),
        "UMLAUT": overfits(umlaut),
        "AutoTrainer": overfits(autotrainer),
        "deepchecks": deepchecks,
    })
}

/// Hears nothing, and never interrupts.
struct Silent;

impl Attendant for Silent {
    fn say(&mut self, _sentence: &str) {}
    fn epoch(&mut self, _record: &EpochRecord, _epochs: u32) {}
    fn progress(&mut self, _progress: &Progress) {}
    fn answered(&mut self, _record: &ProbeRecord) {}
    fn is_interrupted(&mut self) -> bool {
        false
    }
}
