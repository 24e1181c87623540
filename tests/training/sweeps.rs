//! `gapwatch train` of a spec with lists, as a process.

use crate::images::write_dataset;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::tempdir;

fn train(data: &Path, spec: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gapwatch"));
    command
        .args(["train", "--threads", "1", "--json"])
        .args([Path::new("--data"), data, Path::new("--spec"), spec])
        .args([Path::new("--out"), out])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Exit status, the document, and what was said.
fn done(mut command: Command) -> (i32, Value, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), document, said)
}

#[test]
fn a_spec_with_lists_trains_run_after_run_and_ends_in_a_table() {
    let folder = tempdir().unwrap();
    let (data, spec, out) = (
        folder.path().join("data"),
        folder.path().join("sweep.toml"),
        folder.path().join("out"),
    );
    write_dataset(&data);
    let text = "model = { preset = \"logistic\" }\n\
                [train]\nepochs = 3\nseed = [1, 2]\noptimizer = { kind = \"adam\", lr = \"0.01, 0.001\" }\n";
    fs::write(&spec, text).unwrap();
    let (status, document, said) = done(train(&data, &spec, &out));
    assert_eq!(status, 0, "{said}");
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 4);
    let val = |run: &Value| run["latest"]["val"]["accuracy"].as_f64().unwrap();
    assert!(runs.is_sorted_by(|a, b| val(a) >= val(b)), "{document}");
    assert_eq!(document["over_seeds"].as_array().unwrap().len(), 2);
    assert!(said.contains("over the seeds"), "{said}");
    let one = &runs[0];
    let history = fs::read_to_string(
        out.join(one["folder"].as_str().unwrap())
            .join("history.json"),
    );
    let history: Value = serde_json::from_str(&history.unwrap()).unwrap();
    assert_eq!(history["epochs"][2], one["latest"]);
    assert_eq!(
        history["run"]["spec"]["train"]["seed"],
        one["settings"]["train.seed"]
    );

    // The same again trains nothing; one seed more trains that.
    let (status, again, said) = done(train(&data, &spec, &out));
    assert_eq!((status, said.matches("trained already").count()), (0, 4));
    assert_eq!(again["over_seeds"], document["over_seeds"]);
    fs::write(&spec, text.replace("[1, 2]", "\"1..3\"")).unwrap();
    let (status, more, said) = done(train(&data, &spec, &out));
    assert_eq!((status, said.matches("trained already").count()), (0, 4));
    assert_eq!(more["runs"].as_array().unwrap().len(), 6);

    // Other settings do not take a folder over.
    fs::write(&spec, text.replace("epochs = 3", "epochs = 4")).unwrap();
    let (status, _, said) = done(train(&data, &spec, &out));
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("other settings"), "{said}");

    fs::write(&spec, text.replace("[1, 2]", "\"1..900\"")).unwrap();
    let (status, _, said) = done(train(&data, &spec, &out));
    assert_eq!(status, 2);
    assert!(
        said.contains("train.seed") && said.contains("200"),
        "{said}"
    );
}

#[test]
fn an_interrupted_sweep_goes_on_where_it_was() {
    let folder = tempdir().unwrap();
    let (data, spec, out) = (
        folder.path().join("data"),
        folder.path().join("sweep.toml"),
        folder.path().join("out"),
    );
    write_dataset(&data);
    let text = |epochs: u32| {
        format!("model = {{ preset = \"logistic\" }}\n[train]\nepochs = {epochs}\nseed = [1, 2]\n")
    };
    fs::write(&spec, text(100_000)).unwrap();
    let child = train(&data, &spec, &out).spawn().unwrap();
    let state = out.join("seed-1").join("history.json");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !state.exists() {
        assert!(Instant::now() < deadline, "no epoch was done");
        std::thread::sleep(Duration::from_millis(10));
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("The same command goes on"), "{said}");
    assert!(!out.join("seed-2").exists());

    let history = fs::read_to_string(&state).unwrap();
    let history: Value = serde_json::from_str(&history).unwrap();
    let before = history["epochs"].as_array().unwrap().len();
    fs::write(&spec, text(before as u32 + 2)).unwrap();
    let (status, document, said) = done(train(&data, &spec, &out));
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains(&format!("goes on after epoch {before}")),
        "{said}"
    );
    for run in document["runs"].as_array().unwrap() {
        assert_eq!(run["latest"]["epoch"], json!(before + 2));
    }
}
