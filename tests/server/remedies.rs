//! Remedies over the API and on the report: ordinary runs in a group under the run that they are to help.

use crate::common::{TestServer, Watcher, many_archive, permuted_archive, read, tiny_archive};
use serde_json::{Value, json};

/// A run that learns nothing, because its steps are too small, and is over.
fn stuck(server: &TestServer, archive: &[u8], epochs: u32) -> u64 {
    server.import("grays", archive);
    let run = server.launch(&json!({
        "dataset": "grays", "name": "stuck", "model": {"preset": "logistic"},
        "train": {"epochs": epochs, "early_stopping": false, "optimizer": {"kind": "sgd", "lr": 1e-12}}
    }));
    Watcher::open(server, run, 0, None).for_each(drop);
    run
}

fn diagnosis(server: &TestServer, run: u64) -> Value {
    server.get(&format!("/api/v1/runs/{run}/diagnosis")).1
}

/// Waits until every run of a group is over.
fn finish(server: &TestServer, group: &Value) {
    let path = format!("/api/v1/groups/{}", group["id"]);
    server.wait(&path, |group| group["over"] == group["run_count"]);
}

#[test]
fn what_a_remedy_does_is_in_the_diagnosis_and_on_the_report_once_its_runs_are_over() {
    let server = TestServer::start();
    let run = stuck(&server, &many_archive(), 12);
    let report = format!("/runs/{run}/report");
    for page in [&report, &format!("/runs/{run}/why")] {
        assert!(server.page(page).contains("id=\"try-remedies\""), "{page}");
    }

    let path = format!("/api/v1/runs/{run}/remedies");
    let wanted = json!({"remedies": ["default-learning-rate", "label-smoothing"], "seeds": 2});
    let (status, group) = server.post(&path, &wanted);
    assert_eq!(status, 201, "{group}");
    assert_eq!(
        (&group["purpose"], &group["parent"]),
        (&json!("remedies"), &json!(run))
    );
    // Two remedies with two seeds, and the run itself with the second.
    let runs = group["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 5, "{group}");
    let of = |remedy: &str| -> Vec<u64> {
        let field = format!("remedy.{remedy}");
        let tries = runs.iter().filter(|of| of["settings"][&field] == 1);
        tries.map(|of| of["id"].as_u64().unwrap()).collect()
    };
    finish(&server, &group);

    let after = diagnosis(&server, run);
    let tried = after["remedies_tried"].as_array().unwrap();
    let ids: Vec<&str> = tried.iter().map(|t| t["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["default-learning-rate", "label-smoothing"], "{after}");
    let (rate, smoothing) = (&tried[0], &tried[1]);
    assert_eq!(
        (&rate["effect"], &rate["winner"]),
        (&json!("helps"), &json!(true)),
        "{rate}"
    );
    assert_eq!(rate["after"]["correct"], 40, "{rate}");
    assert_eq!(
        (&rate["paired"], &rate["over_seeds"]["seeds"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(rate["runs"], json!(of("default-learning-rate")));
    assert!(rate["p_holm"].as_f64() < Some(0.001) && rate["cost_s"].as_f64() > Some(0.0));
    assert_eq!(smoothing["effect"], "unseen", "{smoothing}");
    let said = smoothing["result"].as_str().unwrap();
    assert!(said.contains("points cannot be seen"), "{said}");

    let page = server.page(&report);
    let winner = &of("default-learning-rate")[0];
    assert!(
        page.contains("What helped most") && page.contains(&format!("/runs/new?from={winner}"))
    );
    assert!(page.contains("class=\"effect\"") && page.contains(said));
    let file = server.page(&format!("{report}.html"));
    assert!(file.contains("What helped most") && !file.contains("<form"));
    // The winner fills the form of a new run.
    let form = server.page(&format!("/runs/new?from={winner}"));
    assert!(form.contains("value=\"0.01\""), "{form}");
}

#[test]
fn permuted_labels_of_validation_are_put_right_by_the_map_that_the_confusion_matrix_shows() {
    let server = TestServer::start();
    server.import("swapped", &permuted_archive());
    let run = server.launch(&json!({
        "dataset": "swapped", "model": {"preset": "logistic"},
        "train": {"epochs": 12, "early_stopping": false, "optimizer": {"kind": "sgd", "lr": 0.01}}
    }));
    Watcher::open(&server, run, 0, None).for_each(drop);
    // The audit finds copies among images that are as plain as these, and may be done by now: then that cause comes first.
    let told = diagnosis(&server, run);
    let mut causes = told["causes"].as_array().unwrap().iter();
    assert!(
        causes.any(|cause| cause["id"] == "label-map-mismatch"),
        "{told}"
    );
    let path = format!("/api/v1/runs/{run}/remedies");
    let (status, group) = server.post(&path, &json!({"remedies": ["one-class-map"]}));
    assert_eq!(status, 201, "{group}");
    finish(&server, &group);
    let tried = &diagnosis(&server, run)["remedies_tried"][0];
    assert_eq!(
        (&tried["effect"], &tried["paired"]),
        (&json!("helps"), &json!(true)),
        "{tried}"
    );
    assert_eq!(
        (&tried["before"]["correct"], &tried["after"]["correct"]),
        (&json!(0), &json!(32))
    );
}

#[test]
fn without_names_those_that_come_first_are_tried_and_one_group_at_a_time() {
    let server = TestServer::start();
    let run = stuck(&server, &tiny_archive(), 60);
    let path = format!("/api/v1/runs/{run}/remedies");
    let (status, group) = server.post(&path, &json!({}));
    assert_eq!(status, 201, "{group}");
    let settings = &group["runs"];
    let tries = |id: &str| {
        let field = format!("remedy.{id}");
        settings
            .as_array()
            .unwrap()
            .iter()
            .any(|of| of["settings"][&field] == 1)
    };
    assert!(
        tries("default-learning-rate") && tries("longer-training"),
        "{group}"
    );
    let (status, problem) = server.post(&path, &json!({}));
    assert_eq!(status, 409, "{problem}");
    let said = problem["detail"].as_str().unwrap();
    assert!(
        said.contains(&format!("group {} still goes on", group["id"])),
        "{said}"
    );
    server.post(
        &format!("/api/v1/groups/{}/cancel", group["id"]),
        &json!({}),
    );
    finish(&server, &group);
    // What was cancelled tells nothing.
    let tried = &diagnosis(&server, run)["remedies_tried"];
    assert!(
        tried
            .as_array()
            .unwrap()
            .iter()
            .any(|t| t["effect"] == "unknown"),
        "{tried}"
    );
}

#[test]
fn two_remedies_joined_by_a_plus_are_one_run_with_both() {
    let server = TestServer::start();
    let run = stuck(&server, &tiny_archive(), 5);
    let id = "default-learning-rate+label-smoothing";
    let path = format!("/api/v1/runs/{run}/remedies");
    let (status, group) = server.post(&path, &json!({"remedies": [id, "label-smoothing"]}));
    assert_eq!(status, 201, "{group}");
    let runs = group["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{group}");
    let both = runs.iter().find(|of| {
        let settings = of["settings"].as_object().unwrap();
        settings.contains_key(&format!("remedy.{id}"))
    });
    let both = &both.unwrap()["id"];
    let spec = server.get(&format!("/api/v1/runs/{both}")).1["spec"].clone();
    assert_eq!(spec["train"]["optimizer"]["lr"], 0.01, "{spec}");
    assert!(spec["train"]["label_smoothing"].as_f64() > Some(0.0));
    finish(&server, &group);
    let tried = &diagnosis(&server, run)["remedies_tried"];
    assert_eq!(
        (&tried[0]["id"], &tried[0]["runs"]),
        (&json!(id), &json!([both])),
        "{tried}"
    );
    let said = tried[0]["words"].as_str().unwrap();
    assert!(said.contains("learning rate") && said.contains("; and label smoothing"));
}

#[test]
fn the_form_of_the_report_tries_what_is_ticked() {
    let server = TestServer::start();
    let run = stuck(&server, &tiny_archive(), 2);
    let post = |fields: &[(&str, &str)]| {
        let request = server
            .agent()
            .post(format!("{}/runs/{run}/remedies", server.url()));
        request.send_form(fields.iter().copied()).unwrap()
    };
    assert_eq!(post(&[("seeds", "1")]).status(), 422);
    let answer = post(&[("remedy", "augment"), ("remedy", "mixup"), ("seeds", "1")]);
    let group = answer.headers()["location"].to_str().unwrap().to_owned();
    let group = server.get(&format!("/api/v1{group}")).1;
    assert_eq!(group["run_count"], 2, "{group}");
    finish(&server, &group);
    let tried = &diagnosis(&server, run)["remedies_tried"];
    assert_eq!(
        (&tried[0]["id"], &tried[1]["id"]),
        (&json!("augment"), &json!("mixup"))
    );
}

#[test]
fn what_cannot_be_tried_says_why() {
    let server = TestServer::start();
    let run = stuck(&server, &tiny_archive(), 1);
    let path = format!("/api/v1/runs/{run}/remedies");
    for (wanted, expected, says) in [
        (json!({"remedies": ["prayer"]}), 422, "'prayer'"),
        (json!({"remedies": ["augment+augment"]}), 422, "joined by +"),
        (json!({"seeds": 0}), 422, "from 1 to 5"),
        (json!({"seeds": 6}), 422, "from 1 to 5"),
        (json!({"seed": 1}), 422, "seed"),
        (json!({"remedies": vec!["augment"; 21]}), 422, "at most 20"),
        (
            json!({"remedies": ["more-data"]}),
            409,
            "collect more images",
        ),
        (json!({"remedies": ["group-norm"]}), 409, "group-norm"),
    ] {
        let (status, problem) = server.post(&path, &wanted);
        assert_eq!(status, expected, "{wanted}: {problem}");
        let said = problem["detail"].as_str().unwrap();
        assert!(said.contains(says), "{said}");
    }
    assert_eq!(server.post("/api/v1/runs/999/remedies", &json!({})).0, 404);
    let request = server.agent().post(format!("{}/api/v1/runs", server.url()));
    let (_, external) = read(request.send_json(json!({"external": true, "train": {"epochs": 3}})));
    let id = &external["id"];
    let (status, problem) = server.post(&format!("/api/v1/runs/{id}/remedies"), &json!({}));
    assert_eq!(status, 409, "{problem}");
}
