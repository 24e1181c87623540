//! Room on disk: what is there, what goes, and what happens when there is none left.

use crate::common::{TestServer, tiny_archive};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const FILES: [&str; 3] = [
    "best.safetensors",
    "last.safetensors",
    "last.state.safetensors",
];

fn stocked(arguments: &[&str]) -> TestServer {
    let server = TestServer::with(arguments);
    let dataset = server.import("tiny", &tiny_archive());
    assert_eq!(dataset["state"], "ready", "{dataset}");
    server
}

fn logistic(epochs: u32, keep: &str) -> Value {
    json!({"dataset": "tiny", "keep": keep, "model": {"preset": "logistic"}, "train": {"epochs": epochs, "early_stopping": false}})
}

fn trained(server: &TestServer, keep: &str) -> u64 {
    let run = server.launch(&logistic(3, keep));
    server.wait_run(run, |run| run["status"] == "finished");
    run
}

fn files(server: &TestServer, run: u64) -> Vec<&'static str> {
    let folder = server.run_folder(run);
    FILES
        .into_iter()
        .filter(|name| folder.join(name).exists())
        .collect()
}

/// Waits until a run has these files: what is not kept goes right after the end.
fn wait_files(server: &TestServer, run: u64, wanted: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while files(server, run) != wanted {
        assert!(Instant::now() < deadline, "{:?}", files(server, run));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_that_is_done_keeps_the_checkpoints_that_its_spec_says() {
    let server = stocked(&[]);
    for (keep, left) in [
        ("both", &FILES[..]),
        ("best", &FILES[..1]),
        ("last", &FILES[1..2]),
    ] {
        wait_files(&server, trained(&server, keep), left);
    }
    // One that may be resumed keeps what it needs for that.
    let run = server.launch(&logistic(100_000, "best"));
    server.wait_run(run, |run| run["epoch"].as_u64() >= Some(3));
    server.post(&format!("/api/v1/runs/{run}/stop"), &json!({}));
    server.wait_run(run, |run| run["status"] == "stopped");
    assert_eq!(files(&server, run), FILES);
    assert_eq!(server.post("/api/v1/runs", &logistic(3, "none")).0, 422);
}

#[test]
fn the_home_folder_is_counted_and_checkpoints_go_by_hand_and_by_rule() {
    let server = stocked(&[]);
    let runs = [0, 1, 2].map(|_| trained(&server, "both"));
    let room = server.get("/api/v1/room").1;
    assert_eq!(room["datasets"][0]["id"], "tiny");
    for part in [
        &room["database"],
        &room["datasets"][0]["bytes"],
        &room["free"],
        &room["total"],
    ] {
        assert!(part.as_u64() > Some(0), "{room}");
    }
    let shown = &room["runs"][2];
    assert_eq!(shown["id"], runs[0]);
    let size = |name: &&str| {
        server
            .run_folder(runs[0])
            .join(name)
            .metadata()
            .unwrap()
            .len()
    };
    let bytes: u64 = FILES.iter().map(size).sum();
    assert_eq!(shown["checkpoint_bytes"], bytes);
    assert!(shown["bytes"].as_u64() >= Some(bytes));
    let parts = ["database", "uploads", "other"].map(|part| room[part].as_u64().unwrap());
    let list = |of: &str| -> u64 {
        let parts = room[of].as_array().unwrap().iter();
        parts.map(|part| part["bytes"].as_u64().unwrap()).sum()
    };
    assert_eq!(
        room["home"],
        parts.iter().sum::<u64>() + list("datasets") + list("runs")
    );

    // By rule: first shown, then deleted.
    let old = |query: &str| server.get(&format!("/api/v1/room/old?{query}")).1;
    assert_eq!(old("older_days=1")["runs"], json!([]));
    let beyond = old("beyond_best=1");
    assert_eq!(beyond["runs"].as_array().unwrap().len(), 2, "{beyond}");
    assert_eq!(beyond["bytes"].as_u64(), Some(2 * bytes), "{beyond}");
    assert_eq!(server.get("/api/v1/room/old?older_days=many").0, 400);
    let page = server.get("/room/checkpoints?older_days=&beyond_best=2").1;
    let page = page.as_str().unwrap();
    assert!(page.contains("Delete the checkpoints of 1 run?"), "{page}");
    assert!(files(&server, runs[2]) == FILES);

    // By hand.
    let path = format!("/api/v1/runs/{}/checkpoints", runs[1]);
    let (status, freed) = server.delete(&path);
    assert_eq!((status, &freed["freed_bytes"]), (200, &json!(bytes)));
    assert_eq!(server.get(&path).1["checkpoints"], json!([]));
    assert_eq!(server.get(&format!("{path}/best.safetensors")).0, 404);
    let history = server
        .get(&format!("/api/v1/runs/{}/history.json", runs[1]))
        .1;
    assert_eq!(history["epochs"].as_array().unwrap().len(), 3);
    assert_eq!(server.delete("/api/v1/runs/77/checkpoints").0, 404);
    let listed = server.get("/room?sort=ended").1;
    let listed = listed.as_str().unwrap();
    for said in [
        "0 bytes",
        "Old checkpoints",
        "Delete the chosen runs’ checkpoints",
        "free",
    ] {
        assert!(listed.contains(said), "{said}: {listed}");
    }
}

#[test]
fn a_run_that_goes_on_keeps_its_checkpoints_and_one_without_cannot_go_on() {
    let server = stocked(&[]);
    let run = server.launch(&logistic(100_000, "both"));
    server.wait_run(run, |run| run["epoch"].as_u64() >= Some(3));
    let path = format!("/api/v1/runs/{run}");
    let (status, problem) = server.delete(&format!("{path}/checkpoints"));
    assert_eq!(status, 409, "{problem}");
    assert_eq!(
        server.get("/api/v1/room/old?beyond_best=0").1["runs"],
        json!([])
    );
    server.post(&format!("{path}/cancel"), &json!({}));
    server.wait_run(run, |run| run["status"] == "cancelled");
    assert_eq!(server.delete(&format!("{path}/checkpoints")).0, 200);
    let (status, problem) = server.post(&format!("{path}/resume"), &json!({}));
    assert_eq!(status, 409);
    assert!(
        problem["detail"].as_str().unwrap().contains("were deleted"),
        "{problem}"
    );
}

#[test]
fn runs_pause_while_the_disk_is_full_and_go_on_when_there_is_room() {
    let mut server = stocked(&[]);
    let run = server.launch(&logistic(100_000, "both"));
    server.wait_run(run, |run| run["epoch"].as_u64() >= Some(3));
    // The worker trains on; the next server finds that less is free than is to be.
    server.kill();
    server.restart_with(&["--keep-free", "999999999999"]);
    let held = server.wait_run(run, |run| run["status"] == "queued");
    assert!(
        held["message"].as_str().unwrap().contains("disk is full"),
        "{held}"
    );
    assert_eq!(held["attempt"], 1);
    assert_eq!(server.worker(run), None);
    let waiting = server.launch(&logistic(2, "both"));
    let held = server.wait_run(waiting, |run| run["message"] != "");
    assert_eq!(held["status"], "queued");
    assert_eq!(server.upload("more", &tiny_archive()).0, 507);
    assert_eq!(server.get("/api/v1/room").1["room"], "full");
    for page in ["/", "/datasets", "/runs/new", "/nothing"] {
        let request = server.agent().get(format!("{}{page}", server.url()));
        let (_, text) = crate::common::read(request.header("accept", "text/html").call());
        let text = text.as_str().unwrap();
        assert!(
            text.contains("are kept free") && text.contains("/room"),
            "{page}: {text}"
        );
    }
    assert_eq!(
        server.get(&format!("/api/v1/runs/{waiting}")).1["status"],
        "queued"
    );

    server.terminate();
    server.restart_with(&[]);
    let before = server.get(&format!("/api/v1/runs/{run}")).1["epoch"].as_u64();
    let on = server.wait_run(run, |run| run["epoch"].as_u64() > before);
    assert_eq!(
        (&on["attempt"], &on["status"]),
        (&json!(2), &json!("running"))
    );
    assert!(
        !server
            .get("/")
            .1
            .as_str()
            .unwrap()
            .contains("are kept free")
    );
    server.post(&format!("/api/v1/runs/{run}/cancel"), &json!({}));
    server.wait_run(waiting, |run| run["status"] == "finished");
}
