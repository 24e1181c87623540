//! A case as Gapwatch and as the rules of others judge it.

use crate::case::Case;
use anyhow::Result;
use gapwatch::data::Dataset;
use gapwatch::diagnose::audit::audit;
use gapwatch::diagnose::finding::Cause;
use gapwatch::diagnose::looks::{Looks, Source};
use gapwatch::diagnose::probes::{Calibration, ProbeRecord, Training};
use gapwatch::diagnose::remedies::{Remediable, proposals};
use gapwatch::diagnose::simple_models::simple_models;
use gapwatch::diagnose::{
    Diagnosis, GL_THRESHOLD, SEED, generalisation_loss, network_findings, smoothed,
};
use gapwatch::probe::{Asked, Attendant, Case as Inquest, Inquired, inquire, trial};
use gapwatch::run::{EpochRecord, Progress, RunSpec, Split};
use gapwatch::train;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// An inquiry ends by what it knows, never by the clock: the same case gives the same line on any machine.
const BUDGET: Duration = Duration::from_secs(24 * 3600);

/// Looks into a case and makes every probe of it: what a calibration is fitted on.
pub fn record(case: &Case) -> Result<Value> {
    let started = Instant::now();
    let planted = Planted::of(case)?;
    let inquired = planted.inquire(Asked::Every, &Calibration::default())?;
    joined(
        case,
        json!({
            "signs": inquired.signs,
            "trainings": inquired.trainings,
            "seconds": started.elapsed().as_secs_f64(),
        }),
    )
}

/// Judges a case as Gapwatch does for its users, and applies the first proposed remedy without looking.
pub fn report(case: &Case, calibration: &Calibration) -> Result<Value> {
    let started = Instant::now();
    let planted = Planted::of(case)?;
    let inquired = planted.inquire(Asked::Telling, calibration)?;
    let seconds = started.elapsed().as_secs_f64();
    let diagnosis = &inquired.diagnosis;
    let named: Vec<Value> = diagnosis
        .causes
        .iter()
        .map(|suspect| json!({"cause": suspect.id, "confidence": suspect.confidence}))
        .collect();
    joined(
        case,
        json!({
            "signs": inquired.signs,
            "named": named,
            "probable": calibration.probabilities(&inquired.signs),
            "others": others(&inquired.epochs, diagnosis, planted.drifted),
            "trainings": inquired.trainings,
            "seconds": seconds,
            "mended": planted.mended(case, diagnosis, inquired.epochs.len() as u32)?,
        }),
    )
}

/// The facts of a case with what was found.
fn joined(case: &Case, found: Value) -> Result<Value> {
    let mut line = case.facts();
    if let (Value::Object(line), Value::Object(found)) = (&mut line, found) {
        line.extend(found);
    }
    Ok(line)
}

/// A case on disk, looked at without training.
struct Planted {
    /// Removed when it is dropped.
    _folder: tempfile::TempDir,
    /// The class that is drawn on each picture.
    drawn: HashMap<String, u32>,
    dataset: Dataset,
    spec: RunSpec,
    looks: Looks,
    /// By deepchecks' defaults.
    drifted: bool,
}

impl Planted {
    fn of(case: &Case) -> Result<Planted> {
        let folder = tempfile::tempdir()?;
        let drawn = case.write(folder.path())?;
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
        Ok(Planted {
            _folder: folder,
            drawn,
            dataset,
            spec,
            looks,
            drifted,
        })
    }

    fn inquire(&self, asked: Asked, calibration: &Calibration) -> Result<Inquired> {
        let inquest = Inquest {
            dataset: &self.dataset,
            spec: &self.spec,
            looks: self.looks.clone(),
            budget: BUDGET,
            asked,
            calibration,
            threads: 1,
        };
        Ok(inquire(inquest, &mut Silent)?)
    }

    /// What the first proposal brings back, beside the run as it was and the same pictures with nothing planted.
    fn mended(&self, case: &Case, diagnosis: &Diagnosis, epochs: u32) -> Result<Value> {
        let remediable = Remediable {
            spec: &self.spec,
            epochs,
            index: &self.dataset.index,
            findings: &diagnosis.findings,
        };
        let first = proposals(&diagnosis.causes, &remediable).into_iter().next();
        let drawn = case
            .faults
            .contains(&Cause::LabelNoise)
            .then_some(&self.drawn);
        let unmended = balanced(&alone(&self.dataset, &self.spec)?, drawn);
        let clean = Planted::of(&case.clean())?;
        let clean = balanced(&alone(&clean.dataset, &clean.spec)?, None);
        let (remedy, accuracy) = match first {
            Some(first) => (
                Some(first.treatment.id()),
                balanced(&alone(&self.dataset, &first.spec)?, drawn),
            ),
            None => (None, unmended),
        };
        Ok(json!({"remedy": remedy, "before": unmended, "after": accuracy, "clean": clean}))
    }
}

/// Mean recall over the classes that validation has; by the classes that are drawn where the labels themselves are wrong.
fn balanced(training: &Training, drawn: Option<&HashMap<String, u32>>) -> f64 {
    let mut classes: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for image in &training.validation {
        let truth = drawn
            .and_then(|drawn| drawn.get(&image.path).copied())
            .unwrap_or(image.label);
        let (right, n) = classes.entry(truth).or_default();
        *right += f64::from(u8::from(image.prediction == truth));
        *n += 1.0;
    }
    let recalls: f64 = classes.values().map(|(right, n)| right / n).sum();
    recalls / classes.len().max(1) as f64
}

fn alone(dataset: &Dataset, spec: &RunSpec) -> Result<Training> {
    let (_, (training, _)) = trial(dataset, spec, 1, None, &mut Silent, false)?;
    Ok(training)
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
