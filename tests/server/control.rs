//! Cancelling, stopping and resuming while a run waits; `training.rs` does so while it trains.

use crate::common::{TestServer, tiny_archive};
use crate::producer::external;
use serde_json::json;

#[test]
fn a_run_that_waits_is_cancelled_at_once_and_queued_again() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let run = server.launch(&json!({"dataset": "tiny"}));
    let path = format!("/api/v1/runs/{run}");
    let act = |what: &str| server.post(&format!("{path}/{what}"), &json!({}));
    assert_eq!(server.delete(&path).0, 409);
    assert_eq!(act("cancel").1["status"], "cancelled");
    assert_eq!(act("cancel").0, 409);
    let (status, shown) = act("resume");
    assert_eq!((status, &shown["status"]), (200, &json!("queued")));
    assert_eq!(act("resume").0, 409);
    assert_eq!(act("stop").1["status"], "stopped");
    assert_eq!(server.delete(&path).0, 204);
    assert_eq!(act("resume").0, 404);
}

#[test]
fn a_script_of_ones_own_is_not_started_from_here() {
    let server = TestServer::start();
    let (run, _) = external(&server);
    let path = format!("/api/v1/runs/{run}");
    assert_eq!(
        server.post(&format!("{path}/stop"), &json!({})).1["status"],
        "stopped"
    );
    let (status, problem) = server.post(&format!("{path}/resume"), &json!({}));
    assert_eq!(status, 409);
    assert!(
        problem["detail"].as_str().unwrap().contains("script"),
        "{problem}"
    );
}
