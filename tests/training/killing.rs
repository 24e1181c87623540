//! A process that is killed (SIGKILL, no warning) within an epoch or within the examination, at a step that is the same each
//! time, and the run that goes on from what it left.

use crate::images::{dataset, write_dataset};
use crate::recorder::{Recorder, contents, run, spec};
use gapwatch::data::Dataset;
use gapwatch::run::{EpochReport, Examination, RunSpec};
use gapwatch::train::{Observer, Wish};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::env;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

/// Set in the process that is killed: the data, the run's folder, and at which step.
const DATA: &str = "GAPWATCH_TEST_DATA";
const FOLDER: &str = "GAPWATCH_TEST_FOLDER";
const STEP: &str = "GAPWATCH_TEST_STEP";

/// Kills its own process when it is asked for the n-th time, from 0, whether the run shall go on.
struct Killer(usize);

impl Observer for Killer {
    fn epoch(&mut self, _: &EpochReport) {}
    fn best(&mut self, _: &gapwatch::run::BestEpoch) {}
    fn progress(&mut self, _: &gapwatch::run::Progress) {}
    fn log(&mut self, _: &str) {}
    fn examined(&mut self, _: &Examination) {}
    fn checkpoint(&mut self, _: &str) {}

    fn wish(&mut self) -> Wish {
        if self.0 == 0 {
            kill(Pid::this(), Signal::SIGKILL).unwrap();
        }
        self.0 -= 1;
        Wish::Continue
    }
}

fn settings() -> RunSpec {
    spec(json!({"train": {"epochs": 3}}))
}

/// The process that is killed; without its variables it is no test of its own.
#[test]
#[ignore = "started by the test below"]
fn trains_until_it_is_killed() {
    let path = |name| PathBuf::from(env::var_os(name).unwrap());
    let dataset = Dataset::open(&path(DATA), &|_, _| ()).unwrap();
    let step = env::var(STEP).unwrap().parse().unwrap();
    let job = gapwatch::train::Job {
        spec: &settings(),
        dataset: &dataset,
        folder: path(FOLDER),
        threads: 2,
    };
    gapwatch::train::train(job, &mut Killer(step)).unwrap();
}

fn killed_at(step: usize, data: &Path, folder: &Path) {
    let left = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "killing::trains_until_it_is_killed"])
        .envs([(DATA, data), (FOLDER, folder)])
        .env(STEP, step.to_string())
        .output()
        .unwrap();
    assert_eq!(left.status.signal(), Some(9), "step {step}: {left:?}");
}

#[test]
fn a_run_that_was_killed_at_any_step_has_the_curve_weights_and_examination_of_one_that_was_not() {
    let data = tempdir().unwrap();
    write_dataset(data.path());
    let dataset = dataset(data.path());
    let whole = tempdir().unwrap();
    let mut uninterrupted = Recorder::default();
    run(&settings(), &dataset, whole.path(), 1, &mut uninterrupted).unwrap();
    let curve = uninterrupted.curve();
    let timeless = |recorder: &Recorder| Examination {
        seconds: 0.0,
        ..recorder.examined[0].clone()
    };

    // An epoch asks fifteen times, five of them in training: killed in the first epoch's training, in its scoring, in the
    // third's training, and in the examination.
    for (step, whole_epochs) in [(2, 0), (9, 0), (33, 2), (50, 3)] {
        let folder = tempdir().unwrap();
        killed_at(step, data.path(), folder.path());
        let mut after = Recorder::default();
        run(&settings(), &dataset, folder.path(), 2, &mut after).unwrap();
        assert_eq!(after.curve(), curve[whole_epochs..], "killed at {step}");
        assert_eq!(timeless(&after), timeless(&uninterrupted));
        assert!(
            contents(folder.path()) == contents(whole.path()),
            "killed at {step}"
        );
    }
}
