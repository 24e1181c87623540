//! `gapwatch train` of a spec with lists: one run after the other, each in a folder of its own, and a table at the end.

use super::BadInput;
use super::run_folder::{finished_run, write_document};
use super::train::{Trained, Trainer};
use crate::diagnose::{Mean, OverSeeds, Trial, over_seeds, percent, points};
use crate::model::{Plan, Sweep};
use crate::run::sweep::{Axis, Settings, label, said};
use crate::run::{BestEpoch, EpochRecord, RunSpec, RunStatus, Split};
use anyhow::Result;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

/// What one run of a sweep came to.
#[derive(Serialize)]
struct SweptRun {
    settings: Settings,
    /// Below `--out`.
    folder: String,
    status: RunStatus,
    latest: Option<EpochRecord>,
    best: Option<BestEpoch>,
    verdict: String,
    message: String,
}

/// The document of `--json`, and `sweep.json` in `--out`.
#[derive(Serialize)]
struct Document<'a> {
    axes: &'a [Axis],
    /// The best validation accuracy first.
    runs: &'a [SweptRun],
    over_seeds: &'a [OverSeeds],
}

/// Trains the runs of a sweep that have not been trained into `out` already; `specs` are theirs, checked.
pub(super) fn run(
    trainer: &Trainer,
    sweep: &Sweep,
    specs: Vec<(RunSpec, Plan)>,
    out: Option<&Path>,
) -> Result<ExitCode> {
    let axes = &sweep.axes;
    let count = specs.len();
    let mut runs = Vec::new();
    for (number, ((settings, _), (spec, plan))) in sweep.runs.iter().zip(specs).enumerate() {
        let said = said(axes, settings);
        let name = folder_name(&said);
        let folder = out.map(|out| out.join(&name));
        trainer.say(&format!("\nRun {} of {count}: {said}", number + 1));
        let trained = match earlier(trainer, &spec, folder.as_deref())? {
            Some(trained) => {
                trainer.say("trained already");
                trained
            }
            None => match trainer.train(spec, &plan, folder)? {
                Some(trained) => trained,
                None => return Ok(ExitCode::FAILURE),
            },
        };
        runs.push(SweptRun {
            settings: settings.clone(),
            folder: name,
            status: trained.history.run.status,
            latest: trained.history.epochs.last().cloned(),
            best: trained.history.run.best.clone(),
            verdict: trained.verdict,
            message: trained.message,
        });
    }
    let key = |run: &SweptRun| figure(run, Split::Val).unwrap_or(-1.0);
    runs.sort_by(|a, b| key(b).total_cmp(&key(a)));
    let trials: Vec<Trial> = runs.iter().map(SweptRun::trial).collect();
    let means = over_seeds(&trials);
    let document = Document {
        axes,
        runs: &runs,
        over_seeds: &means,
    };
    trainer.say(&table(axes, &runs, &means));
    if let Some(out) = out {
        write_document(&out.join("sweep.json"), &document)?;
        trainer.say(&format!(
            "Each run has a folder in {}; the table is in sweep.json there",
            out.display()
        ));
    }
    trainer.document(&document)?;
    Ok(
        match runs.iter().any(|run| run.status == RunStatus::Failed) {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        },
    )
}

impl SweptRun {
    fn trial(&self) -> Trial<'_> {
        Trial {
            settings: &self.settings,
            status: self.status,
            last: self.latest.as_ref(),
        }
    }
}

/// What an earlier call has trained to the end in this folder; other settings there are an error.
fn earlier(trainer: &Trainer, spec: &RunSpec, folder: Option<&Path>) -> Result<Option<Trained>> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    let Some((history, verdict)) = finished_run(folder)? else {
        return Ok(None);
    };
    let plain = |spec: &RunSpec| RunSpec {
        name: String::new(),
        notes: String::new(),
        tags: Vec::new(),
        ..spec.clone()
    };
    let same = plain(&history.run.spec) == plain(spec)
        && history.run.dataset_fingerprint == trainer.dataset.index.fingerprint;
    if !same {
        return Err(BadInput(format!(
            "{}: holds a run of other settings or images: take another --out",
            folder.display()
        ))
        .into());
    }
    Ok(Some(Trained {
        message: String::new(),
        verdict,
        history,
    }))
}

/// "lr-0.01_seed-2"
fn folder_name(said: &str) -> String {
    said.replace(", ", "_").replace(' ', "-")
}

fn figure(run: &SweptRun, split: Split) -> Option<f64> {
    Some(run.latest.as_ref()?.split(split)?.accuracy)
}

/// The runs, and under them the means over seeds, the best validation first.
fn table(axes: &[Axis], runs: &[SweptRun], means: &[OverSeeds]) -> String {
    let mut rows = vec![head(axes.iter().map(|axis| label(axes, axis).to_owned()))];
    for run in runs {
        let mut row: Vec<String> = axes
            .iter()
            .map(|axis| match run.settings.get(&axis.field) {
                Some(value) => value.to_string(),
                None => "–".to_owned(),
            })
            .collect();
        row.extend(Split::ALL.map(|split| figure(run, split).map_or("–".to_owned(), percent)));
        row.push(match &run.best {
            Some(best) => best.epoch.to_string(),
            None => "–".to_owned(),
        });
        row.push(run.status.to_string());
        row.push(run.verdict.clone());
        rows.push(row);
    }
    let mut text = aligned(&rows);
    if !means.is_empty() {
        let mut rows = vec![
            ["over the seeds", "seeds", "training", "validation", "test"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for of in means {
            let mut row = vec![
                match said(axes, &of.settings) {
                    said if said.is_empty() => "the same settings".to_owned(),
                    said => said,
                },
                of.seeds.to_string(),
            ];
            row.extend(Split::ALL.map(|split| mean(of.split(split))));
            rows.push(row);
        }
        text += "\n";
        text += &aligned(&rows);
    }
    format!("\n{}", text.trim_end())
}

fn head(fields: impl Iterator<Item = String>) -> Vec<String> {
    let rest = [
        "training",
        "validation",
        "test",
        "best epoch",
        "status",
        "verdict",
    ];
    fields.chain(rest.map(str::to_owned)).collect()
}

/// "61.2 % (52.3 to 70.1)"
fn mean(of: Option<Mean>) -> String {
    of.map_or("–".to_owned(), |Mean { mean, low, high }| {
        format!("{} ({} to {})", percent(mean), points(low), points(high))
    })
}

/// Columns as wide as their widest cell.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
