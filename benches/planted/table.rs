//! The tables and the diagram of the reporting cases.

use crate::figures::{
    Count, Hits, Judged, asserted, base_rate, brier, median_trainings, mended, reliability,
};
use crate::line::{Line, Mended, Reported};
use anyhow::Result;
use gapwatch::diagnose::probes::Calibration;
use plotters::prelude::*;
use std::collections::BTreeMap;

fn judged(lines: &[Line]) -> Vec<Judged<'_>> {
    let of = |line| -> Option<Judged<'_>> {
        let line: &Line = line;
        Some((line, line.reported.as_ref()?))
    };
    lines.iter().filter_map(of).collect()
}

/// Prints everything in Markdown; gives the share of cases with a fault in which a right cause is named first.
pub fn print(calibration: &Calibration, lines: &[Line]) -> f64 {
    let cases = judged(lines);
    let seconds: f64 = lines.iter().map(|line| line.seconds).sum();
    println!(
        "{} cases chose the likelihood ratios, {} report ({:.0} min of one core).\n",
        calibration.cases,
        cases.len(),
        seconds / 60.0
    );
    let first = rules(&cases);
    let (ours, base) = brier(&cases, |cause| base_rate(calibration, cause));
    println!("\n| figure | |\n|---|---|");
    println!(
        "| multi-label Brier score, and that of the base rates | {ours:.3}, {base:.3} ({:.2} of it) |",
        ours / base
    );
    for (what, alone) in [("every case", false), ("cases of one fault", true)] {
        let (after, before) = mended(&cases, alone);
        println!(
            "| the first remedy, applied blindly, restores 80 % of the clean accuracy: {what} | {} (nothing done: {}) |",
            share(after),
            share(before)
        );
    }
    println!(
        "| median trainings spent on probes, every fold counted as one | {} |",
        median_trainings(&cases)
    );
    println!("\n| probabilities | mean | hold | |\n|---|---|---|---|");
    for (place, (p, held, n)) in reliability(&cases).into_iter().enumerate() {
        println!("| bin {} | {p:.3} | {held:.3} | {n} |", place + 1);
    }
    println!("\n| planted | cases | named first | a right one first |\n|---|---|---|---|");
    confusion(&cases);
    println!(
        "\n| planted | remedies applied | balanced accuracy before, after, clean |\n|---|---|---|"
    );
    remedies(&cases);
    failures(&cases);
    first.share()
}

fn share(count: Count) -> String {
    let percent = 100.0 * count.share();
    format!("{percent:.0} % ({} of {})", count.yes, count.of)
}

/// A row for Gapwatch and for each rule of others; how often Gapwatch names a right cause first.
fn rules(cases: &[Judged]) -> Count {
    println!(
        "| rule | a right cause first | among the first two | a fault named on a healthy run |"
    );
    println!("|---|---|---|---|");
    let row = |name: &str, hits: Hits| {
        println!(
            "| {name} | {} | {} | {} |",
            share(hits.first),
            share(hits.second),
            share(hits.alarms)
        );
    };
    let ours = |reported: &Reported| reported.named.iter().map(|named| named.cause).collect();
    let hits = Hits::of(cases, ours, asserted);
    row("Gapwatch", hits);
    let rules = cases.first().map(|(_, reported)| reported.others.keys());
    for rule in rules.into_iter().flatten() {
        let named = |reported: &Reported| reported.others.get(rule).cloned().unwrap_or_default();
        row(
            rule,
            Hits::of(cases, named, |reported| named(reported).len()),
        );
    }
    hits.first
}

/// Of each kind of case, which cause is named first.
fn confusion(cases: &[Judged]) {
    let mut kinds: BTreeMap<String, (Count, BTreeMap<&str, usize>)> = BTreeMap::new();
    for (line, reported) in cases {
        let (right, firsts) = kinds.entry(kind(line)).or_default();
        let first = reported.named.first();
        right.of += 1;
        right.yes += usize::from(first.is_some_and(|named| line.planted.contains(&named.cause)));
        *firsts
            .entry(first.map_or("nothing", |named| named.cause.name()))
            .or_default() += 1;
    }
    for (kind, (right, firsts)) in kinds {
        let mut firsts: Vec<_> = firsts.into_iter().collect();
        firsts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let told: Vec<String> = firsts
            .iter()
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        println!(
            "| {kind} | {} | {} | {} |",
            right.of,
            told.join(", "),
            right.yes
        );
    }
}

/// Of each kind of case with a fault, what was done without looking, and the mean accuracies.
fn remedies(cases: &[Judged]) {
    let mut kinds: BTreeMap<String, Vec<&Mended>> = BTreeMap::new();
    for (line, reported) in cases.iter().filter(|(line, _)| !line.planted.is_empty()) {
        kinds.entry(kind(line)).or_default().push(&reported.mended);
    }
    for (kind, mended) in kinds {
        let mut applied: BTreeMap<&str, usize> = BTreeMap::new();
        for of in &mended {
            *applied
                .entry(of.remedy.as_deref().unwrap_or("none"))
                .or_default() += 1;
        }
        let applied: Vec<String> = applied.iter().map(|(id, n)| format!("{id} {n}")).collect();
        let mean = |of: fn(&Mended) -> f64| {
            mended.iter().map(|mended| of(mended)).sum::<f64>() / mended.len() as f64
        };
        println!(
            "| {kind} | {} | {:.2}, {:.2}, {:.2} |",
            applied.join(", "),
            mean(|mended| mended.before),
            mean(|mended| mended.after),
            mean(|mended| mended.clean)
        );
    }
}

/// The cases whose first cause is wrong, and healthy ones that a fault is asserted of.
fn failures(cases: &[Judged]) {
    println!(
        "\n| case | family | planted | named, with probability | verdict | probes |\n|---|---|---|---|---|---|"
    );
    for (line, reported) in cases {
        let first = reported.named.first().map(|named| named.cause);
        let failed = match line.planted.is_empty() {
            true => asserted(reported) > 0,
            false => first.is_none_or(|first| !line.planted.contains(&first)),
        };
        if failed {
            let named = reported.named.iter().take(2).map(|named| {
                let p = named
                    .confidence
                    .map_or("\u{2013}".to_owned(), |p| format!("{p:.2}"));
                format!("{} {p}", named.cause.name())
            });
            let probes = line.signs.answers.iter();
            let probes = probes.map(|of| format!("{} {:?}", of.probe.name(), of.answer));
            println!(
                "| {} | {} | {} | {} | {} | {} |",
                line.case,
                line.family,
                kind(line),
                named.collect::<Vec<_>>().join(", "),
                line.signs.verdict.name(),
                probes.collect::<Vec<_>>().join(", ")
            );
        }
    }
}

/// What a case is of: "leakage + class-imbalance", "healthy", "healthy, hard".
fn kind(line: &Line) -> String {
    match (line.planted.is_empty(), line.hard) {
        (true, true) => "healthy, hard".to_owned(),
        (true, false) => "healthy".to_owned(),
        _ => {
            let names: Vec<&str> = line.planted.iter().map(|cause| cause.name()).collect();
            names.join(" + ")
        }
    }
}

/// Probabilities against the share that holds, as an SVG; a circle's area is the number of them.
pub fn reliability_diagram(lines: &[Line]) -> Result<String> {
    let bins = reliability(&judged(lines));
    let most = bins.iter().map(|(_, _, n)| *n).max().unwrap_or(1) as f64;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (420, 420)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(16)
            .x_label_area_size(40)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        chart
            .configure_mesh()
            .x_desc("probability of a cause")
            .y_desc("share that holds")
            .draw()?;
        let even = [(0.0, 0.0), (1.0, 1.0)];
        chart.draw_series(LineSeries::new(even, RGBColor(150, 150, 150)))?;
        let blue = RGBColor(30, 90, 200);
        chart.draw_series(LineSeries::new(
            bins.iter().map(|(p, held, _)| (*p, *held)),
            &blue,
        ))?;
        chart.draw_series(bins.iter().map(|(p, held, n)| {
            let radius = 3.0 + 9.0 * (*n as f64 / most).sqrt();
            Circle::new((*p, *held), radius as i32, blue.mix(0.6).filled())
        }))?;
        root.present()?;
    }
    Ok(svg)
}
