//! Probes over the API: ordinary runs in a group under the run that they look into.

use crate::common::{TestServer, Watcher, tiny_archive};
use serde_json::{Value, json};

/// A run that learns nothing, because its steps are too small, and is over.
fn stuck(server: &TestServer, epochs: u32) -> u64 {
    server.import("tiny", &tiny_archive());
    let run = server.launch(&json!({
        "dataset": "tiny", "name": "stuck", "tags": ["a"], "model": {"preset": "logistic"},
        "train": {"epochs": epochs, "early_stopping": false, "optimizer": {"kind": "sgd", "lr": 1e-12}}
    }));
    Watcher::open(server, run, 0, None).for_each(drop);
    run
}

fn diagnosis(server: &TestServer, run: u64) -> Value {
    server.get(&format!("/api/v1/runs/{run}/diagnosis")).1
}

#[test]
fn a_probe_is_a_group_under_its_run_and_its_answer_is_in_the_diagnosis() {
    let server = TestServer::start();
    let run = stuck(&server, 3);
    let before = diagnosis(&server, run);
    assert_eq!(before["verdict"], "not-learning", "{before}");
    assert!(
        before["next_probe"]["cost_s"].as_f64().unwrap() > 0.0,
        "{before}"
    );
    assert!(before["probes"].is_null());

    let path = format!("/api/v1/runs/{run}/probes");
    let (status, made) = server.post(&path, &json!({"probe": "longer-training"}));
    assert_eq!(status, 201, "{made}");
    let group = &made["group"];
    assert_eq!(
        (&group["parent"], &group["purpose"]),
        (&json!(run), &json!("probe longer-training"))
    );
    let probe = group["runs"][0]["id"].as_u64().unwrap();
    assert_eq!(group["runs"][0]["epochs"], 9);
    Watcher::open(&server, probe, 0, None).for_each(drop);

    let after = diagnosis(&server, run);
    assert_eq!(after["probes"][0]["id"], "longer-training", "{after}");
    assert_eq!(after["probes"][0]["answer"], "no", "{after}");
    assert_eq!(after["probes"][0]["trainings"], 1);
    assert_ne!(after["next_probe"]["id"], "longer-training");
    let (status, problem) = server.post(&path, &json!({"probe": "longer-training"}));
    assert_eq!(status, 409, "{problem}");
    assert!(
        problem["detail"].as_str().unwrap().contains("made already"),
        "{problem}"
    );
}

#[test]
fn without_a_name_the_probe_that_tells_most_is_started_and_one_at_a_time() {
    let server = TestServer::start();
    let run = stuck(&server, 60);
    let proposed = diagnosis(&server, run)["next_probe"]["id"].clone();
    let path = format!("/api/v1/runs/{run}/probes");
    let (status, made) = server.post(&path, &json!({}));
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["probe"]["id"], proposed);
    let group = made["group"]["id"].as_u64().unwrap();
    let (status, problem) = server.post(&path, &json!({}));
    assert_eq!(status, 409, "{problem}");
    let said = problem["detail"].as_str().unwrap();
    assert!(
        said.contains(&format!("group {group} still goes on")),
        "{said}"
    );
    server.post(&format!("/api/v1/groups/{group}/cancel"), &json!({}));
}

#[test]
fn what_has_no_probes_says_why() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let run = server.launch(&json!({"dataset": "tiny", "model": {"preset": "logistic"}}));
    let path = format!("/api/v1/runs/{run}/probes");
    let (status, problem) = server.post(&path, &json!({}));
    assert_eq!(status, 409, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("still goes on"),
        "{problem}"
    );
    let (status, problem) = server.post(&path, &json!({"probe": "tea-leaves"}));
    assert_eq!(status, 422, "{problem}");
    assert_eq!(server.post("/api/v1/runs/999/probes", &json!({})).0, 404);
}
