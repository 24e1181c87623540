//! `gapwatch diagnose --data … --budget …`: the run and its probes on a terminal.

use super::printed::word;
use super::progress::{TABLE, Terminal, bar, row, show};
use crate::diagnose::probes::ProbeRecord;
use crate::probe::Attendant;
use crate::run::{EpochRecord, Progress};
use indicatif::ProgressBar;
use std::str::FromStr;
use std::time::Duration;

/// A budget is at most this long.
const MOST_HOURS: u64 = 24 * 30;

/// Time that a diagnosis may take: `90s`, `10m`, `2h`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Budget(pub Duration);

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no time: write 90s, 10m or 2h");
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        match number.checked_mul(unit) {
            Some(seconds @ 1..) if seconds <= 3600 * MOST_HOURS => {
                Ok(Budget(Duration::from_secs(seconds)))
            }
            _ => Err(format!("'{text}' is outside 1s to {MOST_HOURS}h")),
        }
    }
}

/// Shows an inquiry as it goes on.
pub(super) struct TerminalAttendant<'a> {
    terminal: &'a Terminal,
    bar: ProgressBar,
    /// What is being trained: "the run", or a probe.
    told: bool,
}

impl<'a> TerminalAttendant<'a> {
    pub fn new(terminal: &'a Terminal) -> Self {
        TerminalAttendant {
            terminal,
            bar: bar("epoch {prefix} {wide_bar} {msg}"),
            told: false,
        }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| self.terminal.say(text));
    }
}

impl Drop for TerminalAttendant<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Attendant for TerminalAttendant<'_> {
    fn say(&mut self, sentence: &str) {
        self.line(sentence);
    }

    fn epoch(&mut self, record: &EpochRecord, _epochs: u32) {
        if !self.told {
            self.line(TABLE);
            self.told = true;
        }
        self.line(&row(record));
    }

    fn progress(&mut self, progress: &Progress) {
        show(&self.bar, progress, None);
    }

    fn answered(&mut self, record: &ProbeRecord) {
        let answer = word(record.answer);
        self.line(&format!("  {answer}. {}", record.result));
    }

    fn is_interrupted(&mut self) -> bool {
        self.terminal.is_interrupted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_number_with_its_unit() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7200)] {
            assert_eq!(text.parse(), Ok(Budget(Duration::from_secs(seconds))));
        }
        for text in [
            "",
            "10",
            "m",
            "-1m",
            "0s",
            "1.5h",
            "99999999999999999999s",
            "1000h",
            "10 m",
            "1d",
        ] {
            assert!(text.parse::<Budget>().is_err(), "{text}");
        }
    }
}
