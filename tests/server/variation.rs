//! Runs on variations of a dataset, over the API.

use crate::common::{Heard, TestServer, Watcher, read, tiny_archive};
use serde_json::json;

#[test]
fn a_fold_is_trained_shown_and_counted_like_any_run() {
    let server = TestServer::start();
    server.import("tiny", &tiny_archive());
    let run = server.launch(&json!({
        "dataset": "tiny", "model": {"preset": "logistic"}, "train": {"epochs": 2, "early_stopping": false},
        "variation": {"split": {"kind": "fold", "number": 1, "of": 2}, "training_share": 0.5}
    }));
    let heard: Vec<Heard> = Watcher::open(&server, run, 0, None).collect();
    let last = heard.iter().rfind(|h| h.kind == "epoch").unwrap();
    // 20 training and 8 validation images are one pool of 28; half of the training half is trained on.
    assert_eq!(last.data["train"]["n"], 8, "{}", last.data);
    assert_eq!(last.data["val"]["n"], 14);
    assert_eq!(last.data["test"]["n"], 8);
    let shown = server.get(&format!("/api/v1/runs/{run}")).1;
    assert_eq!(shown["spec"]["variation"]["split"]["of"], 2, "{shown}");

    let page = |path: String| {
        let mut answer = server
            .agent()
            .get(format!("{}{path}", server.url()))
            .call()
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer
            .body_mut()
            .read_to_string()
            .unwrap()
            .replace('\u{a0}', " ")
    };
    let told = page(format!("/runs/{run}/settings"));
    assert!(
        told.contains("fold 1 of 2 by classes is validation, 50 % of the training images, seed 1")
    );
    let images = page(format!("/runs/{run}/images?split=val&epoch=2"));
    assert!(images.contains("14 images"), "{images}");
}

#[test]
fn a_variation_that_the_dataset_does_not_allow_is_refused_by_its_field() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let request = server.agent().post(format!("{}/api/v1/runs", server.url()));
    let (status, problem) = read(request.send_json(json!({
        "dataset": "tiny",
        "variation": {"split": {"kind": "fold", "number": 1, "of": 20, "by_group": true}}
    })));
    assert_eq!(status, 422, "{problem}");
    assert_eq!(
        problem["errors"][0]["field"], "variation.split.by_group",
        "{problem}"
    );
}
