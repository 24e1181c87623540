//! Range tests of the learning rate: asked for, followed, given up, and the way back to the form.

use crate::common::{TestServer, tiny_archive};
use serde_json::{Value, json};
use std::fs;

const TEST: &str = "/api/v1/datasets/tiny/rate-test";

fn spec(lr: f64) -> Value {
    json!({
        "model": {"layers": [{"flatten": {}}, {"linear": {"out": 16}}, {"relu": {}}, {"name": "out", "linear": {}}]},
        "input": {"height": 16, "width": 16, "channels": 1},
        "train": {"batch_size": 8, "optimizer": {"kind": "sgd", "lr": lr}},
    })
}

#[test]
fn a_range_test_proposes_a_rate_shows_its_curve_and_fills_the_form() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let mut documents = Vec::new();
    for _ in 0..2 {
        let (status, asked) = server.post(TEST, &spec(0.5));
        assert_eq!(status, 202, "{asked}");
        let done = server.wait(TEST, |test| {
            test["state"] == "done" || test["state"] == "failed"
        });
        assert_eq!(done["state"], "done", "{done}");
        documents.push(done["document"].clone());
    }
    assert_eq!(
        documents[0], documents[1],
        "the same settings, the same figures"
    );
    let test = &documents[0]["test"];
    let points = test["points"].as_array().unwrap();
    assert!((20..=100).contains(&points.len()), "{test}");
    assert!(points[0]["lr"].as_f64().unwrap() < 1.1e-7);
    let proposed = test["proposed"].as_f64().unwrap();
    assert!((1e-5..=1.0).contains(&proposed), "{test}");
    assert_eq!(documents[0]["spec"]["train"]["optimizer"]["lr"], 0.5);

    let text = server.page("/datasets/tiny/rate-test");
    for part in [
        "<svg",
        "Fill the form with",
        "learning rate",
        "The dashed line",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let link = text.split("id=\"take\" href=\"").nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    let form = server.page(&link.replace("&amp;", "&"));
    let field = form.split("name=\"lr\" value=\"").nth(1).unwrap();
    let typed: f64 = field.split('"').next().unwrap().parse().unwrap();
    assert_eq!(typed, proposed);
    assert!(form.contains("name=\"batch_size\" value=\"8\""));
}

#[test]
fn settings_that_do_not_fit_are_refused_by_their_field_and_a_second_test_waits() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    let mut wrong = spec(0.1);
    wrong["train"]["batch_size"] = json!(0);
    let (status, answer) = server.post(TEST, &wrong);
    assert_eq!(
        (status, &answer["errors"][0]["field"]),
        (422, &json!("train.batch_size"))
    );
    let mut slow = spec(0.1);
    slow["train"]["batch_size"] = json!(32);
    slow["input"] = json!({"height": 128, "width": 128});
    slow["model"] = json!({"preset": "cnn-gap"});
    assert_eq!(server.post(TEST, &slow).0, 202);
    let (status, answer) = server.post(TEST, &spec(0.1));
    assert_eq!(status, 409, "{answer}");
    server.wait(TEST, |test| test["state"] == "running");
    let (status, answer) = server.post(&format!("{TEST}/cancel"), &json!({}));
    assert_eq!((status, &answer["state"]), (200, &json!("cancelled")));
    assert!(
        server
            .page("/datasets/tiny/rate-test")
            .contains("was cancelled")
    );
    // Its process is gone: the next has its turn.
    assert_eq!(server.post(TEST, &spec(0.1)).0, 202);
    server.wait(TEST, |test| test["state"] == "done");
    let left = fs::read_dir("/proc").unwrap().flatten().filter(|process| {
        let line = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        line.contains("lr-range") && line.contains(&*server.home().to_string_lossy())
    });
    assert_eq!(left.count(), 0);
}
