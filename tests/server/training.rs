//! Runs that really train, in worker processes: killed, stopped, resumed, left alone by their server.

use crate::common::{Heard, TestServer, Watcher, permuted_archive, tiny_archive};
use nix::sys::signal::{Signal, killpg};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// A server with a tiny dataset.
fn stocked(arguments: &[&str]) -> TestServer {
    let server = TestServer::with(arguments);
    let dataset = server.import("tiny", &tiny_archive());
    assert_eq!(dataset["state"], "ready", "{dataset}");
    server
}

fn logistic(epochs: u32) -> Value {
    json!({"dataset": "tiny", "model": {"preset": "logistic"}, "train": {"epochs": epochs, "seed": 5, "early_stopping": false}})
}

fn epochs(heard: &[Heard]) -> Vec<u64> {
    heard
        .iter()
        .filter(|h| h.kind == "epoch")
        .map(|h| h.data["epoch"].as_u64().unwrap())
        .collect()
}

/// The losses of a run's history, by which two runs are told apart to the last bit.
fn losses(server: &TestServer, run: u64) -> Vec<(u64, Value, Value)> {
    let history = server.get(&format!("/api/v1/runs/{run}/history.json")).1;
    let epochs = history["epochs"].as_array().unwrap();
    epochs
        .iter()
        .map(|e| {
            (
                e["epoch"].as_u64().unwrap(),
                e["train"]["loss"].clone(),
                e["val"]["loss"].clone(),
            )
        })
        .collect()
}

#[test]
fn a_run_trains_and_its_checkpoint_is_taken_home() {
    let server = stocked(&[]);
    let run = server.launch(&logistic(5));
    let heard: Vec<Heard> = Watcher::open(&server, run, 0, None).collect();
    assert_eq!(epochs(&heard), [1, 2, 3, 4, 5]);
    let shown = server.get(&format!("/api/v1/runs/{run}")).1;
    assert_eq!(shown["status"], "finished", "{shown}");
    assert_eq!(shown["attempt"], 1);
    assert!(shown["best"]["epoch"].is_u64(), "{shown}");
    assert!(shown["latest"]["test"]["n"] == 8, "{shown}");

    let facts = &server.get(&format!("/api/v1/runs/{run}/history.json")).1["run"];
    assert!(
        facts["threads"].as_u64() >= Some(1) && facts["instruction_set"] != "",
        "{facts}"
    );

    let images = server
        .get(&format!("/api/v1/runs/{run}/epochs/5/images?split=test"))
        .1;
    assert_eq!(images["prediction"].as_array().unwrap().len(), 8);
    let url = format!(
        "{}/api/v1/runs/{run}/checkpoints/best.safetensors",
        server.url()
    );
    let mut answer = server.agent().get(url).call().unwrap();
    let bytes = answer.body_mut().read_to_vec().unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert!(!tensors.names().is_empty());

    let url = format!("{}/api/v1/runs/{run}/bundle.zip", server.url());
    let mut answer = server.agent().get(url).call().unwrap();
    let zip = zip::ZipArchive::new(std::io::Cursor::new(
        answer.body_mut().read_to_vec().unwrap(),
    ))
    .unwrap();
    for name in [
        "model.py",
        "load.py",
        "best.safetensors",
        "history.csv",
        "charts/confusion.svg",
    ] {
        assert!(zip.index_for_name(name).is_some(), "{name}");
    }
}

#[test]
fn runs_train_in_turn_and_a_cancel_lets_the_next_begin() {
    let server = stocked(&[]);
    let (one, two) = (
        server.launch(&logistic(100_000)),
        server.launch(&logistic(2)),
    );
    server.wait_run(one, |run| run["epoch"].as_u64() >= Some(1));
    assert_eq!(
        server.get(&format!("/api/v1/runs/{two}")).1["status"],
        "queued"
    );
    let (status, _) = server.post(&format!("/api/v1/runs/{one}/cancel"), &json!({}));
    assert_eq!(status, 200);
    let shown = server.wait_run(one, |run| run["status"] == "cancelled");
    assert!(shown["ended"].is_string());
    server.wait_run(two, |run| run["status"] == "finished");
    assert_eq!(server.worker(one), None);
}

#[test]
fn a_stop_keeps_the_best_and_a_resume_goes_on() {
    let server = stocked(&[]);
    let run = server.launch(&logistic(100_000));
    server.wait_run(run, |run| run["epoch"].as_u64() >= Some(3));
    server.post(&format!("/api/v1/runs/{run}/stop"), &json!({}));
    let stopped = server.wait_run(run, |run| run["status"] == "stopped");
    assert!(server.run_folder(run).join("best.safetensors").is_file());
    let epoch = stopped["epoch"].as_u64().unwrap();

    assert_eq!(
        server
            .post(&format!("/api/v1/runs/{run}/resume"), &json!({}))
            .0,
        200
    );
    let shown = server.wait_run(run, |run| run["epoch"].as_u64() > Some(epoch + 2));
    assert_eq!(shown["attempt"], 2);
    server.post(&format!("/api/v1/runs/{run}/cancel"), &json!({}));
    server.wait_run(run, |run| run["status"] == "cancelled");
    let numbers: Vec<u64> = losses(&server, run)
        .iter()
        .map(|(epoch, ..)| *epoch)
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_killed_worker_is_started_again_and_its_curve_is_as_if_nothing_had_been() {
    let server = stocked(&["--parallel", "2"]);
    let undisturbed = server.launch(&logistic(40));
    let run = server.launch(&logistic(40));
    let watcher = Watcher::open(&server, run, 0, None);
    server.wait_run(run, |run| run["epoch"].as_u64() >= Some(5));
    if let Some(worker) = server.worker(run) {
        killpg(worker, Signal::SIGKILL).unwrap();
    }
    let shown = server.wait_run(run, |run| run["status"] == "finished");
    server.wait_run(undisturbed, |run| run["status"] == "finished");
    assert_eq!(shown["attempt"], 2, "{shown}");
    assert_eq!(losses(&server, run), losses(&server, undisturbed));
    let heard: Vec<Heard> = watcher.collect();
    assert_eq!(epochs(&heard), (1..=40).collect::<Vec<_>>());
}

#[test]
fn a_server_that_is_killed_finds_its_worker_and_what_it_trained_meanwhile() {
    let mut server = stocked(&[]);
    let run = server.launch(&logistic(100_000));
    let mut heard = Vec::new();
    let mut watcher = Watcher::open(&server, run, 0, None);
    while epochs(&heard).len() < 3 {
        heard.push(watcher.next().unwrap());
    }
    let worker = server.worker(run).unwrap();
    server.kill();
    heard.extend(watcher);
    std::thread::sleep(Duration::from_millis(500));
    server.restart();
    let last = heard.iter().rev().find_map(|h| h.id);
    let seen = *epochs(&heard).last().unwrap();
    let mut watcher = Watcher::open(&server, run, 0, last);
    while epochs(&heard).last() < Some(&(seen + 20)) {
        heard.push(watcher.next().unwrap());
    }
    // The same process trained on, and no epoch is missing or doubled.
    assert_eq!(server.worker(run), Some(worker));
    assert_eq!(server.get(&format!("/api/v1/runs/{run}")).1["attempt"], 1);
    let numbers = epochs(&heard);
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    server.post(&format!("/api/v1/runs/{run}/cancel"), &json!({}));
    server.wait_run(run, |run| run["status"] == "cancelled");
}

#[test]
fn a_worker_that_ends_without_a_server_is_heard_at_the_next_start() {
    let mut server = stocked(&[]);
    let run = server.launch(&logistic(100));
    server.wait_run(run, |run| run["epoch"].as_u64() >= Some(1));
    let worker = server.worker(run).unwrap();
    server.kill();
    // It trains on and keeps what it cannot deliver; then it dies too.
    let spool = server.run_folder(run).join("undelivered.jsonl");
    let deadline = Instant::now() + crate::common::PATIENCE;
    while std::fs::read_to_string(&spool).map_or(0, |text| text.lines().count()) < 3 {
        assert!(Instant::now() < deadline, "nothing is kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    killpg(worker, Signal::SIGKILL).unwrap();
    server.restart();
    server.wait_run(run, |run| run["status"] == "finished");
    let numbers: Vec<u64> = losses(&server, run)
        .iter()
        .map(|(epoch, ..)| *epoch)
        .collect();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_server_that_is_asked_to_end_pauses_its_runs_and_goes_on_later() {
    let mut server = stocked(&[]);
    let run = server.launch(&logistic(100_000));
    server.wait_run(run, |run| run["epoch"].as_u64() >= Some(2));
    let took = server.terminate();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(server.worker(run), None);
    server.restart();
    let shown = server.get(&format!("/api/v1/runs/{run}")).1;
    let epoch = shown["epoch"].as_u64().unwrap();
    let shown = server.wait_run(run, |run| run["epoch"].as_u64() > Some(epoch + 2));
    assert_eq!(shown["attempt"], 2);
    server.post(&format!("/api/v1/runs/{run}/cancel"), &json!({}));
    server.wait_run(run, |run| run["status"] == "cancelled");
}

#[test]
fn a_run_that_cannot_train_says_why() {
    let server = stocked(&[]);
    // The images are gone, as after a disk's repair.
    std::fs::remove_dir_all(server.home().join("datasets/tiny/images")).unwrap();
    let run = server.launch(&logistic(3));
    let shown = server.wait_run(run, |run| run["status"] == "failed");
    assert!(!shown["message"].as_str().unwrap().is_empty(), "{shown}");
}

#[test]
fn a_worker_on_another_machine_fetches_trains_and_uploads() {
    let server = stocked(&[]);
    let mut spec = logistic(4);
    spec["external"] = json!(true);
    let made = server.post("/api/v1/runs", &spec).1;
    let run = made["id"].as_u64().unwrap();
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_gapwatch"))
        .args([
            "worker",
            "--attempt",
            "1",
            "--threads",
            "1",
            "--server",
            server.url(),
        ])
        .args(["--run", &run.to_string()])
        .env("GAPWATCH_TOKEN", made["token"].as_str().unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    let shown = server.get(&format!("/api/v1/runs/{run}")).1;
    assert_eq!(
        (&shown["status"], &shown["epoch"]),
        (&json!("finished"), &json!(4)),
        "{shown}"
    );
    for name in [
        "best.safetensors",
        "last.safetensors",
        "last.state.safetensors",
    ] {
        assert!(server.run_folder(run).join(name).is_file(), "{name}");
    }
}

#[test]
fn a_finished_runs_diagnosis_has_what_its_forward_passes_and_predictions_show() {
    let server = TestServer::start();
    assert_eq!(server.import("tiny", &permuted_archive())["state"], "ready");
    let run = server.launch(&logistic(30));
    let heard: Vec<Heard> = Watcher::open(&server, run, 0, None).collect();
    let path = format!("/api/v1/runs/{run}");
    // What the images show comes into the diagnosis as it is found, and weighs causes.
    for inspection in ["audit", "simple-models"] {
        let path = format!("/api/v1/datasets/tiny/{inspection}");
        server.wait(&path, |of| of["state"] == "done");
    }
    let diagnosis = server.get(&format!("{path}/diagnosis")).1;
    assert_eq!(diagnosis["verdict"], "broken-evaluation", "{diagnosis}");
    // Each picture is there many times, so copies are found as well.
    let causes = diagnosis["causes"].as_array().unwrap();
    let permuted = causes.iter().find(|c| c["id"] == "label-map-mismatch");
    let permuted = permuted.unwrap_or_else(|| panic!("{diagnosis}"));
    assert!(permuted["evidence"][0]["p"].as_f64() < Some(0.01));
    assert!(permuted["remedies"][0].is_string() && permuted.get("probability").is_none());
    assert!(diagnosis.get("next_probe").is_none());
    assert!(diagnosis.get("confidence").is_none());

    // The last event says the same of the run itself, and nothing was left out for want of forward passes.
    let told = &heard.iter().rfind(|h| h.kind == "diagnosis").unwrap().data;
    let holds = |diagnosis: &Value| {
        for part in ["verdict", "summary", "gates"] {
            assert_eq!(diagnosis[part], told[part]);
        }
        let findings = diagnosis["findings"].as_array().unwrap();
        for finding in told["findings"].as_array().unwrap() {
            assert!(findings.contains(finding), "{finding} in {diagnosis}");
        }
    };
    holds(&diagnosis);
    assert!(
        !diagnosis["not_checked"]
            .to_string()
            .contains("forward passes"),
        "{diagnosis}"
    );
    let examination = server.get(&format!("{path}/examination")).1;
    assert_eq!(examination["epoch"], 30, "{examination}");
    assert_eq!(examination["repeated"][0]["losses"], 0);
    assert_eq!(examination["labels"][0][1].as_array().unwrap().len(), 32);

    let mut page = server
        .agent()
        .get(format!("{}/runs/{run}/why", server.url()))
        .call()
        .unwrap();
    let page = page.body_mut().read_to_string().unwrap();
    assert!(
        page.contains("The validation labels are permuted"),
        "{page}"
    );

    // The images may go: what was found stays.
    assert_eq!(server.delete("/api/v1/datasets/tiny").0, 204);
    holds(&server.get(&format!("{path}/diagnosis")).1);
    let url = format!("{}{path}/bundle.zip", server.url());
    let mut answer = server.agent().get(url).call().unwrap();
    let bytes = answer.body_mut().read_to_vec().unwrap();
    let zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    assert!(zip.index_for_name("examination.json").is_some());
}

#[test]
fn a_terminal_repeats_the_dashboards_history_to_the_bit() {
    let server = stocked(&[]);
    let run = server.launch(&logistic(3));
    server.wait_run(run, |run| run["status"] == "finished");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let history = server.get(&format!("/api/v1/runs/{run}/history.json")).1;
    fs::write(path("history.json"), history.to_string()).unwrap();
    fs::write(path("tiny.zip"), tiny_archive()).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_gapwatch"))
        .args(["train", "--like"])
        .arg(path("history.json"))
        .arg("--data")
        .arg(path("tiny.zip"))
        .arg("--out")
        .arg(path("out"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{done:?}");
    assert!(said.contains("to the bit"), "{said}");
    let text = fs::read_to_string(path("out").join("history.json")).unwrap();
    let again: Value = serde_json::from_str(&text).unwrap();
    let figures = |history: &Value| -> Vec<Value> {
        let mut epochs = history["epochs"].as_array().unwrap().clone();
        for epoch in &mut epochs {
            // The clock's own figure.
            epoch.as_object_mut().unwrap().remove("seconds");
        }
        epochs
    };
    assert_eq!(figures(&again).len(), 3);
    assert_eq!(figures(&again), figures(&history));
}
