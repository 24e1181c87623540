//! Groups: a spec with lists becomes several runs, which are followed, cancelled and deleted as one.

use crate::common::{TestServer, tiny_archive};
use serde_json::{Value, json};

fn stocked(arguments: &[&str]) -> TestServer {
    let server = TestServer::with(arguments);
    let dataset = server.import("tiny", &tiny_archive());
    assert_eq!(dataset["state"], "ready", "{dataset}");
    server
}

fn logistic(train: Value) -> Value {
    json!({"dataset": "tiny", "model": {"preset": "logistic"}, "train": train})
}

/// A group that a spec made.
fn made(server: &TestServer, spec: &Value) -> (String, Value) {
    let (status, group) = server.post("/api/v1/runs", spec);
    assert_eq!(status, 201, "{group}");
    (format!("/api/v1/groups/{}", group["id"]), group)
}

fn statuses(group: &Value) -> Vec<&str> {
    let runs = group["runs"].as_array().unwrap();
    runs.iter()
        .map(|run| run["status"].as_str().unwrap())
        .collect()
}

#[test]
fn lists_in_a_spec_make_a_group_of_runs_that_differ_in_them() {
    let server = stocked(&["--parallel", "0"]);
    let spec = logistic(
        json!({"seed": "1..3", "optimizer": {"kind": "adam", "lr": [0.01, 0.001]}, "epochs": 2}),
    );
    let (path, group) = made(&server, &spec);
    assert_eq!(group["run_count"], 6);
    assert_eq!(group["name"], "Sweep of lr and seed");
    let axis = |field: &str, values: Value| json!({"field": field, "values": values});
    assert_eq!(
        group["axes"],
        json!([
            axis("train.optimizer.lr", json!([0.01, 0.001])),
            axis("train.seed", json!([1, 2, 3]))
        ])
    );
    assert_eq!(server.get(&path).1, group);
    let second = &group["runs"][1];
    assert_eq!(second["name"], "lr 0.01, seed 2");
    assert_eq!(
        second["settings"],
        json!({"train.optimizer.lr": 0.01, "train.seed": 2})
    );
    let run = server.get(&format!("/api/v1/runs/{}", second["id"])).1;
    assert_eq!(run["group"], group["id"]);
    assert_eq!(run["spec"]["train"]["seed"], 2);
    assert_eq!(run["spec"]["train"]["optimizer"]["lr"], 0.01);
    let of_group = server.get(&format!("/api/v1/runs?group={}", group["id"])).1;
    assert_eq!(of_group["runs"].as_array().unwrap().len(), 6);
    assert_eq!(
        server.get("/api/v1/groups").1["groups"][0]["id"],
        group["id"]
    );

    // A list of one is a setting, and a run is a run.
    let (status, run) = server.post("/api/v1/runs", &logistic(json!({"seed": [4]})));
    assert_eq!(status, 201);
    assert_eq!(
        (&run["spec"]["train"]["seed"], &run["group"]),
        (&json!(4), &Value::Null)
    );
}

#[test]
fn a_sweep_with_one_wrong_run_or_too_many_makes_none() {
    let server = stocked(&["--parallel", "0"]);
    for (train, field) in [
        (json!({"batch_size": [8, 0]}), "train.batch_size"),
        (json!({"seed": "1..15", "epochs": "1..15"}), "train.seed"),
        (json!({"seed": "1..999999999"}), "train.seed"),
        (
            json!({"optimizer": {"lr": "0.1..0.2"}}),
            "train.optimizer.lr",
        ),
        (json!({"seed": [1, "two"]}), "train.seed"),
    ] {
        let (status, problem) = server.post("/api/v1/runs", &logistic(train));
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let (status, problem) = server.post(
        "/api/v1/runs",
        &json!({"external": true, "train": {"seed": [1, 2]}}),
    );
    assert_eq!(status, 422, "{problem}");
    assert_eq!(server.get("/api/v1/runs").1["runs"], json!([]));
    assert_eq!(server.get("/api/v1/groups").1["groups"], json!([]));
    assert_eq!(server.get("/api/v1/groups/1").0, 404);
    assert_eq!(server.get("/api/v1/groups/nonsense").0, 404);
}

#[test]
fn a_group_trains_to_its_table_with_means_over_the_seeds() {
    let server = stocked(&[]);
    let spec = logistic(json!({"seed": "1..2", "batch_size": "5, 20", "epochs": 3}));
    let (path, _) = made(&server, &spec);
    let group = server.wait(&path, |group| group["over"] == 4);
    assert_eq!(statuses(&group), ["finished"; 4], "{group}");
    assert_eq!(
        (&group["epochs_done"], &group["epochs"]),
        (&json!(12), &json!(12))
    );
    assert_eq!(group["left_s"], Value::Null);
    let runs = group["runs"].as_array().unwrap();
    let val: Vec<f64> = runs
        .iter()
        .map(|run| run["latest"]["val"]["accuracy"].as_f64().unwrap())
        .collect();
    assert!(val.is_sorted_by(|a, b| a >= b), "{val:?}");
    assert!(runs.iter().all(|run| run["verdict"].is_string()), "{group}");
    assert!(
        runs.iter().all(|run| run["best_record"]["val"].is_object()),
        "{group}"
    );
    let means = group["over_seeds"].as_array().unwrap();
    assert_eq!(means.len(), 2, "{group}");
    for of in means {
        assert_eq!(of["seeds"], 2);
        let size = &of["settings"]["train.batch_size"];
        let of_size: Vec<f64> = runs
            .iter()
            .filter(|run| run["settings"]["train.batch_size"] == *size)
            .map(|run| run["latest"]["val"]["accuracy"].as_f64().unwrap())
            .collect();
        let mean = of["val"]["mean"].as_f64().unwrap();
        assert!(
            (mean - of_size.iter().sum::<f64>() / 2.0).abs() < 1e-12,
            "{group}"
        );
        let (low, high) = (&of["val"]["low"], &of["val"]["high"]);
        assert!(low.as_f64().unwrap() <= mean && mean <= high.as_f64().unwrap());
    }
    let page = server.get(path.strip_prefix("/api/v1").unwrap()).1;
    let page = page.as_str().unwrap();
    for said in [
        "Over the seeds",
        "batch_size 20",
        "4 finished",
        "Best validation",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[test]
fn a_group_is_cancelled_whole_and_deleted_when_it_is_over() {
    let server = stocked(&[]);
    let (path, group) = made(
        &server,
        &logistic(json!({"seed": "1..3", "epochs": 100_000})),
    );
    let first = group["runs"][0]["id"].as_u64().unwrap();
    server.wait_run(first, |run| run["epoch"].as_u64() >= Some(1));
    let going = server.get(&path).1;
    assert!(going["left_s"].as_f64().unwrap() > 0.0, "{going}");
    assert_eq!(server.delete(&path).0, 409);
    let (status, _) = server.post(&format!("{path}/cancel"), &json!({}));
    assert_eq!(status, 200);
    let group = server.wait(&path, |group| group["over"] == 3);
    assert_eq!(statuses(&group), ["cancelled"; 3]);
    assert_eq!(server.post(&format!("{path}/cancel"), &json!({})).0, 409);

    let ask = server.get(&format!("{}/delete", path.strip_prefix("/api/v1").unwrap()));
    assert!(
        ask.1.as_str().unwrap().contains("Delete for good"),
        "{ask:?}"
    );
    assert_eq!(server.delete(&path).0, 204);
    assert_eq!(server.get(&path).0, 404);
    assert_eq!(server.get("/api/v1/runs").1["runs"], json!([]));
    assert!(!server.run_folder(first).exists());
}

#[test]
fn a_group_goes_with_its_last_run() {
    let server = stocked(&["--parallel", "0"]);
    let (path, group) = made(&server, &logistic(json!({"seed": [1, 2]})));
    server.post(&format!("{path}/cancel"), &json!({}));
    for (run, then) in group["runs"].as_array().unwrap().iter().zip([200, 404]) {
        assert_eq!(server.delete(&format!("/api/v1/runs/{}", run["id"])).0, 204);
        assert_eq!(server.get(&path).0, then);
    }
}
