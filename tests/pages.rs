//! The pages as a browser without scripts gets them.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use gapwatch::device::{Card, Devices};
use gapwatch::engine::DeviceList;
use gapwatch::run::sweep::Axis;
use gapwatch::run::{
    Attempt, Confusion, EpochRecord, EpochReport, GroupId, ImageResults, ProducerEvent, RunId,
    RunStatus, Split, SplitMetrics,
};
use gapwatch::scheduler::Scheduler;
use gapwatch::store::{Home, Library, NewGroup, NewRun, RunFilter, RunPatch, Store};
use gapwatch::web::{Access, App, router};
use serde_json::json;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

/// A server without a scheduler: runs wait for ever, and nothing is trained.
struct Site {
    store: Store,
    library: Library,
    router: Router,
    folder: TempDir,
    _running: watch::Sender<bool>,
}

struct Answer {
    status: StatusCode,
    location: String,
    text: String,
}

impl Site {
    fn new() -> Site {
        Site::with(Devices::ask)
    }

    /// A site of a machine with these devices.
    fn with(devices: fn() -> Devices) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::take(&folder.path().join("home")).unwrap();
        let store = Store::open(&home).unwrap();
        let library = Library::new(store.clone());
        let (running, shutdown) = watch::channel(false);
        let app = App {
            store: store.clone(),
            inspector: gapwatch::inspector::Inspector::default(),
            classifiers: gapwatch::web::Classifiers::default(),
            devices: DeviceList::of(devices),
            library: library.clone(),
            scheduler: Scheduler::new(1, 1),
            disk: gapwatch::store::Disk::of(&home, 0).unwrap(),
            home,
            access: Access::new(None, false),
            started: Instant::now(),
            shutdown,
        };
        Site {
            store,
            library,
            router: router(app),
            folder,
            _running: running,
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let location = response
            .headers()
            .get(header::LOCATION)
            .map_or(String::new(), |to| to.to_str().unwrap().to_owned());
        let bytes = axum::body::to_bytes(response.into_body(), 64 << 20)
            .await
            .unwrap();
        Answer {
            status,
            location,
            // A number's unit follows it after a space that does not break.
            text: String::from_utf8_lossy(&bytes).replace('\u{a0}', " "),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header(header::ACCEPT, "text/html");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        let request = Request::post(path)
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap())
            .await
    }

    /// Two classes of small gray images, six in training, two each in validation and test.
    async fn with_dataset(title: &str) -> Site {
        Site::new().and_dataset(title).await
    }

    async fn and_dataset(self, title: &str) -> Site {
        let site = self;
        let images = site.folder.path().join("images");
        for (split, n) in [("train", 3), ("val", 1), ("test", 1)] {
            for (class, gray) in [("<b>dark</b>", 20_u8), ("light", 220)] {
                let folder = images.join(split).join(class);
                std::fs::create_dir_all(&folder).unwrap();
                for i in 0..n {
                    draw(&folder.join(format!("{i}.png")), gray + i);
                }
            }
        }
        let id = site.library.import(title.to_owned(), images).await.unwrap();
        for _ in 0..400 {
            let row = site.store.dataset(&id).await.unwrap();
            if row.state.name() != "importing" {
                assert_eq!(row.state.name(), "ready", "{}", row.message);
                return site;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("the import does not end");
    }

    /// Two queued runs that look into another.
    async fn with_group(&self, parent: RunId) -> GroupId {
        let mut runs = Vec::new();
        for seed in [1, 2] {
            let settings = [("train.seed".to_owned(), seed.into())].into();
            runs.push((settings, self.own_run(seed).await));
        }
        let new = NewGroup {
            name: "a learning curve".to_owned(),
            axes: vec![Axis {
                field: "train.seed".to_owned(),
                values: vec![1.into(), 2.into()],
            }],
            parent: Some(parent),
            purpose: Some("more training images".to_owned()),
            runs,
        };
        self.store.create_group(new).await.unwrap().summary.id
    }

    /// A run of Gapwatch's own on the first dataset, to be queued.
    async fn own_run(&self, seed: u64) -> NewRun {
        let row = self.store.datasets().await.unwrap().remove(0);
        let spec = json!({"name": format!("seed {seed}"), "train": {"seed": seed}});
        NewRun {
            spec: gapwatch::model::resolve(spec, None).unwrap(),
            facts: row.facts,
            dataset: Some(row.id),
            token_hash: None,
        }
    }

    /// A run that a script reports, with that many epochs.
    async fn with_run(&self, name: &str, epochs: u32) -> RunId {
        let dataset = self.store.datasets().await.unwrap().into_iter().next();
        let spec = json!({"name": name, "external": true, "train": {"epochs": epochs.max(1)}});
        let new = NewRun {
            spec: gapwatch::model::resolve(spec, None).unwrap(),
            facts: dataset.as_ref().and_then(|row| row.facts.clone()),
            dataset: dataset.map(|row| row.id),
            token_hash: None,
        };
        let run = self.store.create_run(new).await.unwrap();
        for epoch in 1..=epochs {
            let report = ProducerEvent::Epoch(Box::new(report(epoch)));
            self.store
                .report(run.id, Attempt(1), vec![report])
                .await
                .unwrap();
        }
        run.id
    }
}

/// The same with other counts right of training and validation, and the confusion matrix of the latter's halves.
fn counted(epoch: u32, train: (u32, u32), val: (u32, u32)) -> EpochReport {
    let metrics =
        |(correct, n): (u32, u32)| Some(SplitMetrics::new(0.7 * f64::from(n), correct, n));
    let mut report = report(epoch);
    report.record.train = metrics(train);
    report.record.val = metrics(val);
    let (right, wrong) = (val.0 / 2, (val.1 - val.0) / 2);
    report.confusion = vec![(
        Split::Val,
        Confusion(vec![
            (0, 0, right),
            (0, 1, wrong),
            (1, 0, wrong),
            (1, 1, right),
        ]),
    )];
    report.images = Vec::new();
    report
}

impl Site {
    /// The page of a script's run with these epochs, which goes on.
    async fn page_of(&self, epochs: Vec<EpochReport>) -> String {
        let run = self.with_run("a script's", 0).await;
        let events = epochs
            .into_iter()
            .map(|report| ProducerEvent::Epoch(Box::new(report)))
            .collect();
        self.store.report(run, Attempt(1), events).await.unwrap();
        let overview = self.get(&format!("/runs/{run}")).await.text;
        overview + &self.get(&format!("/runs/{run}/why")).await.text
    }
}

#[tokio::test]
async fn a_page_that_shows_test_figures_says_that_they_were_looked_at() {
    let site = Site::with_dataset("two classes").await;
    let run = site.with_run("goes on", 2).await;
    for path in [format!("/runs/{run}/why"), format!("/runs/{run}/reveal")] {
        let text = site.get(&path).await.text;
        assert!(
            !text.contains("Nobody has looked at the test images"),
            "{path}: {text}"
        );
        assert!(text.contains("looked at 1 time by 1 run"), "{path}: {text}");
    }
    // However long it goes on, and when it has ended, it is one look.
    let end = ProducerEvent::End {
        status: RunStatus::Finished,
        message: String::new(),
    };
    let more = vec![ProducerEvent::Epoch(Box::new(report(3))), end];
    site.store.report(run, Attempt(1), more).await.unwrap();
    let text = site.get(&format!("/runs/{run}/why")).await.text;
    assert!(text.contains("looked at 1 time by 1 run"), "{text}");
}

#[tokio::test]
async fn while_a_network_still_learns_its_page_says_only_what_the_figures_show() {
    let site = Site::with_dataset("two classes").await;
    let early = site.page_of(vec![counted(6, (441, 630), (44, 90))]).await;
    for overclaims in ["by heart", "Memorising", "Overfitting", "nothing else"] {
        let verdict = part(&early, "verdict");
        assert!(!verdict.contains(overclaims), "{overclaims}: {verdict}");
    }
    let answer = part(&early, "answer");
    for says in [
        "After epoch 6",
        "70.0 % (441 of 630)",
        "too early for a verdict",
    ] {
        assert!(answer.contains(says), "{says}: {answer}");
    }
    // Once training is fitted there is a verdict, and it says what was measured.
    let fitted = site.page_of(vec![counted(31, (627, 630), (44, 90))]).await;
    let verdict = part(&fitted, "verdict");
    assert!(
        verdict.contains("Memorising: it does no better than guessing on new images"),
        "{verdict}"
    );
    assert!(!verdict.contains("nothing else"), "{verdict}");
}

#[tokio::test]
async fn one_p_value_has_one_wording_on_a_page() {
    let site = Site::with_dataset("two classes").await;
    // 54 of 90 with two classes: p = .036.
    let page = site.page_of(vec![counted(31, (628, 630), (54, 90))]).await;
    let wordings = |of: &str| page.matches(of).count();
    assert_eq!(
        [
            "cannot be told from guessing",
            "perhaps better than guessing",
            "no better than guessing there"
        ]
        .map(wordings),
        [0; 3],
        "{page}"
    );
    // The gate, and why no order of the classes can be seen.
    for says in [
        "60.0 % (54 of 90) is hardly better than guessing",
        "the network is hardly better than guessing there",
    ] {
        assert_eq!(wordings(says), 1, "{says}: {page}");
    }
}

/// A section of a page, by its id.
fn part<'a>(page: &'a str, id: &str) -> &'a str {
    let from = page
        .find(&format!("<section id=\"{id}\""))
        .unwrap_or_else(|| panic!("no section {id} in {page}"));
    let section = &page[from..];
    &section[..section.find("</section>").unwrap()]
}

#[tokio::test]
async fn the_demonstration_shows_the_runs_that_were_launched_by_hand_and_no_others() {
    let site = Site::with_dataset("demo").await;
    let launch = async |model: &str, name: &str, variation: serde_json::Value| {
        let mut new = site.own_run(1).await;
        let spec = json!({"name": name, "model": {"preset": model}, "variation": variation});
        new.spec = gapwatch::model::resolve(spec, None).unwrap();
        new
    };
    let question = launch("cnn-bilstm-no-dropout", "asked by hand", json!({})).await;
    let question = site.store.create_run(question).await.unwrap().id;
    let way_out = launch("cnn-gap", "tried by hand", json!({})).await;
    let way_out = site.store.create_run(way_out).await.unwrap().id;

    // Newer runs of the same networks: more than a list has on its longest page.
    let probe = launch("cnn-bilstm-no-dropout", "fold 3 of 3", json!({})).await;
    let remedy = launch("cnn-gap", "a remedy", json!({})).await;
    for run in [probe, remedy] {
        let runs = (0..RunFilter::MAX).map(|_| (Default::default(), run.clone()));
        let group = NewGroup {
            name: "asked by Gapwatch".to_owned(),
            axes: Vec::new(),
            parent: Some(question),
            purpose: Some("label-suspects".to_owned()),
            runs: runs.collect(),
        };
        site.store.create_group(group).await.unwrap();
    }
    let varied = json!({"training_share": 0.5});
    let clone = launch("cnn-bilstm-no-dropout", "half of the images", varied).await;
    site.store.create_run(clone).await.unwrap();

    let text = site.get("/").await.text;
    let story = text.split_once("id=\"story\"").unwrap().1;
    let story = story.split_once("</section>").unwrap().0;
    let steps: Vec<&str> = story.split("<li>").skip(1).collect();
    assert!(
        steps[0].contains(&format!("<a href=\"/runs/{question}\">asked by hand</a>")),
        "{}",
        steps[0]
    );
    assert!(
        steps[1].contains(&format!("<a href=\"/runs/{way_out}\">tried by hand</a>")),
        "{}",
        steps[1]
    );
    assert!(
        steps[2].contains(&format!("/compare?runs={question},{way_out}")),
        "{}",
        steps[2]
    );
}

#[tokio::test]
async fn a_group_says_which_run_it_looks_into_and_what_it_is_for() {
    let site = Site::with_dataset("two classes").await;
    let run = site.with_run("a run", 1).await;
    let group = site.with_group(run).await;
    let text = site.get(&format!("/groups/{group}")).await.text;
    assert!(
        text.contains(&format!("looks into <a href=\"/runs/{run}\">")),
        "{text}"
    );
    assert!(text.contains("more training images"), "{text}");
    // The group outlives the run that it looks into.
    site.store.delete_run(run).await.unwrap();
    let text = site.get(&format!("/groups/{group}")).await.text;
    assert!(
        !text.contains("looks into") && text.contains("seed 2"),
        "{text}"
    );
}

#[tokio::test]
async fn a_run_that_can_have_no_probes_says_why_and_what_to_do() {
    let site = Site::with_dataset("two classes").await;
    let script = site.with_run("of a script", 2).await;
    let text = site.get(&format!("/runs/{script}/why")).await.text;
    assert!(
        text.contains("A script of its owner trained this run"),
        "{text}"
    );

    let waiting = site
        .store
        .create_run(site.own_run(1).await)
        .await
        .unwrap()
        .id;
    let text = site.get(&format!("/runs/{waiting}/why")).await.text;
    assert!(text.contains("wait for its end, or stop it"), "{text}");

    let over = site
        .store
        .create_run(site.own_run(1).await)
        .await
        .unwrap()
        .id;
    site.store.start_attempt(over, [0; 32]).await.unwrap();
    let end = ProducerEvent::End {
        status: RunStatus::Finished,
        message: String::new(),
    };
    let events = vec![ProducerEvent::Epoch(Box::new(report(1))), end];
    site.store.report(over, Attempt(1), events).await.unwrap();
    let text = site.get(&format!("/runs/{over}/why")).await.text;
    assert!(text.contains("id=\"ask-other\""), "{text}");

    for going in [script, waiting] {
        site.post(&format!("/runs/{going}/cancel"), "").await;
    }
    site.post("/datasets/two-classes/delete", "").await;
    let text = site.get(&format!("/runs/{over}/why")).await.text;
    assert!(
        text.contains("The dataset was deleted") && text.contains("bring the images in again"),
        "{text}"
    );
    assert!(!text.contains("id=\"ask-other\""), "{text}");
}

#[tokio::test]
async fn the_page_of_a_group_of_one_run_does_not_speak_of_several() {
    let site = Site::with_dataset("two classes").await;
    let one = NewGroup {
        name: "one".to_owned(),
        axes: Vec::new(),
        parent: None,
        purpose: None,
        runs: vec![(Default::default(), site.own_run(1).await)],
    };
    let group = site.store.create_group(one).await.unwrap().summary.id;
    let text = site.get(&format!("/groups/{group}")).await.text;
    assert!(!text.contains("Among 1"), "{text}");
}

fn draw(path: &Path, gray: u8) {
    image::GrayImage::from_fn(8, 6, |x, y| image::Luma([gray.wrapping_add((x * y) as u8)]))
        .save(path)
        .unwrap();
}

fn report(epoch: u32) -> EpochReport {
    let metrics = |correct: u32, n: u32| Some(SplitMetrics::new(0.7 * f64::from(n), correct, n));
    EpochReport {
        record: EpochRecord {
            epoch,
            lr: 0.01,
            seconds: 1.5,
            train: metrics(6, 6),
            val: metrics(1, 2),
            test: metrics(1, 2),
            running: None,
        },
        confusion: vec![(Split::Val, Confusion(vec![(0, 1, 1), (1, 1, 1)]))],
        images: vec![(
            Split::Val,
            ImageResults {
                prediction: vec![1, 1],
                confidence: vec![0.9, 0.8],
                loss: vec![2.3, 0.2],
            },
        )],
    }
}

#[tokio::test]
async fn each_page_has_one_main_and_one_heading_and_no_inline_script() {
    let site = Site::with_dataset("two classes").await;
    let run = site.with_run("a run", 3).await;
    let group = site.with_group(run).await;
    for path in [
        "/".to_owned(),
        "/runs/new".to_owned(),
        "/runs/new?dataset=two-classes&model=own".to_owned(),
        format!("/runs/{run}"),
        format!("/runs/{run}/why"),
        format!("/runs/{run}/images"),
        format!("/runs/{run}/epochs"),
        format!("/runs/{run}/settings"),
        format!("/runs/{run}/log"),
        format!("/runs/{run}/edit"),
        format!("/runs/{run}/images?split=val&epoch=3&class=0&predicted=1"),
        format!("/runs/delete?runs={run}"),
        "/datasets".to_owned(),
        "/datasets/two-classes".to_owned(),
        "/datasets/two-classes/rate-test".to_owned(),
        format!("/compare?runs={run}"),
        "/compare".to_owned(),
        format!("/runs/{run}/report"),
        format!("/runs/{run}/reveal"),
        format!("/runs/{run}/classify"),
        "/diagnose".to_owned(),
        "/groups".to_owned(),
        format!("/groups/{group}"),
        format!("/groups/{group}/delete"),
        "/room".to_owned(),
        format!("/room/checkpoints?runs={run}&older_days=3"),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        assert_eq!(answer.text.matches("<main").count(), 1, "{path}");
        assert_eq!(answer.text.matches("<h1").count(), 1, "{path}");
        assert!(answer.text.contains("class=\"skip\""), "{path}");
        for script in answer.text.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap();
            assert!(
                tag.contains("src=") || tag.contains("application/json"),
                "{path}: inline script {tag}"
            );
        }
    }
}

#[tokio::test]
async fn every_label_and_description_points_at_something_and_ids_are_unique() {
    let site = Site::with_dataset("two classes").await;
    let run = site.with_run("a run", 3).await;
    let group = site.with_group(run).await;
    for path in [
        "/",
        "/runs/new",
        "/runs/new?dataset=two-classes&model=cnn-bilstm",
        "/datasets",
        "/diagnose",
        "/room",
        &format!("/groups/{group}"),
        &format!("/runs/{run}/classify"),
        &format!("/runs/{run}"),
        &format!("/runs/{run}/why"),
        &format!("/runs/{run}/images"),
        &format!("/runs/{run}/settings"),
        &format!("/runs/{run}/report"),
    ] {
        let text = site.get(path).await.text;
        let values = |attribute: &str| -> Vec<String> {
            text.split(&format!(" {attribute}=\""))
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().to_owned())
                .collect()
        };
        let mut ids = values("id");
        for attribute in ["for", "aria-describedby", "aria-labelledby"] {
            for id in values(attribute).iter().flat_map(|v| v.split_whitespace()) {
                assert!(ids.iter().any(|i| i == id), "{path}: {attribute} {id}");
            }
        }
        ids.sort();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{path}: {ids:?}");
    }
}

#[tokio::test]
async fn an_unknown_run_dataset_or_page_is_a_page_that_says_so() {
    let site = Site::new();
    for (path, says) in [
        ("/runs/77", "there is no run 77"),
        ("/runs/abc", "whole number"),
        ("/runs/77/parts", "there is no run 77"),
        ("/runs/77/report", "there is no run 77"),
        ("/runs/77/report.html", "there is no run 77"),
        ("/runs/77/images?split=val&epoch=1", "there is no run 77"),
        ("/runs/new?from=77", "there is no run 77"),
        ("/compare?runs=77", "there is no run 77"),
        ("/datasets/none", "there is no dataset"),
        ("/nowhere", "nothing at /nowhere"),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text.contains("<main"), "{path}: {}", answer.text);
        assert!(answer.text.contains(says), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_empty_server_says_what_to_do() {
    let site = Site::new();
    let text = site.get("/").await.text;
    assert!(text.contains("No run yet"), "{text}");
    assert!(text.contains("href=\"/datasets\"") && text.contains("href=\"/diagnose\">diagnose"));
    let text = site.get("/runs/new").await.text;
    assert!(text.contains("upload a dataset first"), "{text}");
}

#[tokio::test]
async fn a_wrong_field_has_its_error_beside_it_and_keeps_what_was_typed() {
    let site = Site::with_dataset("two classes").await;
    let answer = site
        .post(
            "/runs/new",
            "dataset=two-classes&model=logistic&epochs=a+lot&batch_size=0&lr=NaN&seed=5&name=%3Ci%3Emine&notes=kept",
        )
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for (field, says) in [("epochs", "a lot"), ("lr", "NaN")] {
        let error = format!("id=\"error-{field}\" data-live data-for=\"{field}\">");
        let (_, rest) = answer.text.split_once(&error).unwrap();
        let said = rest.split("</p>").next().unwrap();
        assert!(said.contains(says), "{field}: {said}");
    }
    assert!(answer.text.contains("value=\"a lot\" "), "epochs is kept");
    assert!(
        answer.text.contains("&#60;i&#62;mine"),
        "the name is kept, escaped"
    );
    assert!(answer.text.contains(">\nkept</textarea>"));
    assert!(
        site.store
            .runs(Default::default())
            .await
            .unwrap()
            .is_empty()
    );

    let answer = site
        .post(
            "/runs/new",
            "dataset=two-classes&model=logistic&batch_size=0&epochs=1000000000",
        )
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text.contains("0 is outside 1 to 4096"),
        "{}",
        answer.text
    );
    assert!(answer.text.contains("1000000000 is outside 1 to 100000"));
}

#[tokio::test]
async fn a_form_that_is_right_launches_a_run() {
    let site = Site::with_dataset("two classes").await;
    let answer = site
        .post(
            "/runs/new",
            "dataset=two-classes&model=logistic&epochs=3&name=first&tags=a,+b",
        )
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let runs = site.store.runs(Default::default()).await.unwrap();
    assert_eq!(answer.location, format!("/runs/{}", runs[0].id));
    assert_eq!(runs[0].spec.train.epochs, 3);
    assert_eq!(runs[0].tags, ["a", "b"]);
    // The dataset's own size is proposed.
    assert_eq!(
        (runs[0].spec.input.height, runs[0].spec.input.width),
        (6, 8)
    );

    let clone = site.get(&format!("/runs/new?from={}", runs[0].id)).await;
    assert!(
        clone.text.contains("name=\"epochs\" value=\"3\""),
        "{}",
        clone.text
    );
    assert!(clone.text.contains("name=\"name\" value=\"first\""));
}

/// A machine with two cards, of which one is nearly full.
fn two_cards() -> Devices {
    let card = |index, name: &str, free_bytes| Card {
        index,
        name: name.to_owned(),
        total_bytes: 24 << 30,
        free_bytes,
    };
    Devices {
        cuda: vec![
            card(0, "NVIDIA L4", 1 << 30),
            card(1, "NVIDIA A10", 20 << 30),
        ],
        ..Devices::without_cards("")
    }
}

#[tokio::test]
async fn the_form_offers_the_cards_that_are_there_and_refuses_others() {
    let site = Site::with(two_cards).and_dataset("two classes").await;
    let text = site.get("/runs/new?device=cuda:1").await.text;
    assert!(
        text.contains("cuda:0 NVIDIA L4, 1.0 of 24.0 GiB free</option>"),
        "{text}"
    );
    assert!(text.contains("<option value=\"cuda:1\" selected>cuda:1 NVIDIA A10, 20.0 of"));

    let answer = site
        .post(
            "/runs/new",
            "dataset=two-classes&model=logistic&device=cuda:5",
        )
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let (_, rest) = answer
        .text
        .split_once("id=\"error-device\" data-live data-for=\"device\">")
        .unwrap();
    let said = rest.split("</p>").next().unwrap();
    assert!(
        said.contains("there is no cuda:5. There are cuda:0 NVIDIA L4"),
        "{said}"
    );
    assert!(
        answer
            .text
            .contains("<option value=\"cuda:5\" selected>cuda:5, not there")
    );
    let runs = site.store.runs(Default::default()).await.unwrap();
    assert!(runs.is_empty());

    let answer = site.get("/api/v1/devices").await;
    let devices: Devices = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(devices, two_cards());
}

#[tokio::test]
async fn a_form_without_a_card_to_choose_says_why() {
    let site = Site::with(|| Devices::without_cards("there is no NVIDIA driver"))
        .and_dataset("two classes")
        .await;
    let text = site.get("/runs/new").await.text;
    assert!(
        text.contains("No NVIDIA card to choose. There is no NVIDIA driver."),
        "{text}"
    );
    // Nothing to choose, but what the form holds is sent along.
    assert!(text.contains("<input type=\"hidden\" name=\"device\" value=\"auto\">"));
    // A run that asked for a card elsewhere keeps its wish when it is cloned, and is told.
    let text = site.get("/runs/new?device=cuda:0").await.text;
    assert!(
        text.contains("there is no cuda:0: there is no NVIDIA driver. Write auto or cpu"),
        "{text}"
    );
}

#[tokio::test]
async fn the_form_shows_what_augmentation_does_and_a_preset_fills_its_fields() {
    let site = Site::with_dataset("two classes").await;
    let text = site
        .get("/runs/new?dataset=two-classes&model=logistic")
        .await
        .text;
    assert!(text.contains("Every image is shown as it is"), "{text}");
    assert!(!text.contains("augmented.png"));

    let value = |text: &str, field: &str| -> String {
        let (_, rest) = text
            .split_once(&format!("name=\"{field}\" value=\""))
            .unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    // As a link does it, and as a form without scripts.
    let chosen = "dataset=two-classes&model=logistic&augment_rotate=99&augmentation=spectrograms";
    for text in [
        site.get(&format!("/runs/new?{chosen}")).await.text,
        site.post("/runs/new/check", chosen).await.text,
    ] {
        assert_eq!(value(&text, "augment_rotate"), "0");
        assert_eq!(value(&text, "augment_time_mask"), "0.2");
        assert!(
            text.contains(
                "src=\"/api/v1/datasets/two-classes/augmented.png?shift_horizontal=0.1&#38;"
            ),
            "{text}"
        );
        assert!(text.contains("time mask 0.2, frequency mask 0.2"), "{text}");
    }
    let wrong = "dataset=two-classes&model=logistic&augment_rotate=181&augment_blur=much";
    let text = site.post("/runs/new/check", wrong).await.text;
    for (field, says) in [
        ("augment_rotate", "outside 0 to 180"),
        ("augment_blur", "no number"),
    ] {
        let (_, rest) = text.split_once(&format!("id=\"error-{field}\"")).unwrap();
        let said = rest.split("</p>").next().unwrap();
        assert!(said.contains(says), "{field}: {said}");
    }
    assert!(
        !text.contains("augmented.png"),
        "nothing to show while fields are wrong"
    );
}

#[tokio::test]
async fn layers_of_ones_own_are_checked_and_the_one_that_does_not_fit_is_named() {
    let site = Site::with_dataset("two classes").await;
    let form = |layers: &str| {
        let layers: String = layers.bytes().map(|b| format!("%{b:02X}")).collect();
        format!("dataset=two-classes&model=own&layers={layers}")
    };
    let right = "layers = [ { flatten = {} }, { linear = {} } ]";
    let answer = site.post("/runs/new/check", &form(right)).await;
    assert_eq!(answer.status, StatusCode::OK);
    // 3 × 6 × 8 inputs to 2 classes, with a bias each.
    assert!(answer.text.contains("290 parameters"), "{}", answer.text);

    let wrong = "layers = [ { flatten = {} }, { conv2d = { out = 4, kernel = 3 } } ]";
    let answer = site.post("/runs/new/check", &form(wrong)).await;
    let (_, rest) = answer.text.split_once("id=\"error-layers\"").unwrap();
    let said = rest.split("</p>").next().unwrap();
    assert!(said.contains("layer 2"), "{said}");
    assert!(
        answer.text.contains("conv2d = { out = 4"),
        "what was typed is kept"
    );
}

#[tokio::test]
async fn hostile_names_are_text_everywhere() {
    let site = Site::with_dataset("<script>alert(1)</script>").await;
    let hostile = "\"><script>alert(2)</script>";
    let run = site.with_run(hostile, 2).await;
    let patch = RunPatch {
        notes: Some(hostile.to_owned()),
        tags: Some(vec![hostile.to_owned()]),
        ..RunPatch::default()
    };
    site.store.patch_run(run, patch).await.unwrap();
    let dataset = site.store.datasets().await.unwrap()[0].id.clone();
    for path in [
        "/".to_owned(),
        format!(
            "/?text=%22%3E%3Cscript%3Ealert(3)&tag={hostile}",
            hostile = "%3Cscript%3E"
        ),
        format!("/runs/{run}"),
        format!("/runs/{run}/why"),
        format!("/runs/{run}/images"),
        format!("/runs/{run}/settings"),
        format!("/runs/{run}/edit"),
        format!("/runs/{run}/images?split=val&epoch=2"),
        format!("/runs/delete?runs={run}"),
        format!("/runs/new?from={run}&name=%3Cscript%3Ealert(4)"),
        "/datasets".to_owned(),
        format!("/datasets/{dataset}"),
        format!("/compare?runs={run}"),
        "/%3Cscript%3Ealert(5)".to_owned(),
    ] {
        let text = site.get(&path).await.text;
        assert!(!text.contains("<script>alert"), "{path}: {text}");
        assert!(!text.contains("<b>dark"), "{path}");
    }
}

#[tokio::test]
async fn each_section_of_a_run_has_its_address_and_is_complete_by_itself() {
    let site = Site::with_dataset("two classes").await;
    let run = site.with_run("a run", 120).await;
    for (section, says) in [
        (
            "",
            vec![
                "6 of 6",
                "1 of 2",
                "50.0",
                "/api/v1/runs/1/charts/accuracy.svg",
            ],
        ),
        ("/why", vec!["(6 of 6)", "The numbers behind it"]),
        ("/images", vec!["class=1&#38;predicted=1"]),
        ("/epochs", vec!["page 1 of 3", "Older epochs"]),
        ("/epochs?page=3", vec!["page 3 of 3", "Newer epochs"]),
        ("/settings", vec!["Batch size", "Downloads"]),
        ("/log", vec!["Nothing was logged yet"]),
    ] {
        let text = site.get(&format!("/runs/{run}{section}")).await.text;
        for says in says {
            assert!(text.contains(says), "{section} lacks {says}: {text}");
        }
        // Whichever section one is in, the others are a click away, and the run's name and state are there.
        for title in [
            "Overview",
            "Why",
            "Images",
            "Epochs",
            "Settings and files",
            "Log",
        ] {
            assert!(
                text.contains(&format!(">{title}</a>")),
                "{section} lacks {title}"
            );
        }
        assert!(
            text.contains("<h1>a run</h1>") && text.contains("epoch 120 of 120"),
            "{text}"
        );
    }

    let history = async |path: &str| {
        let text = site.get(path).await.text;
        let island = text.split("id=\"run-data\">").nth(1).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(island.split("</script>").next().unwrap()).unwrap();
        json
    };
    let json = history(&format!("/runs/{run}")).await;
    assert_eq!(json["history"]["epoch"].as_array().unwrap().len(), 120);
    assert_eq!(json["history"]["splits"]["val"]["correct"][119], 1);
    assert_eq!(json["chance"], 0.5);
    // What is fetched again at each epoch does not grow with them.
    let json = history(&format!("/runs/{run}/parts")).await;
    assert_eq!(json["history"]["epoch"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_cell_of_the_matrix_opens_its_images_the_most_mistaken_first() {
    let site = Site::with_dataset("two classes").await;
    let run = site.with_run("a run", 2).await;
    let page = |query: &str| format!("/runs/{run}/images?split=val&epoch=2{query}");
    let all = site.get(&page("")).await.text;
    assert_eq!(all.matches("<figure>").count(), 2);
    assert!(all.find("loss 2.300") < all.find("loss 0.200"));
    let one = site.get(&page("&class=0&predicted=1")).await.text;
    assert_eq!(one.matches("<figure>").count(), 1);
    let none = site.get(&page("&class=1&predicted=0")).await.text;
    assert!(none.contains("No image is in this cell"));
    let training = site
        .get(&format!("/runs/{run}/images?split=train&epoch=2"))
        .await;
    assert_eq!(training.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn deleting_runs_asks_first_and_keeps_those_that_go_on() {
    let site = Site::with_dataset("two classes").await;
    let going = site
        .post("/runs/new", "dataset=two-classes&model=logistic&name=waits")
        .await;
    assert_eq!(going.location, "/runs/1");
    let over = site.with_run("done", 1).await;
    let end = ProducerEvent::End {
        status: RunStatus::Finished,
        message: String::new(),
    };
    site.store
        .report(over, Attempt(1), vec![end])
        .await
        .unwrap();
    let asked = site
        .get(&format!("/runs/delete?runs=1&runs={over}"))
        .await
        .text;
    assert!(asked.contains("Delete 1 run?") && asked.contains("still go on"));
    assert_eq!(site.store.runs(Default::default()).await.unwrap().len(), 2);

    let done = site.post("/runs/delete", &format!("runs={over}")).await;
    assert_eq!(
        (done.status, done.location.as_str()),
        (StatusCode::SEE_OTHER, "/")
    );
    assert_eq!(site.store.runs(Default::default()).await.unwrap().len(), 1);
    let refused = site.post("/runs/delete", "runs=1").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_run_is_renamed_and_a_name_that_is_too_long_is_kept_with_its_error() {
    let site = Site::with_dataset("two classes").await;
    let run = site.with_run("old", 1).await;
    let long = "x".repeat(201);
    let wrong = site
        .post(
            &format!("/runs/{run}/edit"),
            &format!("name={long}&notes=&tags="),
        )
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("at most 200 characters") && wrong.text.contains(&long));
    let right = site
        .post(&format!("/runs/{run}/edit"), "name=new&notes=n&tags=x")
        .await;
    assert_eq!(right.location, format!("/runs/{run}"));
    assert_eq!(site.store.run(run).await.unwrap().name, "new");
}

#[tokio::test]
async fn the_list_is_filtered_sorted_and_paged() {
    let site = Site::with_dataset("two classes").await;
    for name in ["apple", "banana", "apple pie"] {
        site.with_run(name, 1).await;
    }
    let text = site.get("/?text=apple&sort=name&order=asc").await.text;
    let (first, second) = (text.find(">apple<"), text.find(">apple pie<"));
    assert!(first.is_some() && first < second && !text.contains(">banana<"));
    assert!(text.contains("aria-sort=\"ascending\""));
    let none = site.get("/?status=failed").await.text;
    assert!(none.contains("No run is like that"));
    let odd = site.get("/?status=nonsense&sort=nonsense&after=x").await;
    assert_eq!(odd.status, StatusCode::OK);
}

#[tokio::test]
async fn a_dataset_is_deleted_but_not_while_a_run_needs_it() {
    let site = Site::with_dataset("two classes").await;
    site.post("/runs/new", "dataset=two-classes&model=logistic")
        .await;
    let page = site.get("/datasets/two-classes").await.text;
    assert!(page.contains("1 run uses this dataset"), "{page}");
    assert!(page.contains("cancel that first"));
    let refused = site.post("/datasets/two-classes/delete", "").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    site.post("/runs/1/cancel", "").await;
    let done = site.post("/datasets/two-classes/delete", "").await;
    assert_eq!(done.location, "/datasets");
    assert!(site.store.datasets().await.unwrap().is_empty());
    // Its run is still shown.
    assert_eq!(site.get("/runs/1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn assets_are_compressed_immutable_and_found_by_their_hash_only() {
    let site = Site::new();
    let home = site.get("/").await.text;
    let (_, rest) = home.split_once("href=\"/assets/").unwrap();
    let style = format!("/assets/{}", rest.split('"').next().unwrap());
    let folder = style.rsplit_once('/').unwrap().0.to_owned();
    for name in ["style.css", "run.js", "plotly.js"] {
        let request =
            Request::get(format!("{folder}/{name}")).header(header::ACCEPT_ENCODING, "gzip, br");
        let response = site
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(
            response.headers()[header::CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
    }
    assert_eq!(
        site.get("/assets/0000/style.css").await.status,
        StatusCode::NOT_FOUND
    );
}
