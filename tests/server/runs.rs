//! Runs over the API: specs that are refused, lists, changes.

use crate::common::{TestServer, tiny_archive};
use crate::producer::{epoch, external, report};
use serde_json::{Value, json};

#[test]
fn a_wrong_spec_is_refused_with_its_fields() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    for (spec, field) in [
        (
            json!({"dataset": "tiny", "train": {"batch_size": 0}}),
            "train.batch_size",
        ),
        (
            json!({"dataset": "tiny", "train": {"epochs": 1_000_000_000}}),
            "train.epochs",
        ),
        (
            json!({"dataset": "tiny", "train": {"optimizer": {"kind": "adam", "lr": null}}}),
            "train.optimizer",
        ),
        (
            json!({"dataset": "tiny", "train": {"epochz": 3}}),
            "train.epochz",
        ),
        (json!({"dataset": "tiny", "colour": "blue"}), "colour"),
        (
            json!({"dataset": "tiny", "model": {"preset": "nonsense"}}),
            "model",
        ),
        (
            json!({"dataset": "tiny", "model": {"layers": [{"flatten": {}}, {"linear": {"out": 5}}]}}),
            "model.layers[1]",
        ),
        (json!({"dataset": "nowhere"}), "dataset"),
        (json!({}), "dataset"),
        (json!([]), ""),
    ] {
        let (status, problem) = server.post("/api/v1/runs", &spec);
        assert_eq!(status, 422, "{spec}: {problem}");
        let fields: Vec<&Value> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| &e["field"])
            .collect();
        assert!(fields.contains(&&json!(field)), "{spec}: {problem}");
        assert_eq!(problem["status"], 422);
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let request = server.agent().post(format!("{}/api/v1/runs", server.url()));
    let (status, problem) = crate::common::read(request.send(&deep));
    assert_eq!(status, 422, "{problem}");
    let request = server.agent().post(format!("{}/api/v1/runs", server.url()));
    assert_eq!(
        crate::common::read(
            request.send("{\"train\": {\"optimizer\": {\"kind\": \"adam\", \"lr\": NaN}}}")
        )
        .0,
        422
    );
    assert_eq!(server.get("/api/v1/runs").1["runs"], json!([]));
}

#[test]
fn what_is_left_out_comes_from_preset_and_dataset() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let run = server
        .launch(&json!({"dataset": "tiny", "model": {"preset": "cnn-gap"}, "train": {"seed": 7}}));
    let shown = server.get(&format!("/api/v1/runs/{run}")).1;
    assert_eq!(shown["status"], "queued");
    assert_eq!(shown["spec"]["input"]["height"], 12);
    assert_eq!(shown["spec"]["input"]["width"], 16);
    assert_eq!(shown["spec"]["train"]["optimizer"]["kind"], "adam");
    assert_eq!(shown["spec"]["train"]["seed"], 7);
    assert_eq!(shown["classes"], json!(["bright", "dark"]));

    // The same again, one setting changed.
    let (status, copy) = server.post(
        &format!("/api/v1/runs/{run}/clone"),
        &json!({"train": {"epochs": 4}}),
    );
    assert_eq!(status, 201, "{copy}");
    assert_eq!(copy["spec"]["train"]["epochs"], 4);
    assert_eq!(copy["spec"]["train"]["seed"], 7);
}

#[test]
fn runs_are_filtered_sorted_and_paged() {
    let server = TestServer::start();
    let names = ["alpha", "beta", "gamma one", "gamma two"];
    for (position, name) in names.iter().enumerate() {
        let tags = if position % 2 == 0 {
            json!(["even"])
        } else {
            json!([])
        };
        let spec = json!({"external": true, "name": name, "tags": tags, "notes": "a note"});
        server.launch(&spec);
    }
    let (run, token) = external(&server);
    report(&server, run, &token, &[epoch(1)]);
    let listed = |query: &str| -> Vec<String> {
        let (status, page) = server.get(&format!("/api/v1/runs?{query}"));
        assert_eq!(status, 200, "{page}");
        let runs = page["runs"].as_array().unwrap();
        runs.iter()
            .map(|run| run["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(listed("tag=even"), ["gamma one", "alpha"]);
    assert_eq!(listed("text=GAMMA+note"), ["gamma two", "gamma one"]);
    assert_eq!(listed("status=running"), ["a script of mine"]);
    assert_eq!(
        listed("sort=name&order=asc&limit=2"),
        ["a script of mine", "alpha"]
    );
    assert_eq!(listed("sort=val_accuracy&limit=1"), ["a script of mine"]);
    // Page by page, each run once.
    let (mut seen, mut query) = (Vec::new(), "sort=gap&limit=2".to_owned());
    loop {
        let page = server.get(&format!("/api/v1/runs?{query}")).1;
        let runs = page["runs"].as_array().unwrap();
        seen.extend(runs.iter().map(|run| run["id"].as_u64().unwrap()));
        match page["next"].as_u64() {
            Some(next) => query = format!("sort=gap&limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    assert_eq!(server.get("/api/v1/runs?status=asleep").0, 400);
    assert_eq!(server.get("/api/v1/runs?colour=blue").0, 400);
}

#[test]
fn a_run_is_renamed_and_deleted() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let path = format!("/api/v1/runs/{run}");
    let patch = |body: &Value| {
        let request = server.agent().patch(format!("{}{path}", server.url()));
        crate::common::read(request.send_json(body))
    };
    let (status, shown) = patch(&json!({"name": "better", "tags": ["b", "a"]}));
    assert_eq!(status, 200, "{shown}");
    assert_eq!(
        (&shown["name"], &shown["tags"]),
        (&json!("better"), &json!(["a", "b"]))
    );
    assert_eq!(shown["spec"]["name"], "better");
    assert_eq!(patch(&json!({"name": "x".repeat(300)})).0, 422);
    assert_eq!(patch(&json!({"status": "finished"})).0, 422);

    report(&server, run, &token, &[epoch(1)]);
    assert_eq!(server.delete(&path).0, 204);
    for gone in [
        path.clone(),
        format!("{path}/history.csv"),
        format!("{path}/events"),
        format!("{path}/diagnosis"),
    ] {
        assert_eq!(server.get(&gone).0, 404, "{gone}");
    }
}

#[test]
fn what_is_not_there_is_told_as_a_problem() {
    let server = TestServer::start();
    for path in [
        "/api/v1/runs/77",
        "/api/v1/runs/0",
        "/api/v1/runs/nonsense",
        "/api/v1/runs/99999999999999999999",
        "/api/v1/datasets/nowhere",
        "/api/v1/datasets/..%2F..",
        "/api/v1/nonsense",
    ] {
        let (status, problem) = server.get(path);
        assert_eq!(status, 404, "{path}: {problem}");
        assert_eq!(problem["title"], "Not Found", "{path}");
    }
    assert_eq!(server.delete("/api/v1/runs").0, 405);
}

#[test]
fn a_model_is_checked_layer_by_layer() {
    let server = TestServer::with(&["--parallel", "0"]);
    let spec = json!({"model": {"preset": "cnn-bilstm"}, "input": {"height": 128, "width": 256, "channels": 3}, "classes": 9});
    let (status, plan) = server.post("/api/v1/models/check", &spec);
    assert_eq!(status, 200, "{plan}");
    assert_eq!(plan["parameters"], 4_278_339);
    assert!(plan["layers"].as_array().unwrap().len() > 10);
    let lstm = plan["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["id"] == "recurrence-over-one-step")
        .unwrap();
    let at = lstm["layer"].as_u64().unwrap() as usize;
    assert_eq!(plan["layers"][at]["kind"], "lstm");
    assert!(lstm["remedy"].as_str().unwrap().contains("crnn"));

    let layers = json!([{"conv2d": {"out": 8, "kernel": 31}}, {"flatten": {}}, {"linear": {}}]);
    let spec =
        json!({"model": {"layers": layers}, "input": {"height": 16, "width": 16}, "classes": 3});
    let (status, problem) = server.post("/api/v1/models/check", &spec);
    assert_eq!(status, 422);
    assert_eq!(problem["errors"][0]["field"], "model.layers[0]");
    assert_eq!(server.post("/api/v1/models/check", &json!({})).0, 422);

    let mut spec = json!({"model": {"preset": "resnet-small"}, "classes": 3});
    let (_, plan) = server.post("/api/v1/models/check", &spec);
    let block = &plan["layers"][6];
    assert_eq!(block["kind"], "residual", "{plan}");
    assert_eq!(block["body"][3]["name"], "stage2.body.conv2");
    assert_eq!(block["shortcut"][0]["output"], block["output"]);
    let wide = json!([{"conv2d": {"out": 8, "kernel": 1}}]);
    spec["model"] =
        json!({"layers": [{"residual": {"layers": wide}}, {"flatten": {}}, {"linear": {}}]});
    let (status, problem) = server.post("/api/v1/models/check", &spec);
    assert_eq!(status, 422);
    assert_eq!(problem["errors"][0]["field"], "model.layers[0]");
    let message = problem["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("shortcut = [ { conv2d = { out = 8"),
        "{message}"
    );
    spec["model"]["layers"][0]["residual"]["layers"] = json!([{"conv2d": {"out": 8}}]);
    let (_, problem) = server.post("/api/v1/models/check", &spec);
    let field = problem["errors"][0]["field"].as_str().unwrap();
    assert!(field.contains("residual"), "{problem}");
    assert_eq!(
        server
            .post("/api/v1/models/check", &json!({"classes": 0}))
            .0,
        422
    );
}
