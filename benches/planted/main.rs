//! Faults planted in generated datasets, and how often they are found: `cargo bench --bench planted -- --out FOLDER`.
//!
//! Every case is a small dataset and a small network with nothing, one fault or two in them, made from its number alone. Two of
//! three cases choose the likelihood ratios behind the causes' probabilities, the third reports; they differ in seeds and in
//! families of pictures. One JSON line a case is appended in the folder, so that a run that was broken off goes on; then the table
//! is printed. `--write` puts what was fitted into the sources; `--shipped` fits nothing and reports by what is there.

mod calibrating;
mod case;
mod chance;
mod fault;
mod figures;
mod fit;
mod judged;
mod line;
mod picture;
mod reporting;
mod table;

use anyhow::{Context, Result};
use case::Case;
use clap::Parser;
use gapwatch::diagnose::probes::Calibration;
use line::{Line, lines, mend};
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

/// Where what was fitted lies in the sources.
const SHIPPED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/diagnose/probes/calibration.json"
);

#[derive(Parser)]
struct Arguments {
    /// Holds a line of every case that is done; others are appended
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Cases, of both halves together
    #[arg(long, default_value_t = 456)]
    cases: u64,
    /// Cases at once
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Report by the calibration that Gapwatch was built with
    #[arg(long)]
    shipped: bool,
    /// Put what was fitted into the sources
    #[arg(long, conflicts_with = "shipped")]
    write: bool,
    /// Fail where a right cause is first in a smaller share of the cases with a fault
    #[arg(long, value_name = "SHARE")]
    least: Option<f64>,
    /// Write the reliability diagram into this SVG file
    #[arg(long, value_name = "FILE")]
    diagram: Option<PathBuf>,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    fs::create_dir_all(&arguments.out).with_context(|| arguments.out.display().to_string())?;
    let threads = arguments
        .threads
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let (calibrating, reporting): (Vec<Case>, Vec<Case>) = (0..arguments.cases)
        .map(Case::of)
        .partition(|case| case.calibration);
    let calibration = match arguments.shipped {
        true => Calibration::shipped().clone(),
        false => {
            let file = arguments.out.join("calibration.jsonl");
            let recorded = done(&file, &calibrating, threads, &judged::record)?;
            fit::fit(&recorded.iter().collect::<Vec<&Line>>())
        }
    };
    let text = serde_json::to_string_pretty(&calibration)?;
    if arguments.write {
        fs::write(SHIPPED, format!("{text}\n")).context(SHIPPED)?;
    }
    // Lines of another calibration or of other code are others.
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    hasher.update(&fs::read(std::env::current_exe()?)?);
    let name = format!("reporting-{}.jsonl", &hasher.finalize().to_hex()[..8]);
    let judge = |case: &Case| judged::report(case, &calibration);
    let reported = done(&arguments.out.join(name), &reporting, threads, &judge)?;
    let first = table::print(&calibration, &reported);
    if let Some(least) = arguments.least.filter(|least| first < *least) {
        anyhow::bail!(
            "a right cause was first in {first:.2} of the cases, and is to be in {least:.2}"
        );
    }
    if let Some(path) = &arguments.diagram {
        let diagram = table::reliability_diagram(&reported)?;
        fs::write(path, diagram).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The lines of these cases in a file; those that are missing are judged first and appended.
fn done(
    path: &Path,
    cases: &[Case],
    threads: usize,
    judge: &(dyn Fn(&Case) -> Result<Value> + Sync),
) -> Result<Vec<Line>> {
    mend(path)?;
    let there: BTreeSet<u64> = lines(path)?.iter().map(|line| line.case).collect();
    let left: VecDeque<&Case> = cases
        .iter()
        .filter(|case| !there.contains(&case.number))
        .collect();
    let (all, left) = (left.len(), Mutex::new(left));
    let out = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| path.display().to_string())?;
    let next = || left.lock().ok().and_then(|mut left| left.pop_front());
    let work = || -> Result<()> {
        while let Some(case) = next() {
            let line = judge(case).with_context(|| format!("case {}", case.number))?;
            // One write, so that two threads may append to one file.
            (&out).write_all(format!("{line}\n").as_bytes())?;
            let to_do = left.lock().map_or(0, |left| left.len());
            eprintln!(
                "{} of {all} to do, case {} took {} s",
                to_do, case.number, line["seconds"]
            );
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })?;
    let numbers: BTreeSet<u64> = cases.iter().map(|case| case.number).collect();
    let mut lines = lines(path)?;
    lines.retain(|line| numbers.contains(&line.case));
    // The order in which threads finish is not to matter.
    lines.sort_by_key(|line| line.case);
    Ok(lines)
}
