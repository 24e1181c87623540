//! Faults planted in generated datasets, and how often they are found: `cargo bench --bench planted -- --out FILE`.
//!
//! Every case is a small dataset and a small network with nothing, one fault or two in them, made from its number alone. Two of
//! three choose likelihood ratios, the third reports; they differ in seeds and in families of pictures. One JSON line a case is
//! appended to the file, so that a run that was broken off goes on; then the table is printed. `--every 2 --from 1` takes every
//! second case from the first on, for two processes on two cores; `--table` prints the table of what is there.

mod case;
mod chance;
mod fault;
mod fit;
mod judged;
mod line;
mod picture;
mod table;

use anyhow::{Context, Result};
use case::Case;
use clap::Parser;
use judged::judge;
use line::{lines, mend};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

#[derive(Parser)]
struct Arguments {
    /// The lines of the cases that are done; others are appended
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Cases from 0 on
    #[arg(long, default_value_t = 480)]
    cases: u64,
    /// The first of them to judge
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Judge every so manieth
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Judge nothing, print the table
    #[arg(long)]
    table: bool,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let done: BTreeSet<u64> = lines(&arguments.out)?
        .iter()
        .map(|line| line.case)
        .collect();
    let wanted = (arguments.from..arguments.cases).step_by(arguments.every as usize);
    let left: Vec<u64> = wanted
        .filter(|case| !arguments.table && !done.contains(case))
        .collect();
    if !left.is_empty() {
        mend(&arguments.out)?;
        let mut out = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&arguments.out)
            .with_context(|| arguments.out.display().to_string())?;
        for (place, number) in left.iter().enumerate() {
            let case = Case::of(*number);
            let line = judge(&case).with_context(|| format!("case {number}"))?;
            eprintln!("{} of {}: {line}", place + 1, left.len());
            // One write, so that two processes may append to one file.
            out.write_all(format!("{line}\n").as_bytes())?;
        }
    }
    table::print(&lines(&arguments.out)?);
    Ok(())
}
