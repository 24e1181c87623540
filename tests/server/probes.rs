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

fn probes(run: u64) -> String {
    format!("/api/v1/runs/{run}/probes")
}

/// Waits until a chain has ended; gives it.
fn chain_over(server: &TestServer, run: u64) -> Value {
    server.wait(&probes(run), |now| !now["chain"]["end"].is_null())["chain"].clone()
}

fn seconds(diagnosis: &Value) -> f64 {
    let made = diagnosis["probes"].as_array().unwrap();
    made.iter()
        .map(|probe| probe["cost_s"].as_f64().unwrap())
        .sum()
}

#[test]
fn a_chain_makes_probe_after_probe_by_itself_until_no_other_would_tell_more() {
    let server = TestServer::start();
    let run = stuck(&server, 3);
    let (status, made) = server.post(&probes(run), &json!({"budget_s": 86_400}));
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        made["probe"]["id"],
        made["group"]["purpose"].as_str().unwrap()["probe ".len()..]
    );

    let chain = chain_over(&server, run);
    assert_eq!(chain["end"], "clear", "{chain}");
    let after = diagnosis(&server, run);
    let made = after["probes"].as_array().unwrap();
    assert!(made.len() > 1, "{after}");
    assert!(after["next_probe"].is_null(), "{after}");
    let spent = chain["spent_s"].as_f64().unwrap();
    assert!((spent - seconds(&after)).abs() < 1e-6, "{chain}");
    assert!(spent > 0.0);
}

#[test]
fn a_chain_stops_before_the_probe_that_costs_more_than_is_left() {
    let server = TestServer::start();
    // So long that the next probe, three times as long, costs more than the least budget.
    let run = stuck(&server, 6000);
    // As much as the first is reckoned to cost: any other costs more than that leaves.
    let budget = diagnosis(&server, run)["next_probe"]["cost_s"]
        .as_f64()
        .unwrap();
    let budget = budget.max(1.0);
    let (status, made) = server.post(&probes(run), &json!({"budget_s": budget}));
    assert_eq!(status, 201, "{made}");
    let chain = chain_over(&server, run);
    assert_eq!(chain["end"], "spent", "{chain}");
    let after = diagnosis(&server, run);
    assert_eq!(after["probes"].as_array().unwrap().len(), 1, "{after}");
    let left = budget - chain["spent_s"].as_f64().unwrap();
    assert!(after["next_probe"]["cost_s"].as_f64().unwrap() > left);
    // Another budget goes on from there, with nothing of it spent.
    let (status, made) = server.post(&probes(run), &json!({"budget_s": 86_400}));
    assert_eq!(status, 201, "{made}");
    let chain = &server.get(&probes(run)).1["chain"];
    assert_eq!(chain["budget_s"], 86_400.0, "{chain}");
    assert!(chain["end"].is_null(), "{chain}");
    assert_ne!(made["probe"]["id"], after["probes"][0]["id"]);
}

#[test]
fn a_chain_goes_on_after_its_server_was_killed() {
    let mut server = TestServer::start();
    let run = stuck(&server, 400);
    let (status, made) = server.post(&probes(run), &json!({"budget_s": 86_400}));
    assert_eq!(status, 201, "{made}");
    let probe = made["group"]["runs"][0]["id"].as_u64().unwrap();
    server.wait_run(probe, |run| run["status"] == "running");
    server.kill();
    server.restart();
    let chain = &server.get(&probes(run)).1["chain"];
    assert_eq!(chain["budget_s"], 86_400.0, "{chain}");
    let chain = server.wait(&probes(run), |now| {
        let going = &now["going"];
        !now["chain"]["end"].is_null() || (!going.is_null() && going["id"] != made["group"]["id"])
    });
    assert_ne!(chain["chain"]["end"], "cancelled", "{chain}");
    let after = diagnosis(&server, run);
    assert_eq!(after["probes"][0]["id"], made["probe"]["id"], "{after}");
    assert_ne!(after["probes"][0]["answer"], "unknown", "{after}");
}

#[test]
fn cancelling_its_probe_ends_a_chain_and_a_run_has_one_at_a_time() {
    let mut server = TestServer::start();
    let run = stuck(&server, 3);
    server.terminate();
    // Nothing is trained from here on.
    server.restart_with(&["--parallel", "0"]);
    let (_, made) = server.post(&probes(run), &json!({"budget_s": 600}));
    let group = made["group"]["id"].as_u64().unwrap();
    for another in [
        json!({"budget_s": 600}),
        json!({"probe": "cooler-training"}),
        json!({}),
    ] {
        let (status, problem) = server.post(&probes(run), &another);
        assert_eq!(status, 409, "{problem}");
        let said = problem["detail"].as_str().unwrap();
        assert!(said.contains("still goes on"), "{said}");
    }
    server.post(&format!("/api/v1/groups/{group}/cancel"), &json!({}));
    let now = server.get(&probes(run)).1;
    assert_eq!(now["chain"]["end"], "cancelled", "{now}");
    assert!(now["going"].is_null(), "{now}");
    assert!(!now["open"].as_array().unwrap().is_empty());
}

#[test]
fn a_budget_has_limits_and_names_no_probe() {
    let server = TestServer::start();
    let run = stuck(&server, 3);
    for wrong in [
        json!({"budget_s": 0.5}),
        json!({"budget_s": -1}),
        json!({"budget_s": 86_401}),
        json!({"budget_s": "ten minutes"}),
        json!({"budget_s": 60, "probe": "cooler-training"}),
    ] {
        let (status, problem) = server.post(&probes(run), &wrong);
        assert_eq!(status, 422, "{wrong}: {problem}");
        assert_eq!(problem["errors"][0]["field"], "budget_s", "{problem}");
    }
    assert!(server.get(&probes(run)).1["chain"].is_null());
}

#[test]
fn a_runs_page_says_what_a_probe_costs_before_it_is_asked_and_its_answer_after() {
    let server = TestServer::start();
    let run = stuck(&server, 3);
    let page = format!("/runs/{run}");
    let why = format!("{page}/why");
    let next = diagnosis(&server, run)["next_probe"].clone();
    let before = server.page(&why);
    for says in [
        next["question"].as_str().unwrap(),
        "It would separate",
        "Run this test, about",
        "id=\"find-cause\"",
        "Does longer training help?",
    ] {
        assert!(before.contains(says), "lacks {says}");
    }
    let post = |form: &str| {
        let request = server
            .agent()
            .post(format!("{}{page}/probes", server.url()));
        let form_type = "application/x-www-form-urlencoded";
        let answer = request.header("content-type", form_type).send(form);
        answer.unwrap()
    };
    let answer = post("probe=longer-training");
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], format!("{why}#probes"));
    server.wait(&probes(run), |now| now["going"].is_null());
    let after = server.page(&why);
    let answered = &diagnosis(&server, run)["probes"][0];
    let told = answered["result"].as_str().unwrap();
    let told = told.split(['(', '\'']).next().unwrap();
    assert!(after.contains(told), "lacks {told}");
    let probe = server.get("/api/v1/runs?limit=1").1["runs"][0]["id"].clone();
    assert!(after.contains(&format!("/compare?runs={run},{probe}")));
    // The curve of the longer training beside the run's own, here, on the report, in its file and with the group.
    let group = server.get(&format!("/api/v1/runs/{probe}")).1["group"].clone();
    let drawn = format!("aria-label=\"Training accuracy by epoch. run {run}: ");
    for path in [
        why.clone(),
        format!("{page}/report"),
        format!("{page}/report.html"),
        format!("/groups/{group}"),
    ] {
        let text = server.page(&path);
        let at = text
            .find(&drawn)
            .unwrap_or_else(|| panic!("{path}: {text}"));
        let says = text[at + drawn.len()..].split('"').next().unwrap();
        assert!(says.contains("after epoch 3; longer training: "), "{says}");
        assert!(says.ends_with("after epoch 9."), "{says}");
    }
    // The probe's own page leads back.
    let probe = server.page(&format!("/runs/{probe}/why"));
    assert!(probe.contains("This run is itself a probe"));
    assert!(probe.contains(&format!("<a href=\"/runs/{run}/why#probes\">")));
    assert_eq!(post("minutes=many").status(), 422);
    assert_eq!(post("minutes=0").status(), 422);
}
