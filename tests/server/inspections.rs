//! Audits and simple models in the background: started by themselves, followed, given up, kept.

use crate::common::{TestServer, slow_archive, tiny_archive};
use crate::producer::{epoch, report};
use serde_json::{Value, json};
use std::time::Duration;

const AUDIT: &str = "/api/v1/datasets/tiny/audit";
const MODELS: &str = "/api/v1/datasets/tiny/simple-models";

fn is(state: &str) -> impl Fn(&Value) -> bool {
    move |inspection| inspection["state"] == state
}

#[test]
fn an_import_is_audited_by_itself_and_the_page_says_what_was_found() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let audit = server.wait(AUDIT, is("done"));
    let document = &audit["document"];
    assert_eq!(
        (&document["images"], &audit["message"]),
        (&json!(36), &json!(""))
    );
    assert!(
        !document["findings"].as_array().unwrap().is_empty(),
        "{document}"
    );
    assert!(!audit.to_string().contains("NaN"));
    let details = server.get("/api/v1/datasets/tiny").1;
    assert_eq!(details["audit"]["document"], *document);
    assert_eq!(details["simple_models"], Value::Null);
    let thumbnails = details["thumbnails"].as_array().unwrap();
    assert_eq!(
        thumbnails.len(),
        6,
        "a picture a class and split: {thumbnails:?}"
    );
    let picture = format!(
        "{}{}",
        server.url(),
        thumbnails[5]["href"].as_str().unwrap()
    );
    let answer = server.agent().get(picture).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "image/png");

    let text = server.page("/datasets/tiny");
    for part in [
        "The audit found",
        "<h3>In order</h3>",
        "aria-label=\"Brightness by split: training median",
        "var(--train)",
        "Fit simple models",
    ] {
        assert!(text.contains(part), "the page lacks {part}");
    }
    assert!(
        server
            .page("/runs/new?dataset=tiny")
            .contains("/datasets/tiny#audit")
    );
    let run = server.launch(&json!({"dataset": "tiny"}));
    assert!(
        server
            .page(&format!("/runs/{run}"))
            .contains("/datasets/tiny#audit")
    );
}

#[test]
fn simple_models_follow_a_run_or_are_asked_for() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    server.wait(AUDIT, is("done"));
    assert_eq!(server.get(MODELS).0, 404);
    let (status, run) = server.post(
        "/api/v1/runs",
        &json!({"external": true, "dataset": "tiny", "train": {"epochs": 1}}),
    );
    assert_eq!(status, 201, "{run}");
    let (id, token) = (run["id"].as_u64().unwrap(), run["token"].as_str().unwrap());
    let end = json!({"kind": "end", "data": {"status": "finished", "message": ""}});
    let (status, answer) = report(&server, id, token, &[epoch(1), end]);
    assert_eq!(status, 200, "{answer}");
    let models = server.wait(MODELS, is("done"));
    assert!(
        !models["document"]["scored"].as_array().unwrap().is_empty(),
        "{models}"
    );
    assert!(
        server
            .page("/datasets/tiny")
            .contains("What they get right")
    );

    // Moments are told in seconds: the next one is another.
    std::thread::sleep(Duration::from_millis(1100));
    let (status, asked) = server.post(MODELS, &json!({}));
    assert_eq!(status, 202, "{asked}");
    assert_eq!(
        asked["document"], models["document"],
        "what was found stays until there is more"
    );
    let again = server.wait(MODELS, is("done"));
    assert!(again["asked"] != models["asked"]);
    assert_eq!(again["document"], models["document"]);
}

#[test]
fn an_audit_tells_how_far_it_is_and_is_cancelled_and_asked_for_again() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &slow_archive());
    let seen = server.wait(AUDIT, |audit| audit["done"].as_u64() > Some(0));
    assert_eq!(
        (&seen["state"], &seen["of"]),
        (&json!("running"), &json!(84))
    );
    assert!(
        server
            .page("/datasets/tiny")
            .contains("id=\"cancel-audit\"")
    );
    let (status, cancelled) = server.post(&format!("{AUDIT}/cancel"), &json!({}));
    assert_eq!(
        (status, &cancelled["state"]),
        (200, &json!("cancelled")),
        "{cancelled}"
    );
    assert_eq!(cancelled["document"], Value::Null);
    assert_eq!(server.post(&format!("{AUDIT}/cancel"), &json!({})).0, 409);
    // It does not start again by itself.
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(server.get(AUDIT).1["state"], "cancelled");
    assert_eq!(server.post(AUDIT, &json!({})).0, 202);
    let done = server.wait(AUDIT, is("done"));
    assert_eq!(done["document"]["images"], 84);
}

#[test]
fn a_server_that_is_ended_goes_on_with_its_audit_at_the_next_start() {
    let mut server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &slow_archive());
    server.wait(AUDIT, |audit| audit["done"].as_u64() > Some(0));
    let took = server.terminate();
    assert!(took < Duration::from_secs(2), "{took:?}");
    server.restart();
    let done = server.wait(AUDIT, is("done"));
    assert_eq!(done["document"]["images"], 84);
    // What is done stays done.
    server.terminate();
    server.restart();
    assert_eq!(server.get(AUDIT).1, done);
}

#[test]
fn a_dataset_may_be_deleted_while_it_is_audited_and_the_next_one_has_its_turn() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &slow_archive());
    server.wait(AUDIT, |audit| audit["done"].as_u64() > Some(0));
    assert_eq!(server.delete("/api/v1/datasets/tiny").0, 204);
    assert_eq!(server.get(AUDIT).0, 404);
    assert!(!server.home().join("datasets/tiny").exists());
    // Another dataset of the same name gets an audit of its own.
    server.import("tiny", &tiny_archive());
    let audit = server.wait(AUDIT, is("done"));
    assert_eq!(audit["document"]["images"], 36);
}

#[test]
fn what_cannot_be_looked_into_is_refused() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("broken", b"no archive");
    for (path, status) in [
        ("/api/v1/datasets/none/audit", 404),
        ("/api/v1/datasets/broken/audit", 409),
        ("/api/v1/datasets/broken/oracle", 404),
        ("/api/v1/datasets/none/audit/cancel", 404),
        ("/api/v1/datasets/broken/simple-models/cancel", 409),
    ] {
        let (found, problem) = server.post(path, &json!({}));
        assert_eq!(found, status, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{problem}");
    }
}
