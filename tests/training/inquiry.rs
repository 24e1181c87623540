//! `gapwatch diagnose --budget`: a run, and the probes that tell its causes apart.

use crate::command_line::{gapwatch, run};
use image::{GrayImage, Luma};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

/// A network that learns anything by heart: one linear layer over all pixels, and enough epochs.
const LAYERS: &str =
    "model.layers=[{ flatten = {} }, { linear = { out = 32 } }, { relu = {} }, { linear = {} }]";

/// Pictures of noise whose classes mean nothing: what is learnt of them is learnt by heart.
fn write_noise(root: &Path) {
    let mut state = 7_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    for (split, each) in [("train", 20), ("val", 12), ("test", 4)] {
        for class in ["a", "b", "c"] {
            let folder = root.join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..each {
                GrayImage::from_fn(12, 8, |_, _| Luma([noise()]))
                    .save(folder.join(format!("{number}.png")))
                    .unwrap();
            }
        }
    }
}

fn arguments<'a>(data: &'a str, epochs: &'a str, budget: &'a str) -> Vec<&'a str> {
    vec![
        "diagnose",
        "--data",
        data,
        "--set",
        LAYERS,
        "--set",
        "train.optimizer.lr=0.01",
        "--set",
        epochs,
        "--budget",
        budget,
        "--threads",
        "1",
        "--json",
    ]
}

#[test]
fn images_without_signal_are_learnt_by_heart_and_no_resplit_helps() {
    let folder = tempfile::tempdir().unwrap();
    write_noise(folder.path());
    let data = folder.path().to_str().unwrap();
    let (status, stdout, stderr) = run(&arguments(data, "train.epochs=30", "5m"));
    assert_eq!(status, 0, "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["verdict"], "memorising", "{stderr}");
    let probes = document["probes"].as_array().unwrap();
    assert!(!probes.is_empty());
    for probe in probes {
        // Shuffled labels are learnt like these; nothing else does better.
        let heart = probe["id"] == "shuffled-labels";
        assert!(heart || probe["answer"] != "yes", "{probe}");
        assert!(probe["cost_s"].as_f64().unwrap() > 0.0);
    }

    // The run, and each training once.
    let made: u64 = probes
        .iter()
        .map(|p| p["trainings"].as_u64().unwrap())
        .sum();
    assert_eq!(document["run"]["trainings"], 1 + made);
    let causes: Vec<&Value> = document["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["id"])
        .collect();
    assert!(
        [json!("memorisation"), json!("no-signal")].contains(causes[0]),
        "{causes:?}"
    );
    let confidence = document["causes"][0]["confidence"].as_f64().unwrap();
    assert!((0.5..1.0).contains(&confidence), "{confidence}");
}

#[test]
fn a_budget_that_is_too_small_names_the_probe_that_would_go_on() {
    let folder = tempfile::tempdir().unwrap();
    write_noise(folder.path());
    let data = folder.path().to_str().unwrap();
    let (status, stdout, stderr) = run(&arguments(data, "train.epochs=400", "1s"));
    assert_eq!(status, 0, "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let next = &document["next_probe"];
    assert!(next["cost_s"].as_f64().unwrap() > 0.0, "{stderr}");
    assert!(!next["would_separate"].as_array().unwrap().is_empty());
    assert!(next["trainings"].as_u64().unwrap() >= 1);
}

#[test]
fn an_interruption_gives_what_is_known_so_far() {
    let folder = tempfile::tempdir().unwrap();
    write_noise(folder.path());
    let data = folder.path().to_str().unwrap();
    let mut child = gapwatch(&arguments(data, "train.epochs=100000", "1h"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // The table's heading comes with the first epoch.
    lines
        .by_ref()
        .find(|line| line.as_ref().unwrap().starts_with("epoch"))
        .unwrap()
        .unwrap();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let rest = std::thread::spawn(move || lines.count());
    let output = child.wait_with_output().unwrap();
    rest.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["run"]["interrupted"], true);
    assert!(!document["run"]["epochs"].as_array().unwrap().is_empty());
    assert!(document["verdict"].is_string() && document["audit"].is_object());
}

#[test]
fn a_budget_needs_data_and_a_unit() {
    for (arguments, says) in [
        (
            vec!["diagnose", "--data", ".", "--budget", "10"],
            "write 90s, 10m or 2h",
        ),
        (
            vec!["diagnose", "--history", "x.csv", "--budget", "10m"],
            "--budget",
        ),
    ] {
        let (status, _, stderr) = run(&arguments);
        assert_eq!(status, 2);
        assert!(stderr.contains(says), "{stderr}");
    }
}
