//! One case's line in the file of results.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Debug, Deserialize)]
pub struct Line {
    pub case: u64,
    pub half: String,
    pub hard: bool,
    pub planted: Vec<String>,
    /// As the document names them, the strongest first.
    pub named: Vec<String>,
    pub signals: Vec<String>,
    /// What each rule of others names.
    pub others: BTreeMap<String, Vec<String>>,
    pub trainings: usize,
    pub seconds: f64,
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
