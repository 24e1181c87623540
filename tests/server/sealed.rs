//! Sealed test figures: measured, kept, and told to nobody until they are revealed; looks are counted.

use crate::common::{Heard, TestServer, Watcher, permuted_archive, read};
use crate::producer::{epoch, external, report};
use serde_json::{Value, json};

/// Eight test images, where validation has another number: what counts them out of eight tells of test.
fn stocked() -> TestServer {
    let server = TestServer::start();
    let dataset = server.import("tiny", &permuted_archive());
    assert_eq!(dataset["state"], "ready", "{dataset}");
    server
}

fn logistic(test: &str) -> Value {
    json!({"dataset": "tiny", "test": test, "model": {"preset": "logistic"}, "train": {"epochs": 3, "seed": 5}})
}

/// Bytes of an answer, and its status.
fn bytes(server: &TestServer, path: &str) -> (u16, Vec<u8>) {
    let mut answer = server
        .agent()
        .get(format!("{}{path}", server.url()))
        .call()
        .unwrap();
    (
        answer.status().as_u16(),
        answer.body_mut().read_to_vec().unwrap(),
    )
}

fn header_of(checkpoint: &[u8]) -> Value {
    let (_, header) = safetensors::SafeTensors::read_metadata(checkpoint).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    serde_json::from_str(&metadata["metrics"]).unwrap()
}

#[test]
fn a_sealed_runs_test_figures_are_nowhere_until_they_are_revealed() {
    let server = stocked();
    let run = server.launch(&logistic("sealed"));
    let path = format!("/api/v1/runs/{run}");
    let heard: Vec<Heard> = Watcher::open(&server, run, 0, None).collect();
    let epochs: Vec<&Heard> = heard.iter().filter(|h| h.kind == "epoch").collect();
    assert_eq!(epochs.len(), 3);
    for event in &heard {
        assert!(event.data["test"].is_null(), "{:?}", event.data);
        assert!(
            !event.data.to_string().contains("of 8)"),
            "{:?}",
            event.data
        );
    }
    assert!(epochs.iter().all(|event| event.data["val"].is_object()));

    let shown = server.get(&path).1;
    assert_eq!(
        (&shown["status"], &shown["sealed"]),
        (&json!("finished"), &json!(true))
    );
    assert_eq!(shown["latest"]["test"], Value::Null);
    assert_eq!(shown["test_looks"], json!({"times": 0, "runs": 0}));
    let history = server.get(&format!("{path}/history.json")).1;
    assert!(
        history["epochs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|e| e["test"].is_null())
    );
    let csv = server.get(&format!("{path}/history.csv")).1;
    let csv = csv.as_str().unwrap();
    let at = csv
        .lines()
        .next()
        .unwrap()
        .split(',')
        .position(|c| c == "test_acc")
        .unwrap();
    assert!(
        csv.lines()
            .skip(1)
            .all(|row| row.split(',').nth(at) == Some("")),
        "{csv}"
    );
    for sealed in ["confusion", "images"] {
        let (status, problem) = server.get(&format!("{path}/epochs/3/{sealed}?split=test"));
        assert_eq!(status, 409, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains("sealed"),
            "{problem}"
        );
        assert_eq!(
            server.get(&format!("{path}/epochs/3/{sealed}?split=val")).0,
            200
        );
    }
    assert_eq!(
        bytes(&server, &format!("{path}/charts/confusion.svg?split=test")).0,
        409
    );
    let examination = server.get(&format!("{path}/examination")).1;
    let passes = examination["passes"].as_array().unwrap();
    assert!(
        !passes.is_empty() && passes.iter().all(|pass| pass["split"] != "test"),
        "{examination}"
    );
    let diagnosis = server.get(&format!("{path}/diagnosis")).1.to_string();
    assert!(
        !diagnosis.contains("test 1") && !diagnosis.contains("of 8)"),
        "{diagnosis}"
    );
    for name in [
        "best.safetensors",
        "last.safetensors",
        "last.state.safetensors",
    ] {
        let metrics = header_of(&bytes(&server, &format!("{path}/checkpoints/{name}")).1);
        assert!(
            metrics["val"].is_object() && metrics["test"].is_null(),
            "{metrics}"
        );
    }
    let overview = server.page(&format!("/runs/{run}"));
    assert!(overview.contains("Reveal…"), "{overview}");
    let why = server.page(&format!("/runs/{run}/why"));
    assert!(why.contains("Reveal the test figures"), "{why}");
    for page in [
        format!("/runs/{run}"),
        format!("/runs/{run}/why"),
        format!("/runs/{run}/images"),
        format!("/runs/{run}/epochs"),
        format!("/runs/{run}/settings"),
        format!("/runs/{run}/log"),
        format!("/runs/{run}/report"),
        format!("/compare?runs={run}"),
        "/".to_owned(),
    ] {
        let text = server.get(&page).1;
        assert!(!text.as_str().unwrap().contains("of 8"), "{page}: {text}");
    }

    let (status, revealed) = server.post(&format!("{path}/reveal"), &json!({}));
    assert_eq!(status, 200, "{revealed}");
    assert_eq!(revealed["latest"]["test"]["n"], 8);
    assert_eq!(revealed["sealed"], false);
    assert_eq!(revealed["test_looks"], json!({"times": 1, "runs": 1}));
    // Once more is no other look: it is open.
    let (status, again) = server.post(&format!("{path}/reveal"), &json!({}));
    assert_eq!((status, &again["test_looks"]["times"]), (200, &json!(1)));
    let images = server.get(&format!("{path}/epochs/3/images?split=test")).1;
    assert_eq!(images["prediction"].as_array().unwrap().len(), 8);
    // Who follows from the start hears the figures, and an end.
    let heard: Vec<Heard> = Watcher::open(&server, run, 0, None).collect();
    assert!(
        heard
            .iter()
            .any(|h| h.kind == "epoch" && h.data["test"]["n"] == 8)
    );
    assert_eq!(heard.last().unwrap().kind, "end");
    let page = server.page(&format!("/runs/{run}/why"));
    assert!(page.contains("looked at 1 time by 1 run"), "{page}");
}

#[test]
fn every_run_that_shows_its_test_figures_is_a_look_at_its_data() {
    let server = stocked();
    for _ in 0..2 {
        let run = server.launch(&logistic("shown"));
        server.wait_run(run, |run| run["status"] == "finished");
        let (status, problem) = server.post(&format!("/api/v1/runs/{run}/reveal"), &json!({}));
        assert_eq!(status, 409, "{problem}");
        assert_eq!(server.delete(&format!("/api/v1/runs/{run}")).0, 204);
    }
    let sealed = server.launch(&logistic("sealed"));
    let shown = server.wait_run(sealed, |run| run["status"] == "finished");
    // Deleting a run does not unsee it.
    assert_eq!(shown["test_looks"], json!({"times": 2, "runs": 2}));
    let ask = server.get(&format!("/runs/{sealed}/reveal")).1;
    let ask = ask.as_str().unwrap();
    assert!(ask.contains("looked at 2 times by 2 runs"), "{ask}");
    assert!(ask.contains("Reveal them"), "{ask}");
    for page in ["/runs/new?dataset=tiny", "/datasets/tiny"] {
        let text = server.get(page).1;
        assert!(
            text.as_str().unwrap().contains("2 times by 2 runs"),
            "{page}: {text}"
        );
    }
}

#[test]
fn a_run_that_goes_on_is_not_revealed_and_an_order_by_test_tells_nothing() {
    let server = TestServer::start();
    let (status, made) = server.post(
        "/api/v1/runs",
        &json!({"external": true, "test": "sealed", "train": {"epochs": 100}}),
    );
    assert_eq!(status, 201, "{made}");
    let (run, token) = (
        made["id"].as_u64().unwrap(),
        made["token"].as_str().unwrap(),
    );
    let mut best = epoch(1);
    best["data"]["test"] = json!({"loss": 0.1, "correct": 90, "n": 90, "accuracy": 1.0});
    report(&server, run, token, &[best]);
    let path = format!("/api/v1/runs/{run}");
    let (status, problem) = server.post(&format!("{path}/reveal"), &json!({}));
    assert_eq!(status, 409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("when it is over"),
        "{problem}"
    );

    let (open, token) = external(&server);
    report(&server, open, &token, &[epoch(1)]);
    for order in ["desc", "asc"] {
        let listed = server
            .get(&format!("/api/v1/runs?sort=test_accuracy&order={order}"))
            .1;
        let ids: Vec<u64> = listed["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["id"].as_u64().unwrap())
            .collect();
        let wanted = if order == "desc" {
            [open, run]
        } else {
            [run, open]
        };
        assert_eq!(ids, wanted, "{order}");
    }
    let page = read(
        server
            .agent()
            .get(format!("{}/runs/{run}", server.url()))
            .call(),
    );
    assert!(page.1.as_str().unwrap().contains("when the run is over"));
    assert_eq!(
        server
            .post("/api/v1/runs", &json!({"external": true, "test": "hidden"}))
            .0,
        422
    );
}
