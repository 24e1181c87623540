//! A training run on a terminal: a progress bar, and a line of a table for each epoch.

use super::interrupt::Interrupt;
use super::run_folder::RunFolder;
use crate::data::OnProgress;
use crate::run::{
    BestEpoch, EpochRecord, EpochReport, Examination, Progress, RunSpec, Split, SplitMetrics,
    TestFigures,
};
use crate::train::{Observer, Wish};
use anyhow::Result;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::path::Path;
use std::time::Duration;

/// Standard output for people, or standard error where a JSON document goes there.
pub(super) struct Terminal {
    json: bool,
    interrupt: Interrupt,
}

impl Terminal {
    pub fn new(json: bool, interrupt: Interrupt) -> Self {
        Terminal { json, interrupt }
    }

    pub fn say(&self, line: &str) {
        if self.json {
            eprintln!("{line}");
        } else {
            println!("{line}");
        }
    }

    /// True once the user wants the process to end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    /// Shows how far the reading of a dataset has come.
    pub fn reading<T, E>(
        &self,
        source: &Path,
        read: impl FnOnce(OnProgress) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let bar = bar("{msg} {pos}/{len}");
        bar.set_message(format!("reading {}", source.display()));
        let result = read(&|done, of| {
            bar.set_length(of);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        result
    }

    /// An observer that shows a run and keeps its history in `folder`.
    pub fn observe(&self, folder: RunFolder, spec: &RunSpec) -> RunObserver {
        let bar = bar("epoch {prefix} {wide_bar} {msg}");
        let observer = RunObserver {
            terminal: Terminal::new(self.json, self.interrupt.clone()),
            folder,
            epochs: spec.train.epochs,
            bar,
            sealed: spec.test == TestFigures::Sealed,
            failed: None,
        };
        observer.line(TABLE);
        observer
    }
}

/// The heading of the table that [`row`] gives the lines of.
pub(super) const TABLE: &str =
    "epoch    train loss   acc      val loss   acc      test loss   acc       gap    time";

/// A bar on standard error, drawn only where that is a terminal.
pub(super) fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

pub(super) struct RunObserver {
    terminal: Terminal,
    folder: RunFolder,
    epochs: u32,
    bar: ProgressBar,
    /// What is measured on the test images is neither shown nor written.
    sealed: bool,
    /// Why the history could not be written; it ends the run.
    failed: Option<anyhow::Error>,
}

impl RunObserver {
    /// The folder with the run's history, after the run.
    pub fn done(self) -> Result<RunFolder> {
        self.bar.finish_and_clear();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.folder),
        }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| self.terminal.say(text));
    }
}

impl Observer for RunObserver {
    fn epoch(&mut self, report: &EpochReport) {
        let report = match self.sealed {
            true => &report.clone().without_test(),
            false => report,
        };
        self.line(&row(&report.record));
        if let Err(error) = self.folder.push(report) {
            self.failed = Some(error);
        }
    }

    fn examined(&mut self, examination: &Examination) {
        let examination = examination.clone();
        self.folder.measured.examination = Some(match self.sealed {
            true => examination.without_test(),
            false => examination,
        });
    }

    fn best(&mut self, best: &BestEpoch) {
        self.folder.history.run.best = Some(best.clone());
    }

    fn progress(&mut self, progress: &Progress) {
        show(&self.bar, progress, Some(self.epochs));
    }

    fn log(&mut self, message: &str) {
        self.bar.suspend(|| eprintln!("{message}"));
    }

    fn checkpoint(&mut self, _name: &str) {}

    fn wish(&mut self) -> Wish {
        if self.failed.is_some() || self.terminal.interrupt.is_set() {
            Wish::Pause
        } else {
            Wish::Continue
        }
    }
}

/// Moves a bar to where a training is, of so many epochs where that is known.
pub(super) fn show(bar: &ProgressBar, progress: &Progress, epochs: Option<u32>) {
    bar.set_length(u64::from(progress.of));
    bar.set_position(u64::from(progress.done));
    bar.set_prefix(match epochs {
        Some(epochs) => format!("{}/{epochs}", progress.epoch),
        None => progress.epoch.to_string(),
    });
    let left = progress
        .left_s
        .filter(|s| s.is_finite() && *s >= 0.0)
        .map_or_else(String::new, |s| {
            format!(", {} left", HumanDuration(Duration::from_secs(s as u64)))
        });
    bar.set_message(format!("{}{left}", progress.phase));
}

/// An epoch as a line of the table.
pub(super) fn row(record: &EpochRecord) -> String {
    let split = |metrics: Option<&SplitMetrics>| match metrics {
        Some(m) => format!("{:>9.4} {:>7.2} %", m.loss, 100.0 * m.accuracy),
        None => format!("{:>9} {:>9}", "–", "–"),
    };
    let gap = record.gap(Split::Val).or_else(|| record.gap(Split::Test));
    format!(
        "{:>5}  {}  {}   {}  {:>8}  {:>5.1} s",
        record.epoch,
        split(record.train.as_ref()),
        split(record.val.as_ref()),
        split(record.test.as_ref()),
        gap.map_or("–".to_owned(), |gap| format!("{:+.1}", 100.0 * gap)),
        record.seconds,
    )
}
