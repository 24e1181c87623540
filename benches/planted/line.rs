//! One case's line in the files of results.

use anyhow::{Context, Result};
use gapwatch::diagnose::finding::Cause;
use gapwatch::diagnose::probes::Signs;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Of both halves.
#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    pub case: u64,
    pub family: String,
    pub hard: bool,
    pub planted: Vec<Cause>,
    pub signs: Signs,
    pub trainings: usize,
    pub seconds: f64,
    /// Of a reporting case.
    #[serde(flatten)]
    pub reported: Option<Reported>,
}

/// How Gapwatch and others judged a case.
#[derive(Clone, Debug, Deserialize)]
pub struct Reported {
    /// As the document lists them, the most probable first.
    pub named: Vec<Named>,
    /// Every calibrated cause.
    pub probable: Vec<(Cause, f64)>,
    /// What each rule of others names.
    pub others: BTreeMap<String, Vec<Cause>>,
    pub mended: Mended,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Named {
    pub cause: Cause,
    pub confidence: Option<f64>,
}

/// Balanced validation accuracies.
#[derive(Clone, Debug, Deserialize)]
pub struct Mended {
    /// The one that was applied; none where no spec can do any.
    pub remedy: Option<String>,
    pub before: f64,
    pub after: f64,
    pub clean: f64,
}

/// Takes a last line away that was cut short, so that the next one begins a line.
pub fn mend(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let at = || path.display().to_string();
    let text = fs::read(path).with_context(at)?;
    let whole = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    if whole < text.len() {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .with_context(at)?;
        file.set_len(whole as u64).with_context(at)?;
    }
    Ok(())
}

/// The lines of a file; none where there is no such file. A last line that was cut short is left out.
pub fn lines(path: &Path) -> Result<Vec<Line>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| path.display().to_string()))
        .collect()
}
