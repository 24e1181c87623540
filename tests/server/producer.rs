//! The producer protocol: tokens, attempts, and each epoch once.

use crate::common::{TestServer, Watcher};
use serde_json::{Value, json};

/// An external run with its producer's token.
pub fn external(server: &TestServer) -> (u64, String) {
    let (status, run) = server.post(
        "/api/v1/runs",
        &json!({"external": true, "name": "a script of mine", "train": {"epochs": 100}}),
    );
    assert_eq!(status, 201, "{run}");
    let token = run["token"].as_str().unwrap().to_owned();
    (run["id"].as_u64().unwrap(), token)
}

pub fn epoch(number: u32) -> Value {
    let metrics = |correct: u32, n: u32| json!({"loss": 1.5, "correct": correct, "n": n, "accuracy": f64::from(correct) / f64::from(n)});
    json!({"kind": "epoch", "data": {
        "epoch": number, "lr": 0.01, "seconds": 2.5,
        "train": metrics(600, 630), "val": metrics(17, 90), "test": metrics(19, 90),
        "running": {"loss": null, "accuracy": 0.5},
        "confusion": [["val", [[0, 0, 10], [0, 1, 7]]]],
        "images": [["val", {"prediction": [0, 1], "confidence": [0.5, 0.75], "loss": [0.25, 2.0]}]],
    }})
}

pub fn report(server: &TestServer, run: u64, token: &str, events: &[Value]) -> (u16, Value) {
    let body = json!({"attempt": 1, "events": events});
    server.produce(&format!("/api/v1/runs/{run}/events"), token, &body)
}

#[test]
fn a_script_of_ones_own_reports_a_run() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let (status, answer) = report(&server, run, &token, &[epoch(1), epoch(2)]);
    assert_eq!((status, &answer["wish"]), (200, &json!("continue")));
    let shown = server.get(&format!("/api/v1/runs/{run}")).1;
    assert_eq!(shown["status"], "running");
    assert_eq!(shown["epoch"], 2);
    assert_eq!(shown["latest"]["val"]["correct"], 17);
    // A loss that is not a number is null, and comes back as null.
    assert_eq!(
        shown["latest"]["running"],
        json!({"loss": null, "accuracy": 0.5})
    );

    let of_epoch =
        |what: &str| server.get(&format!("/api/v1/runs/{run}/epochs/2/{what}?split=val"));
    assert_eq!(of_epoch("confusion").1, json!([[0, 0, 10], [0, 1, 7]]));
    assert_eq!(
        of_epoch("images").1,
        json!({"prediction": [0, 1], "confidence": [0.5, 0.75], "loss": [0.25, 2.0]})
    );
    assert_eq!(
        server
            .get(&format!("/api/v1/runs/{run}/epochs/3/confusion"))
            .0,
        404
    );

    let end = json!({"kind": "end", "data": {"status": "finished", "message": "all epochs"}});
    assert_eq!(
        report(&server, run, &token, std::slice::from_ref(&end)).0,
        200
    );
    // Said twice, as by a script whose first call's answer was lost.
    assert_eq!(report(&server, run, &token, &[end]).0, 200);
    assert_eq!(report(&server, run, &token, &[epoch(3)]).0, 409);
    let shown = server.get(&format!("/api/v1/runs/{run}")).1;
    assert_eq!(shown["status"], "finished");
    assert!(shown["verdict"].is_string());
}

#[test]
fn a_repeated_epoch_changes_nothing() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    report(&server, run, &token, &[epoch(1)]);
    let before = server.get(&format!("/api/v1/runs/{run}/history.json")).1;
    let seq = server.get(&format!("/api/v1/runs/{run}")).1["last_seq"].clone();

    let mut other = epoch(1);
    other["data"]["val"]["correct"] = json!(90);
    assert_eq!(report(&server, run, &token, &[epoch(1), other]).0, 200);
    assert_eq!(
        server.get(&format!("/api/v1/runs/{run}/history.json")).1,
        before
    );
    assert_eq!(
        server.get(&format!("/api/v1/runs/{run}")).1["last_seq"],
        seq
    );
}

#[test]
fn only_the_runs_token_reports_and_only_its_attempt() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let (other, others_token) = external(&server);
    let path = format!("/api/v1/runs/{run}/events");
    let body = json!({"attempt": 1, "events": [epoch(1)]});
    assert_eq!(server.post(&path, &body).0, 401);
    assert_eq!(server.produce(&path, &others_token, &body).0, 403);
    assert_eq!(server.produce(&path, "nonsense", &body).0, 403);
    for attempt in [0, 2] {
        let body = json!({"attempt": attempt, "events": [epoch(1)]});
        let (status, problem) = server.produce(&path, &token, &body);
        assert_eq!(status, 409);
        assert!(
            problem["detail"].as_str().unwrap().contains("attempt"),
            "{problem}"
        );
    }
    assert_eq!(server.get(&format!("/api/v1/runs/{run}")).1["epoch"], 0);
    assert_eq!(
        server.get(&format!("/api/v1/runs/{other}")).1["status"],
        "queued"
    );
    assert_eq!(
        server.produce("/api/v1/runs/99/events", &token, &body).0,
        404
    );
}

#[test]
fn wrong_events_are_refused_whole_and_named() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let with = |path: &[&str], value: Value| {
        let mut event = epoch(1);
        let mut at = &mut event["data"];
        for key in path {
            at = &mut at[*key];
        }
        *at = value;
        event
    };
    for (event, says) in [
        (with(&["epoch"], json!(0)), "epoch"),
        (with(&["epoch"], json!(1_000_000_000)), "epoch"),
        (with(&["epoch"], json!(-1)), "`-1`"),
        (with(&["lr"], json!("fast")), "invalid type"),
        (with(&["val", "correct"], json!(91)), "val.correct"),
        (with(&["val", "n"], json!(0)), "val.n"),
        (
            with(&["confusion"], json!([["val", [[70000, 0, 1]]]])),
            "70000",
        ),
        (
            with(
                &["images"],
                json!([["val", {"prediction": [0], "confidence": [], "loss": [0.5]}]]),
            ),
            "equally long",
        ),
        (
            json!({"kind": "end", "data": {"status": "running", "message": ""}}),
            "does not end",
        ),
        (json!({"kind": "mystery", "data": {}}), "mystery"),
        (json!("epoch"), "invalid type"),
    ] {
        let (status, problem) = report(&server, run, &token, &[epoch(1), event.clone()]);
        assert_eq!(status, 422, "{event}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{event}: {detail}");
    }
    assert_eq!(server.get(&format!("/api/v1/runs/{run}")).1["epoch"], 0);

    let many: Vec<Value> = (0..1001)
        .map(|_| json!({"kind": "log", "data": {"message": "x"}}))
        .collect();
    assert_eq!(report(&server, run, &token, &many).0, 422);
}

#[test]
fn a_log_that_never_ends_is_cut_and_says_so() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let long = json!({"kind": "log", "data": {"message": "ä".repeat(10_000)}});
    let lines: Vec<Value> =
        std::iter::repeat_n(json!({"kind": "log", "data": {"message": "line"}}), 1000).collect();
    assert_eq!(report(&server, run, &token, &[long]).0, 200);
    for _ in 0..11 {
        assert_eq!(report(&server, run, &token, &lines).0, 200);
    }
    let log = server.get(&format!("/api/v1/runs/{run}/log")).1;
    let lines = log["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 10_000);
    assert!(lines[0]["message"].as_str().unwrap().chars().count() <= 4000);
    let last = lines[9_999]["message"].as_str().unwrap();
    assert!(last.contains("full"), "{last}");
}

#[test]
fn progress_is_told_but_not_kept() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    report(&server, run, &token, &[epoch(1)]);
    let seq = server.get(&format!("/api/v1/runs/{run}")).1["last_seq"]
        .as_u64()
        .unwrap();
    let mut watcher = Watcher::open(&server, run, seq, None);
    let progress = json!({"epoch": 2, "phase": "training", "done": 3, "of": 20, "left_s": 12.5});
    report(
        &server,
        run,
        &token,
        &[json!({"kind": "progress", "data": progress})],
    );
    let heard = watcher.next().unwrap();
    assert_eq!((heard.id, heard.kind.as_str()), (None, "progress"));
    assert_eq!(heard.data, progress);
    assert_eq!(
        server.get(&format!("/api/v1/runs/{run}")).1["last_seq"],
        seq
    );
}

#[test]
fn a_heartbeat_hears_a_wish_at_once() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let path = format!("/api/v1/runs/{run}/heartbeat");
    let beat = json!({"attempt": 1});
    assert_eq!(server.produce(&path, &token, &beat).1["wish"], "continue");
    std::thread::scope(|threads| {
        // Open for a minute, were it not for the cancel.
        let waiting = threads.spawn(|| {
            server.produce(
                &path,
                &token,
                &json!({"attempt": 1, "wish": "continue", "wait_s": 30}),
            )
        });
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_eq!(
            server
                .post(&format!("/api/v1/runs/{run}/cancel"), &json!({}))
                .0,
            200
        );
        assert_eq!(waiting.join().unwrap().1["wish"], "cancel");
    });
    assert_eq!(
        server.get(&format!("/api/v1/runs/{run}")).1["status"],
        "cancelled"
    );
}

#[test]
fn a_checkpoint_is_uploaded_whole_by_its_attempt_alone() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let put = |name: &str, attempt: u32, bytes: &[u8]| {
        let url = format!(
            "{}/api/v1/runs/{run}/checkpoints/{name}?attempt={attempt}",
            server.url()
        );
        let request = server
            .agent()
            .put(url)
            .header("authorization", format!("Bearer {token}"));
        crate::common::read(request.send(bytes)).0
    };
    let weights = vec![7_u8; 3 << 20];
    assert_eq!(put("best.safetensors", 1, &weights), 204);
    assert_eq!(put("best.safetensors", 2, b"newer"), 409);
    assert_eq!(put("passwords.txt", 1, b"x"), 404);
    assert_eq!(put("..%2F..%2Fgapwatch.db", 1, b"x"), 404);

    let url = format!(
        "{}/api/v1/runs/{run}/checkpoints/best.safetensors",
        server.url()
    );
    let mut answer = server.agent().get(&url).call().unwrap();
    assert_eq!(answer.body_mut().read_to_vec().unwrap(), weights);
    let listed = server.get(&format!("/api/v1/runs/{run}/checkpoints")).1;
    assert_eq!(listed["checkpoints"][0]["name"], "best.safetensors");
    assert_eq!(listed["checkpoints"][0]["bytes"], weights.len());
}

/// An examination after an epoch in which batch norm's running statistics are stale.
fn examination(epoch: u32) -> Value {
    let pass = |split: &str, statistics: &str, correct: u32, n: u32| {
        json!({"split": split, "statistics": statistics, "loss": 1.0, "correct": correct, "n": n,
               "accuracy": f64::from(correct) / f64::from(n)})
    };
    let listed = |statistics: &str, correct: u32| {
        let mut pass = pass("val", statistics, correct, 90);
        let given: Vec<u32> = (0..90)
            .map(|i| if i < correct { i % 9 } else { 9 })
            .collect();
        pass["prediction"] = json!(given);
        pass
    };
    let labels: Vec<u32> = (0..90).map(|i| i % 9).collect();
    json!({"kind": "examination", "data": {
        "epoch": epoch, "seconds": 1.5,
        "passes": [
            pass("train", "running", 80, 630), pass("train", "batch", 610, 630),
            listed("running", 17), listed("recalibrated", 70),
        ],
        "labels": [["val", labels]],
        "repeated": [{"split": "val", "n": 90, "classes": 0, "losses": 0}],
        "inputs": [{"split": "train", "channel": 0, "mean": null, "std": 1.0, "min": -2.0, "max": 2.0}],
        "parameters": {"tensors": 3, "still": [{"name": "conv.weight", "no_gradient": true, "unmoved": true}]},
    }})
}

#[test]
fn a_script_sends_an_examination_and_a_later_one_replaces_it() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let path = format!("/api/v1/runs/{run}");
    report(&server, run, &token, &[epoch(1)]);
    assert_eq!(server.get(&format!("{path}/examination")).0, 404);
    let seq = server.get(&path).1["last_seq"].as_u64().unwrap();
    let mut watcher = Watcher::open(&server, run, seq, None);
    let (status, answer) = report(&server, run, &token, &[examination(1)]);
    assert_eq!(status, 200, "{answer}");
    let told = watcher.next().unwrap();
    assert_eq!(told.kind, "diagnosis");
    assert_eq!(told.data["verdict"], "broken-evaluation", "{}", told.data);
    let ids: Vec<&str> = told.data["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&"batch-norm-in-evaluation") && ids.contains(&"frozen-layers"),
        "{ids:?}"
    );

    // The same again changes nothing; another one takes its place and its findings away.
    report(&server, run, &token, &[examination(1)]);
    assert_eq!(server.get(&path).1["last_seq"], seq + 1);
    let mut other = examination(1);
    other["data"]["passes"][0]["correct"] = json!(612);
    other["data"]["passes"][3] = other["data"]["passes"][2].clone();
    report(&server, run, &token, &[other]);
    let diagnosis = server.get(&format!("{path}/diagnosis")).1;
    assert!(
        !diagnosis.to_string().contains("batch-norm-in-evaluation"),
        "{diagnosis}"
    );
    let stored = server.get(&format!("{path}/examination")).1;
    assert_eq!(stored["passes"][0]["correct"], 612);
    assert_eq!(stored["passes"][0]["accuracy"], 612.0 / 630.0);
}

#[test]
fn wrong_examinations_are_refused_and_named() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    report(&server, run, &token, &[epoch(1)]);
    let with = |pointer: &str, value: Value| {
        let mut event = examination(1);
        *event.pointer_mut(&format!("/data{pointer}")).unwrap() = value;
        event
    };
    let pass = examination(1)["data"]["passes"][0].clone();
    for (event, says) in [
        (with("/epoch", json!(2)), "has not reported"),
        (with("/seconds", json!(-1.0)), "seconds"),
        (with("/passes", json!(vec![pass; 65])), "passes: at most"),
        (with("/passes/0/correct", json!(631)), "passes[0].correct"),
        (with("/passes/2/prediction/0", json!(70_000)), "70000"),
        (with("/passes/2/prediction", json!([1, 2])), "passes[2]"),
        (with("/labels", json!([])), "as many labels"),
        (with("/repeated/0/classes", json!(91)), "repeated.classes"),
        (
            with("/parameters/still/0/name", json!("x".repeat(301))),
            "names",
        ),
        (with("/parameters/tensors", json!(0)), "parameters.tensors"),
    ] {
        let (status, problem) = report(&server, run, &token, std::slice::from_ref(&event));
        assert_eq!(status, 422, "{says}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{says}: {detail}");
    }
    assert_eq!(
        server.get(&format!("/api/v1/runs/{run}/examination")).0,
        404
    );
}

#[test]
fn figures_that_were_scored_against_shuffled_labels_contradict_the_predictions() {
    let server = TestServer::start();
    let (run, token) = external(&server);
    let mut shuffled = epoch(1);
    // 81 of 90 are right by the matrix; the script counted 17.
    shuffled["data"]["confusion"] =
        json!([["val", [[0, 0, 40], [0, 1, 5], [1, 0, 4], [1, 1, 41]]]]);
    shuffled["data"]["images"] = json!([]);
    report(&server, run, &token, &[shuffled]);
    let diagnosis = server.get(&format!("/api/v1/runs/{run}/diagnosis")).1;
    assert_eq!(diagnosis["verdict"], "broken-evaluation", "{diagnosis}");
    assert_eq!(diagnosis["findings"][0]["id"], "accuracy-disagrees");
    assert_eq!(diagnosis["causes"][0]["id"], "evaluation-bug");
    assert!(
        diagnosis["not_checked"]
            .to_string()
            .contains("when the run ends")
    );
}
