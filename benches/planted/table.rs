//! The table of figures on the reporting cases.

use crate::fit::Fit;
use crate::line::Line;

/// The cases whose first, or one of whose first two, named causes is planted, of those with a fault; and the healthy ones for
/// which any is named.
struct Hits {
    first: usize,
    second: usize,
    faulty: usize,
    alarms: usize,
    healthy: usize,
}

impl Hits {
    fn of<'a>(lines: &[&'a Line], named: impl Fn(&'a Line) -> Vec<String>) -> Hits {
        let mut hits = Hits {
            first: 0,
            second: 0,
            faulty: 0,
            alarms: 0,
            healthy: 0,
        };
        for line in lines {
            let named = named(line);
            if line.planted.is_empty() {
                hits.healthy += 1;
                hits.alarms += usize::from(!named.is_empty());
            } else {
                let right = |most: usize| {
                    named
                        .iter()
                        .take(most)
                        .any(|cause| line.planted.contains(cause))
                };
                hits.faulty += 1;
                hits.first += usize::from(right(1));
                hits.second += usize::from(right(2));
            }
        }
        hits
    }

    fn row(&self, name: &str) -> String {
        let share = |n: usize, of: usize| {
            format!("{:.0} % ({n} of {of})", 100.0 * n as f64 / of.max(1) as f64)
        };
        format!(
            "| {name} | {} | {} | {} |",
            share(self.first, self.faulty),
            share(self.second, self.faulty),
            share(self.alarms, self.healthy)
        )
    }
}

/// Prints the table in Markdown.
pub fn print(lines: &[Line]) {
    let half = |name: &str| -> Vec<&Line> { lines.iter().filter(|l| l.half == name).collect() };
    let (calibration, reporting) = (half("calibration"), half("reporting"));
    println!(
        "{} calibration and {} reporting cases, {:.0} min of one core.\n",
        calibration.len(),
        reporting.len(),
        lines.iter().map(|l| l.seconds).sum::<f64>() / 60.0
    );
    println!(
        "| rule | a right cause first | among the first two | a cause named on a healthy run |"
    );
    println!("|---|---|---|---|");
    println!(
        "{}",
        Hits::of(&reporting, |line| line.named.clone()).row("Gapwatch, as named")
    );
    let fit = Fit::of(&calibration);
    let fitted = |least: f64| {
        let fit = &fit;
        move |line: &Line| -> Vec<String> {
            let probable = fit.probabilities(&line.signals).into_iter();
            probable
                .filter(|(_, p)| *p > least)
                .map(|(cause, _)| cause.to_owned())
                .collect()
        }
    };
    println!(
        "{}",
        Hits::of(&reporting, fitted(0.5)).row("likelihood ratios above one half")
    );
    println!(
        "{}",
        Hits::of(&reporting, fitted(0.0)).row("likelihood ratios, ranked")
    );
    let rules: Vec<&String> = reporting
        .first()
        .map(|l| l.others.keys().collect())
        .unwrap_or_default();
    for rule in rules {
        let named = |line: &Line| line.others.get(rule).cloned().unwrap_or_default();
        println!("{}", Hits::of(&reporting, named).row(rule));
    }
    if let Some((ours, base)) = brier(&fit, &calibration, &reporting) {
        println!(
            "\nMulti-label Brier score of the likelihood ratios {ours:.4}, of the base rates {base:.4}."
        );
    }
    let mut trainings: Vec<usize> = reporting.iter().map(|l| l.trainings).collect();
    trainings.sort_unstable();
    if let Some(median) = trainings.get(trainings.len() / 2) {
        println!("Median trainings spent: {median}.");
    }
    println!(
        "\nOf each planted cause, how often it is named first, and what is named first instead:\n"
    );
    confusion(&reporting);
}

/// Summed over causes, the mean over cases of (probability − truth)².
fn brier(fit: &Fit, calibration: &[&Line], reporting: &[&Line]) -> Option<(f64, f64)> {
    if calibration.is_empty() || reporting.is_empty() {
        return None;
    }
    let (mut ours, mut base) = (0.0, 0.0);
    for line in reporting {
        for (cause, p) in fit.probabilities(&line.signals) {
            let of_cause = |l: &&&Line| l.planted.iter().any(|planted| planted == cause);
            let rate =
                calibration.iter().filter(of_cause).count() as f64 / calibration.len() as f64;
            let truth = f64::from(u8::from(of_cause(&line)));
            ours += (p - truth).powi(2);
            base += (rate - truth).powi(2);
        }
    }
    let n = reporting.len() as f64;
    Some((ours / n, base / n))
}

fn confusion(lines: &[&Line]) {
    let mut kinds: Vec<String> = lines.iter().map(|line| kind(line)).collect();
    kinds.sort();
    kinds.dedup();
    for of in kinds {
        let mut firsts: Vec<(String, usize)> = Vec::new();
        for line in lines.iter().filter(|line| kind(line) == of) {
            let first = line.named.first().map_or("nothing", String::as_str);
            match firsts.iter_mut().find(|(name, _)| name == first) {
                Some((_, n)) => *n += 1,
                None => firsts.push((first.to_owned(), 1)),
            }
        }
        firsts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let told: Vec<String> = firsts
            .iter()
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        println!("- {of}: {}", told.join(", "));
    }
}

/// What a case is of: "leakage + class-imbalance", "healthy", "healthy, hard".
fn kind(line: &Line) -> String {
    match (line.planted.is_empty(), line.hard) {
        (true, true) => "healthy, hard".to_owned(),
        (true, false) => "healthy".to_owned(),
        _ => line.planted.join(" + "),
    }
}
