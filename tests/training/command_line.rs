//! `gapwatch train`, `predict` and `bench` as processes.

use crate::images::{CLASSES, write_dataset};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

const LAYERS: &str = r#"model.layers=[{ conv2d = { out = 4, kernel = 3, padding = 1 } }, { batch_norm = {} }, { relu = {} }, { dropout = { p = 0.2 } }, { flatten = {} }, { linear = {} }]"#;

pub fn gapwatch(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gapwatch"));
    command.args(arguments).stdin(Stdio::null());
    command
}

pub fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = gapwatch(arguments).output().unwrap();
    (
        status.code().unwrap(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

struct Place {
    folder: TempDir,
    data: String,
}

impl Place {
    fn new() -> Place {
        let folder = tempdir().unwrap();
        let data = folder.path().join("data");
        write_dataset(&data);
        Place {
            data: data.to_str().unwrap().to_owned(),
            folder,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// `train` with a small network and one thread.
    fn train<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec![
            "train",
            "--data",
            &self.data,
            "--set",
            LAYERS,
            "--threads",
            "1",
        ];
        arguments.extend(more);
        arguments
    }
}

/// The epochs of a history without the time they took.
fn curve(history: &str) -> Vec<Value> {
    let mut document: Value = serde_json::from_str(&fs::read_to_string(history).unwrap()).unwrap();
    let epochs = document["epochs"].as_array_mut().unwrap();
    for epoch in epochs.iter_mut() {
        epoch["seconds"] = Value::Null;
    }
    epochs.clone()
}

#[test]
fn a_trained_run_leaves_its_files_and_one_document() {
    let place = Place::new();
    let out = place.path("out");
    let (status, stdout, stderr) =
        run(&place.train(&["--set", "train.epochs=4", "--out", &out, "--json"]));
    assert_eq!(status, 0, "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["run"]["status"], "finished");
    assert_eq!(document["run"]["classes"], serde_json::json!(CLASSES));
    assert_eq!(document["epochs"].as_array().unwrap().len(), 4);
    assert!(document["diagnosis"]["verdict"].is_string());
    for name in [
        "history.csv",
        "history.json",
        "best.safetensors",
        "last.safetensors",
        "diagnosis.json",
        "model.py",
        "load.py",
    ] {
        assert!(Path::new(&out).join(name).is_file(), "{name}");
    }
    let csv = fs::read_to_string(Path::new(&out).join("history.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5);
    assert!(csv.starts_with("epoch,") && csv.contains("val_loss") && csv.contains("test_acc"));

    // The same again, in words: a table of four epochs and a verdict.
    let again = place.path("again");
    let (status, stdout, _) = run(&place.train(&["--like", &out, "--out", &again]));
    assert_eq!(status, 0);
    assert_eq!(
        stdout
            .lines()
            .filter(|l| l.contains(" s") && l.contains('%'))
            .count(),
        4,
        "{stdout}"
    );
    assert!(stdout.contains("all 4 epochs are done"), "{stdout}");
    assert!(stdout.contains("repeated to the bit: 4 epochs"), "{stdout}");
    assert_eq!(
        curve(&format!("{out}/history.json")),
        curve(&format!("{again}/history.json"))
    );

    // Another seed is another run, and says so.
    let other = ["--like", &out, "--set", "train.seed=77"];
    let (status, stdout, _) = run(&place.train(&other));
    assert_eq!(status, 0);
    assert!(
        stdout.contains("from epoch 1 on: the settings are others"),
        "{stdout}"
    );
}

#[test]
fn the_document_says_that_batch_norm_fails_in_evaluation_also_after_a_restart() {
    let place = Place::new();
    let out = place.path("out");
    let layers = LAYERS.replace("batch_norm = {}", "batch_norm = { momentum = 1e-9 }");
    let arguments = [
        "train",
        "--data",
        &place.data,
        "--set",
        &layers,
        "--set",
        "input.channels=1",
        "--set",
        "input.normalize={mean=[-20.0],std=[0.2]}",
        "--set",
        "train.epochs=20",
        "--set",
        "train.early_stopping=false",
        "--out",
        &out,
        "--json",
    ];
    let diagnosis = || {
        let (status, stdout, stderr) = run(&arguments);
        assert_eq!(status, 0, "{stderr}");
        assert!(stderr.contains("examined in"), "{stderr}");
        let document: Value = serde_json::from_str(&stdout).unwrap();
        document["diagnosis"].clone()
    };
    let first = diagnosis();
    assert_eq!(first["causes"][0]["id"], "bn-eval-discrepancy", "{first}");
    assert_eq!(first["verdict"], "broken-evaluation");
    let written = fs::read_to_string(Path::new(&out).join("diagnosis.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), first);
    assert!(Path::new(&out).join("examination.json").is_file());
    // All epochs are done, as where it was killed while it looked at the network: it looks again.
    fs::remove_file(Path::new(&out).join("diagnosis.json")).unwrap();
    assert_eq!(diagnosis(), first);
}

#[test]
fn a_killed_run_and_an_interrupted_run_go_on_to_the_same_figures() {
    let place = Place::new();
    let options = [
        "train.epochs=40",
        "train.ema_decay=0.9",
        "train.sampling=balanced",
        "train.clip_norm=1.0",
        "train.schedule={kind=\"plateau\", factor=0.7, patience=0, warm_up=2}",
    ];
    let mut epochs: Vec<&str> = options.iter().flat_map(|o| ["--set", *o]).collect();
    epochs.push("--out");
    let whole = place.path("whole");
    let (status, ..) = run(&place.train(&[&epochs[..], &[&whole]].concat()));
    assert_eq!(status, 0);
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let out = place.path(signal.as_str());
        let arguments = place.train(&[&epochs[..], &[&out]].concat());
        let mut child = gapwatch(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let state = Path::new(&out).join("last.state.safetensors");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !state.exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        let left = child.wait().unwrap();
        assert!(!left.success(), "it was over before {signal} came");
        if signal == Signal::SIGINT {
            let mut said = String::new();
            std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
            assert!(
                said.contains("The same command goes on from there"),
                "{said}"
            );
        }
        let (status, _, stderr) = run(&arguments);
        assert_eq!(status, 0, "{stderr}");
        assert!(stderr.contains("goes on after epoch"), "{stderr}");
        assert_eq!(
            curve(&format!("{out}/history.json")),
            curve(&format!("{whole}/history.json"))
        );
        for name in ["best.safetensors", "last.safetensors"] {
            let read = |folder: &str| fs::read(Path::new(folder).join(name)).unwrap();
            assert!(read(&out) == read(&whole), "{name} after {signal}");
        }
    }
    // Another run does not go on in the same folder.
    let arguments = place.train(&["--set", "train.seed=9", "--out", &whole]);
    let (status, _, stderr) = run(&arguments);
    assert_eq!(status, 2);
    assert!(stderr.contains("train.seed"), "{stderr}");
}

#[test]
fn a_folder_in_which_another_run_trains_is_left_alone() {
    let place = Place::new();
    let out = place.path("taken");
    fs::create_dir(&out).unwrap();
    let _claim = gapwatch::engine::Claim::take(Path::new(&out)).unwrap();
    let (status, _, stderr) = run(&place.train(&["--out", &out]));
    assert_eq!(status, 2);
    assert!(
        stderr.contains(&out) && stderr.contains("another gapwatch"),
        "{stderr}"
    );
    assert!(!Path::new(&out).join("last.safetensors").exists());
}

#[test]
fn wrong_arguments_are_answered_with_status_two_and_the_field() {
    let place = Place::new();
    let empty = place.path("empty");
    fs::create_dir(&empty).unwrap();
    for (more, says) in [
        (&["--set", "train.batch_size=0"][..], "train.batch_size"),
        (&["--set", "train.optimizer.lr=nan"], "train.optimizer.lr"),
        (&["--set", "train.epochs=1000000000"], "train.epochs"),
        (&["--set", "train.epoch=3"], "epoch"),
        (&["--set", "train"], "KEY=VALUE"),
        (&["--model", "resnet-50"], "cnn-flat"),
        (
            &["--set", "model.layers=[{ linear = {} }]"],
            "layer 1 (linear)",
        ),
        (
            &[
                "--set",
                "model.layers=[{ flatten = {} }, { linear = { out = 4 } }]",
            ],
            "layer 2 (linear)",
        ),
        (&["--set", "device=cuda:0"], "device"),
        (&["--spec", "nowhere.toml"], "nowhere.toml"),
        (&["--like", &empty], "no run's folder"),
        (&["--threads", "0"], "--threads"),
    ] {
        let arguments = [&["train", "--data", &place.data], more].concat();
        let (status, stdout, stderr) = run(&arguments);
        assert_eq!(status, 2, "{more:?}: {stdout}{stderr}");
        assert!(stderr.contains(says), "{more:?}: {stderr}");
    }
    for data in [&empty, "nowhere"] {
        let (status, _, stderr) = run(&["train", "--data", data]);
        assert_eq!(status, 2, "{stderr}");
        assert!(stderr.contains(data), "{stderr}");
    }
}

#[test]
fn predict_gives_what_training_measured() {
    let place = Place::new();
    let out = place.path("out");
    let (status, _, stderr) = run(&place.train(&["--set", "train.epochs=3", "--out", &out]));
    assert_eq!(status, 0, "{stderr}");
    let checkpoint = format!("{out}/last.safetensors");
    let val = format!("{}/val", place.data);
    let (status, stdout, stderr) = run(&[
        "predict",
        "--checkpoint",
        &checkpoint,
        "--data",
        &val,
        "--json",
    ]);
    assert_eq!(status, 0, "{stderr}");
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    let images = answer["images"].as_array().unwrap();
    let right = images.iter().filter(|image| {
        let folder = image["path"].as_str().unwrap().split('/').next().unwrap();
        image["class"] == folder
    });
    let epochs = curve(&format!("{out}/history.json"));
    assert_eq!(Value::from(right.count()), epochs[2]["val"]["correct"]);
    for image in images {
        let sum: f64 = image["probabilities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_f64().unwrap())
            .sum();
        assert!((sum - 1.0).abs() < 1e-9);
        assert_eq!(image["logits"].as_array().unwrap().len(), 3);
    }

    // A plain folder with no classes, and a file in it that is no image.
    let flat = place.folder.path().join("flat");
    fs::create_dir(&flat).unwrap();
    fs::copy(Path::new(&val).join("left/000.png"), flat.join("a.png")).unwrap();
    fs::write(flat.join("note.png"), "text").unwrap();
    let (status, stdout, _) = run(&[
        "predict",
        "--checkpoint",
        &checkpoint,
        "--data",
        flat.to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(status, 0);
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(answer["images"][0]["logits"], images[0]["logits"]);
    assert_eq!(answer["unreadable"][0]["path"], "note.png");
    let one = flat.join("a.png");
    let (status, stdout, _) = run(&[
        "predict",
        "--checkpoint",
        &checkpoint,
        "--data",
        one.to_str().unwrap(),
    ]);
    assert!(status == 0 && stdout.starts_with("a.png  "), "{stdout}");
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let place = Place::new();
    let out = place.path("out");
    run(&place.train(&["--set", "train.epochs=1", "--out", &out]));
    let theirs = place.path("theirs.safetensors");
    // A safetensors file without tensors and without a header of ours.
    fs::write(&theirs, b"\x08\0\0\0\0\0\0\0{}      ").unwrap();
    let state = format!("{out}/last.state.safetensors");
    for (checkpoint, says) in [
        (theirs, "theirs.safetensors"),
        (state, "no tensor"),
        (place.path("none"), "none"),
    ] {
        let (status, _, stderr) = run(&[
            "predict",
            "--checkpoint",
            &checkpoint,
            "--data",
            &place.data,
        ]);
        assert_eq!(status, 2, "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

#[test]
fn bench_prints_a_json_line_an_epoch() {
    let (status, stdout, stderr) = run(&[
        "bench",
        "--model",
        "logistic",
        "--images",
        "9",
        "--batch",
        "4",
        "--epochs",
        "2",
        "--threads",
        "1",
        "--height",
        "16",
        "--width",
        "24",
        "--json",
    ]);
    assert_eq!(status, 0, "{stderr}");
    let lines: Vec<Value> = stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    for (epoch, line) in lines.iter().enumerate() {
        assert_eq!(line["epoch"], epoch);
        assert_eq!(line["warm_up"], epoch == 0);
        assert!(line["train_s"].as_f64().unwrap() > 0.0 && line["eval_s"].as_f64().unwrap() > 0.0);
        assert!(line["peak_mb"].as_u64().unwrap() > 0);
    }
    let (status, _, stderr) = run(&["bench", "--model", "nothing", "--json"]);
    assert!(status == 2 && stderr.contains("nothing"), "{stderr}");

    let folder = tempdir().unwrap();
    let module = folder.path().join("model.py");
    let path = module.to_str().unwrap();
    let (status, stdout, stderr) = run(&[
        "bench", "--model", "logistic", "--height", "16", "--width", "24", "--module", path,
    ]);
    assert!(status == 0 && stdout.is_empty(), "{stderr}");
    let module = fs::read_to_string(module).unwrap();
    assert!(module.contains("nn.Linear(1152, 9)"), "{module}");
}

#[test]
fn a_range_test_proposes_the_same_rate_whenever_it_is_asked() {
    let place = Place::new();
    let ask = |more: &[&str]| {
        let mut arguments = vec!["lr-range", "--data", &place.data, "--set", LAYERS];
        arguments.extend(["--set", "input.channels=1"]);
        arguments.extend(more);
        run(&arguments)
    };
    let (status, stdout, stderr) = ask(&["--json", "--threads", "1"]);
    assert_eq!(status, 0, "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let proposed = document["proposed"].as_f64().unwrap();
    assert!((1e-5..=1.0).contains(&proposed), "{document}");
    assert_eq!(ask(&["--json", "--threads", "2"]).1, stdout);
    let (status, stdout, _) = ask(&[]);
    assert_eq!(status, 0);
    assert!(
        stdout.contains(&format!("--set train.optimizer.lr={proposed}")),
        "{stdout}"
    );
    let (status, _, stderr) = ask(&["--set", "train.batch_size=0"]);
    assert_eq!(status, 2);
    assert!(stderr.contains("train.batch_size"), "{stderr}");
}
