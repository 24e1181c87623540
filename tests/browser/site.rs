//! A server on which every page has something to show, and the list of these pages.

use crate::common::{TestServer, Watcher, many_archive};
use crate::images::stripe;
use crate::page::{Page, Step};
use gapwatch::data::Recipe;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub struct Site {
    server: TestServer,
    /// One that has nothing yet.
    empty: TestServer,
    /// One that wants a token.
    guarded: TestServer,
    files: TempDir,
    /// A run whose probes and remedies were tried.
    finished: u64,
    other: u64,
    probe: u64,
    sealed: u64,
    failed: u64,
    diverged: u64,
    external: u64,
    sweep: u64,
    upload: u64,
    running: u64,
    queued: u64,
    waiting_sweep: u64,
}

impl Site {
    /// Everything that is over is over; one run trains, and others wait for it.
    pub fn start() -> Site {
        let files = tempfile::tempdir().unwrap();
        let patches = draw_patches(files.path());
        let server = TestServer::with(&["--data", patches.to_str().unwrap()]);
        server.wait("/api/v1/datasets/patches", |dataset| {
            dataset["state"] == "ready"
        });
        test_rates(&server);
        let finished = server.launch(&spec("cnn-flat", 12, json!({"name": "The question"})));
        let other = server.launch(&spec("cnn-gap", 3, json!({"tags": ["pooled"]})));
        let sealed = server.launch(&spec("mlp", 3, json!({"name": "Sealed", "test": "sealed"})));
        let mut wild = spec("mlp", 3, json!({"name": "Far too fast"}));
        wild["train"]["optimizer"] = json!({"kind": "sgd", "lr": 100});
        let diverged = server.launch(&wild);
        let mut seeds = spec("logistic", 2, json!({"name": "Two rates"}));
        seeds["train"]["seed"] = json!([1, 2]);
        seeds["train"]["optimizer"] = json!({"kind": "adam", "lr": [0.01, 0.001]});
        let sweep = launch_group(&server, &seeds);
        let (failed, external) = (report_failure(&server), report_epochs(&server));
        let upload = stage(&server, &many_archive());
        finish_run(&server, finished);

        let asked = json!({"probe": "shuffled-labels"});
        let probe = start(&server, finished, "probes", &asked)["group"].clone();
        let probe = finish_group(&server, &probe);
        let asked = json!({"remedies": ["global-pooling", "label-smoothing"]});
        finish_group(&server, &start(&server, finished, "remedies", &asked));

        let running = server.launch(&spec("mlp", 100_000, json!({"name": "Still running"})));
        let queued = server.launch(&spec("mlp", 5, json!({})));
        let waiting_sweep = launch_group(&server, &seeds);
        server.wait_run(running, |run| run["epoch"].as_u64() > Some(2));
        Site {
            server,
            empty: TestServer::start(),
            guarded: TestServer::with(&["--token", "open sesame"]),
            files,
            finished,
            other,
            probe,
            sealed,
            failed,
            diverged,
            external,
            sweep,
            upload,
            running,
            queued,
            waiting_sweep,
        }
    }

    /// Ends the run that trains, and what waits for it.
    pub fn stop(&self) {
        let api = "/api/v1";
        for path in [
            format!("{api}/groups/{}/cancel", self.waiting_sweep),
            format!("{api}/runs/{}/cancel", self.queued),
            format!("{api}/runs/{}/stop", self.running),
        ] {
            let (status, answer) = self.server.post(&path, &json!({}));
            assert!(status < 300, "{path}: {answer}");
        }
        finish_run(&self.server, self.running);
    }

    /// Pages that change by themselves, while a run trains.
    pub fn live(&self) -> Vec<Page> {
        let mut pages = vec![
            self.page("runs-live", "/"),
            self.page("run-queued", &format!("/runs/{}", self.queued)),
            self.page("run-external-live", &format!("/runs/{}", self.external)),
            self.page("sweep-live", &format!("/groups/{}", self.waiting_sweep)),
            self.page(
                "compare-live",
                &format!("/compare?runs={},{}", self.running, self.finished),
            ),
        ];
        pages.extend(self.sections("run-live", self.running));
        pages
    }

    /// All pages, once everything is over.
    pub fn after(&self) -> Vec<Page> {
        let run = format!("/runs/{}", self.finished);
        let mut pages = self.sections("run-finished", self.finished);
        pages.extend(self.documents());
        pages.extend(self.forms());
        pages.extend(self.beginnings());
        for (name, path) in [
            ("runs", "/".to_owned()),
            ("runs-none-found", "/?text=nobody".to_owned()),
            ("run-stopped", format!("/runs/{}", self.running)),
            ("run-cancelled", format!("/runs/{}", self.queued)),
            ("run-failed", format!("/runs/{}", self.failed)),
            ("run-diverged", format!("/runs/{}", self.diverged)),
            ("run-sealed", format!("/runs/{}", self.sealed)),
            ("run-reveal", format!("/runs/{}/reveal", self.sealed)),
            (
                "run-cell",
                format!("{run}/images?split=val&epoch=12&true=0&predicted=0"),
            ),
            ("run-probe", format!("/groups/{}", self.probe)),
            ("run-delete", format!("/runs/delete?runs={}", self.other)),
            (
                "compare",
                format!("/compare?runs={},{}", self.finished, self.other),
            ),
            ("sweeps", "/groups".to_owned()),
            ("sweep", format!("/groups/{}", self.sweep)),
            ("sweep-delete", format!("/groups/{}/delete", self.sweep)),
            ("datasets", "/datasets".to_owned()),
            ("dataset", "/datasets/patches".to_owned()),
            ("upload", format!("/uploads/{}", self.upload)),
            ("rate-test", "/datasets/patches/rate-test".to_owned()),
            ("launch", "/runs/new?dataset=patches".to_owned()),
            ("launch-clone", format!("/runs/new?from={}", self.finished)),
            ("room", "/room".to_owned()),
            (
                "room-checkpoints",
                "/room/checkpoints?beyond_best=1".to_owned(),
            ),
            ("not-found", "/runs/99999".to_owned()),
        ] {
            pages.push(self.page(name, &path));
        }
        pages
    }

    /// A run's page with its sections.
    fn sections(&self, name: &str, run: u64) -> Vec<Page> {
        let overview = self.page(name, &format!("/runs/{run}"));
        let sections = ["why", "images", "epochs", "settings", "log"];
        let of = |section| {
            self.page(
                &format!("{name}-{section}"),
                &format!("/runs/{run}/{section}"),
            )
        };
        std::iter::once(overview).chain(sections.map(of)).collect()
    }

    /// Pages that are as long as what they report.
    fn documents(&self) -> Vec<Page> {
        let run = format!("/runs/{}", self.finished);
        let mut history = "epoch,accuracy,loss,val_accuracy,val_loss\n".to_owned();
        for epoch in 1..=20 {
            let t = f64::from(epoch) / 20.0;
            let (train, val) = (2.2 - 2.0 * t, 2.2 + 2.0 * t);
            let _ = writeln!(history, "{epoch},{},{train},0.2,{val}", 0.15 + 0.8 * t);
        }
        [
            self.page("report", &format!("{run}/report")),
            self.page("report-file", &format!("{run}/report.html")),
            self.page("diagnose-answer", "/diagnose").after(vec![
                Step::Paste("#pasted", history),
                Step::Fill("#n_val", "90".to_owned()),
                Step::Fill("#classes", "9".to_owned()),
                Step::Click("#send"),
                Step::Until("document.getElementById('result').innerText.includes('Report on')"),
            ]),
        ]
        .map(|page| Page {
            is_document: true,
            ..page
        })
        .into()
    }

    /// Forms with something wrong in them, and with an answer.
    fn forms(&self) -> Vec<Page> {
        let run = format!("/runs/{}", self.finished);
        let image = self.files.path().join("mine.png");
        std::fs::write(&image, stripe(1)).unwrap();
        let with_errors =
            "[...document.querySelectorAll('.error')].some(error => error.innerText !== '')";
        vec![
            self.page("launch-errors", "/runs/new?dataset=patches&model=cnn-flat")
                .after(vec![
                    Step::Fill("#batch_size", "0".to_owned()),
                    Step::Fill("#lr", "fast".to_owned()),
                    Step::Click("#launch"),
                    Step::Until("document.querySelector('#error-lr').innerText !== ''"),
                ]),
            self.page("edit", &format!("{run}/edit")),
            self.page("edit-errors", &format!("{run}/edit")).after(vec![
                Step::Fill("#tags", "a tag ".repeat(20)),
                Step::Click("main button.primary"),
                Step::Until(with_errors),
            ]),
            self.page("diagnose", "/diagnose"),
            self.page("diagnose-errors", "/diagnose").after(vec![
                Step::Fill("#pasted", "no history".to_owned()),
                Step::Fill("#n_val", "many".to_owned()),
                Step::Click("#send"),
                Step::Until(with_errors),
            ]),
            self.page("classified", &format!("{run}/classify"))
                .after(vec![
                    Step::Choose("#images", image),
                    Step::Until("document.querySelector('#classified h3')"),
                ]),
        ]
    }

    /// What a new user sees.
    fn beginnings(&self) -> Vec<Page> {
        let empty = |name: &str, path: &str| Page::new(name, format!("{}{path}", self.empty.url()));
        vec![
            empty("empty-runs", "/"),
            empty("empty-datasets", "/datasets"),
            empty("empty-sweeps", "/groups"),
            empty("empty-launch", "/runs/new"),
            empty("empty-room", "/room"),
            empty("empty-compare", "/compare"),
            Page::new("login", format!("{}/login", self.guarded.url())).after(vec![
                Step::Fill("#token", "open says me".to_owned()),
                Step::Click("main button.primary"),
                Step::Until("document.getElementById('token-error')"),
            ]),
        ]
    }

    fn page(&self, name: &str, path: &str) -> Page {
        Page::new(name, format!("{}{path}", self.server.url()))
    }
}

/// A folder with the demonstration in small: its nine patterns at random places, 20 training images of each.
fn draw_patches(files: &Path) -> PathBuf {
    let recipe = include_str!("../../data/demo-64x128.toml").replace("train = 70", "train = 20");
    let recipe: Recipe = toml::from_str(&recipe).unwrap();
    let (drawn, patches) = (files.join("drawn"), files.join("patches"));
    recipe.generate(&drawn, &|_, _| {}).unwrap();
    std::fs::rename(drawn.join("images"), &patches).unwrap();
    patches
}

/// A script's run that goes on: it memorises, as the question's does.
fn report_epochs(server: &TestServer) -> u64 {
    let (run, token) = external(server, "A script of mine");
    let scored = |correct: u32, n: u32, loss: f64| json!({"loss": loss, "correct": correct, "n": n, "accuracy": f64::from(correct) / f64::from(n)});
    let epochs = (1..=30).map(|epoch: u32| {
        let t = f64::from(epoch);
        json!({"kind": "epoch", "data": {
            "epoch": epoch, "lr": 0.01, "seconds": 2.5,
            "train": scored((630 * epoch / (epoch + 3)).min(625), 630, 2.2 / t),
            "val": scored(12 + epoch % 5, 90, 2.2 + 0.1 * t), "test": scored(11 + epoch % 4, 90, 2.2 + 0.1 * t),
        }})
    });
    report(server, run, &token, epochs.collect());
    run
}

/// A script's run that broke.
fn report_failure(server: &TestServer) -> u64 {
    let (run, token) = external(server, "A script that broke");
    let end = json!({"kind": "end", "data": {"status": "failed", "message": "CUDA out of memory"}});
    report(server, run, &token, vec![end]);
    run
}

fn external(server: &TestServer, name: &str) -> (u64, String) {
    let (status, run) = server.post(
        "/api/v1/runs",
        &json!({"external": true, "name": name, "train": {"epochs": 60}}),
    );
    assert_eq!(status, 201, "{run}");
    (
        run["id"].as_u64().unwrap(),
        run["token"].as_str().unwrap().to_owned(),
    )
}

fn report(server: &TestServer, run: u64, token: &str, events: Vec<Value>) {
    let body = json!({"attempt": 1, "events": events});
    let (status, answer) = server.produce(&format!("/api/v1/runs/{run}/events"), token, &body);
    assert_eq!(status, 200, "{answer}");
}

/// An upload that is looked at and not taken.
fn stage(server: &TestServer, archive: &[u8]) -> u64 {
    let parts = [("name", "", &b"grays"[..]), ("file", "grays.zip", archive)];
    let (status, upload) = server.post_form("/api/v1/uploads", &parts);
    assert_eq!(status, 201, "{upload}");
    let id = upload["id"].as_u64().unwrap();
    server.wait(&format!("/api/v1/uploads/{id}"), |upload| {
        upload["state"] != "looking"
    });
    id
}

/// A range test of the learning rate that is done.
fn test_rates(server: &TestServer) {
    let path = "/api/v1/datasets/patches/rate-test";
    let (status, asked) = server.post(path, &spec("logistic", 1, json!({})));
    assert_eq!(status, 202, "{asked}");
    server.wait(path, |test| test["state"] == "done");
}

/// A run's spec on the small demonstration, with more fields.
fn spec(model: &str, epochs: u32, more: Value) -> Value {
    let mut spec = json!({
        "dataset": "patches",
        "model": {"preset": model},
        "input": {"height": 32, "width": 64},
        "train": {"epochs": epochs, "early_stopping": false},
    });
    let more = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(more);
    spec
}

fn launch_group(server: &TestServer, spec: &Value) -> u64 {
    let (status, group) = server.post("/api/v1/runs", spec);
    assert_eq!(status, 201, "{group}");
    group["id"].as_u64().unwrap()
}

/// Starts a run's probes or remedies.
fn start(server: &TestServer, run: u64, what: &str, asked: &Value) -> Value {
    let (status, started) = server.post(&format!("/api/v1/runs/{run}/{what}"), asked);
    assert_eq!(status, 201, "{started}");
    started
}

fn finish_run(server: &TestServer, run: u64) {
    Watcher::open(server, run, 0, None).for_each(drop);
}

/// Waits until every run of a group is over; gives its id.
fn finish_group(server: &TestServer, group: &Value) -> u64 {
    let path = format!("/api/v1/groups/{}", group["id"]);
    server.wait(&path, |group| group["over"] == group["run_count"]);
    group["id"].as_u64().unwrap()
}
