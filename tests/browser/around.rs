//! The pages around a run: what begins or ends elsewhere appears on them by itself, and they stay short.

use crate::common::{TestServer, tiny_archive};
use crate::driver::{Browser, DESK, PHONE};
use crate::images::stripes_zip;
use serde_json::{Value, json};
use std::time::Duration;

/// What the page shows, with plain spaces.
const TEXT: &str = "document.body.innerText.replaceAll('\\u00a0', ' ')";

async fn open(browser: &Browser, server: &TestServer, path: &str) {
    browser
        .driver
        .goto(format!("{}{path}", server.url()))
        .await
        .unwrap();
    // Whatever follows must come to this document, without another load.
    browser.value_of("window.sameDocument = true").await;
}

/// Waits up to ten seconds for what a person is to see, and says what was seen instead.
async fn shows(browser: &Browser, expression: &str, what: &str) {
    let mut seen = Value::Null;
    for _ in 0..100 {
        seen = browser.value_of(expression).await;
        if seen == true {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen, true, "{what}\n{}", browser.text().await);
    assert_eq!(
        browser.value_of("window.sameDocument === true").await,
        true,
        "{what}: without a reload"
    );
}

async fn says(browser: &Browser, words: &str) {
    shows(
        browser,
        &format!("{TEXT}.includes({})", json!(words)),
        words,
    )
    .await;
}

/// A run that a script reports, on a dataset; gives its token.
fn external(server: &TestServer, spec: Value) -> (u64, String) {
    let mut whole = json!({"external": true, "train": {"epochs": 12}});
    for (name, value) in spec.as_object().unwrap() {
        whole[name] = value.clone();
    }
    let (status, run) = server.post("/api/v1/runs", &whole);
    assert_eq!(status, 201, "{run}");
    let token = run["token"].as_str().unwrap().to_owned();
    (run["id"].as_u64().unwrap(), token)
}

fn report(server: &TestServer, (run, token): &(u64, String), events: &[Value]) {
    let body = json!({"attempt": 1, "events": events});
    let (status, answer) = server.produce(&format!("/api/v1/runs/{run}/events"), token, &body);
    assert_eq!(status, 200, "{answer}");
}

fn epoch(number: u32, right: u32) -> Value {
    let metrics = |correct: u32, n: u32| json!({"loss": 1.5, "correct": correct, "n": n, "accuracy": f64::from(correct) / f64::from(n)});
    json!({"kind": "epoch", "data": {
        "epoch": number, "lr": 0.01, "seconds": 2.5,
        "train": metrics(627, 630), "val": metrics(right, 90), "test": metrics(14, 90),
    }})
}

fn end() -> Value {
    json!({"kind": "end", "data": {"status": "finished", "message": ""}})
}

#[tokio::test]
async fn a_dataset_that_was_taken_offers_a_run_with_it() {
    let server = TestServer::start();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    let archive = downloads.path().join("stripes.zip");
    std::fs::write(&archive, stripes_zip()).unwrap();
    open(&browser, &server, "/datasets").await;
    let file = browser.find("#file").await;
    file.send_keys(archive.to_str().unwrap()).await.unwrap();
    browser.click("#send").await;
    browser.click("#take").await;
    browser
        .wait_for("location.pathname === '/datasets/stripes' && document.readyState === 'complete'")
        .await;
    browser.value_of("window.sameDocument = true").await;
    says(&browser, "60 images, 3 classes").await;
    shows(
        &browser,
        "[...document.querySelectorAll('h1 ~ a.primary')].some(a => a.innerText === 'New run with it' && a.offsetHeight > 0)",
        "a dataset that has become ready offers a run with it",
    )
    .await;
    says(&browser, "The audit found").await;
    says(&browser, "no run uses this dataset").await;
    browser.click("#delete summary").await;
    let run = external(&server, json!({"dataset": "stripes", "name": "of stripes"}));
    says(&browser, "1 run uses this dataset").await;
    says(&browser, "A run that waits or goes on needs it").await;
    report(&server, &run, &[epoch(1, 16), end()]);
    says(&browser, "Delete “stripes” for good").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn runs_that_begin_and_end_appear_on_every_list() {
    let server = TestServer::with(&["--parallel", "0"]);
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;

    open(&browser, &server, "/").await;
    says(&browser, "No run yet.").await;
    let dataset = server.import("demo", &tiny_archive());
    assert_eq!(dataset["state"], "ready");
    says(&browser, "Launch the demonstration").await;
    let first = external(
        &server,
        json!({"dataset": "demo", "name": "first", "tags": ["mine"]}),
    );
    shows(
        &browser,
        "[...document.querySelectorAll('#filters #tag option')].some(o => o.value === 'mine')",
        "the filters come with the first run, its tag among them",
    )
    .await;
    // What one is at work with stays, when the next run begins above.
    browser.click("input[name=runs]").await;
    browser.fill("#text", "half a w").await;
    report(&server, &first, &[epoch(1, 16)]);
    says(&browser, "17.8 %").await;
    let second = external(&server, json!({"dataset": "demo", "name": "second"}));
    shows(
        &browser,
        "document.querySelector('.runs tbody tr .name a').innerText === 'second'",
        "the newest run is the first",
    )
    .await;
    let kept = browser
        .value_of(
            "[document.getElementById('text').value, [...document.querySelectorAll('input[name=runs]:checked')].map(i => i.value)]",
        )
        .await;
    assert_eq!(kept, json!(["half a w", [first.0.to_string()]]));
    report(&server, &first, &[end()]);
    let badge = format!(
        "document.querySelector('#run-{} .badge').innerText === 'finished'",
        first.0
    );
    shows(&browser, &badge, "a run that has ended says so").await;
    let sweep =
        json!({"dataset": "demo", "model": {"preset": "logistic"}, "train": {"seed": "1..3"}});
    let (_, group) = server.post("/api/v1/runs", &sweep);
    shows(
        &browser,
        "[...document.querySelectorAll('.title a')].some(a => a.innerText === 'Sweeps')",
        "the way to the sweeps comes with the first one",
    )
    .await;

    open(&browser, &server, &format!("/groups/{}", group["id"])).await;
    says(&browser, "3 queued").await;
    server.post(
        &format!("/api/v1/groups/{}/cancel", group["id"]),
        &json!({}),
    );
    says(&browser, "3 cancelled").await;
    says(&browser, "Delete…").await;

    open(&browser, &server, "/groups").await;
    let (_, other) = server.post("/api/v1/runs", &sweep);
    shows(
        &browser,
        &format!(
            "document.querySelectorAll('a[href=\"/groups/{}\"]').length > 0",
            other["id"]
        ),
        "a new sweep is in the list",
    )
    .await;

    open(
        &browser,
        &server,
        &format!("/compare?runs={},{}", first.0, second.0),
    )
    .await;
    report(&server, &second, &[epoch(1, 45), end()]);
    says(&browser, "50.0 % (45 of 90)").await;
    shows(
        &browser,
        "document.querySelectorAll('#chart .scatterlayer .trace').length === 4",
        "the other run's curves are drawn",
    )
    .await;

    open(&browser, &server, "/room").await;
    let third = external(&server, json!({"name": "third", "test": "sealed"}));
    says(&browser, "third").await;

    open(&browser, &server, &format!("/runs/{}/reveal", third.0)).await;
    says(&browser, "The run still goes on").await;
    report(&server, &third, &[epoch(1, 16), end()]);
    says(&browser, "Reveal them").await;

    let queued = other["runs"][0]["id"].as_u64().unwrap();
    open(&browser, &server, &format!("/runs/delete?runs={queued}")).await;
    says(&browser, "These still go on").await;
    server.post(
        &format!("/api/v1/groups/{}/cancel", other["id"]),
        &json!({}),
    );
    says(&browser, "Delete for good").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_form_that_is_half_filled_stays_so_when_datasets_come() {
    let server = TestServer::with(&["--parallel", "0"]);
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    open(&browser, &server, "/runs/new").await;
    says(&browser, "upload a dataset first").await;
    browser.fill("#name", "half a name").await;
    browser.fill("#epochs", "7").await;
    server.import("older", &tiny_archive());
    shows(
        &browser,
        "document.getElementById('dataset').selectedOptions[0]?.innerText === 'older' && document.getElementById('error-dataset').innerText === ''",
        "the first dataset is chosen as soon as it is there",
    )
    .await;
    server.import("newer", &tiny_archive());
    shows(
        &browser,
        "document.getElementById('dataset').options.length === 2",
        "the newer one can be chosen",
    )
    .await;
    let typed = browser
        .value_of("['dataset', 'name', 'epochs'].map(id => document.getElementById(id).value)")
        .await;
    assert_eq!(typed, json!(["older", "half a name", "7"]));

    // A field that is folded away is unfolded when it is wrong, and launching takes what is in it.
    browser.click("#fold-images summary").await;
    browser.fill("#height", "0").await;
    browser.click("#fold-images summary").await;
    browser.click("#launch").await;
    browser
        .wait_for(
            "document.querySelector('#problems .callout') && document.readyState === 'complete'",
        )
        .await;
    let wrong = browser
        .value_of("(f => [f.value, f.checkVisibility(), document.activeElement === f, document.getElementById('error-height').checkVisibility()])(document.getElementById('height'))")
        .await;
    assert_eq!(wrong, json!(["0", true, true, true]));
    // What was typed is still there when the page has looked at the data again.
    browser.value_of("window.sameDocument = true").await;
    server.import("newest", &tiny_archive());
    shows(
        &browser,
        "document.getElementById('dataset').options.length === 3",
        "a third dataset",
    )
    .await;
    let typed = browser
        .value_of("['dataset', 'name', 'epochs'].map(id => document.getElementById(id).value)")
        .await;
    assert_eq!(typed, json!(["older", "half a name", "7"]));
    says(&browser, "The run was not launched.").await;
    browser.fill("#height", "12").await;
    browser.click("#fold-images summary").await;
    browser.click("#launch").await;
    browser
        .wait_for("/^\\/runs\\/\\d+$/.test(location.pathname)")
        .await;
    let run = server.get("/api/v1/runs/1").1;
    let of_spec = [
        "/name",
        "/spec/dataset",
        "/spec/input/height",
        "/spec/train/epochs",
    ];
    let launched = of_spec.map(|path| run.pointer(path).cloned().unwrap_or_default());
    assert_eq!(
        Value::from(launched.to_vec()),
        json!(["half a name", "older", 12, 7])
    );
    // The refused launch is an error to the browser, and the only one.
    let errors = browser.console_errors().await;
    assert!(
        errors.iter().all(|error| error.contains("status of 422")),
        "{errors:?}"
    );
}

#[tokio::test]
async fn a_disk_that_fills_is_said_on_every_page_that_is_open() {
    // A small disk that nobody else fills meanwhile.
    let memory = std::path::Path::new("/dev/shm");
    let facts = nix::sys::statvfs::statvfs(memory).unwrap();
    let free_mib = (facts.blocks_available() * facts.fragment_size()) >> 20;
    // Pages warn below four times of what is kept free: here below 32 MiB less than there are.
    let kept = (free_mib / 4 - 8).to_string();
    let home = tempfile::tempdir_in(memory).unwrap();
    let server = TestServer::at(home, &["--parallel", "0", "--keep-free", &kept]);
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    open(&browser, &server, "/diagnose").await;
    browser.fill("#pasted", "half a history").await;
    let banner = "document.getElementById('notice').checkVisibility()";
    assert_eq!(browser.value_of(banner).await, false);
    let large = server.home().join("large");
    std::fs::write(&large, vec![1; 40 << 20]).unwrap();
    shows(&browser, banner, "the banner comes while the page is open").await;
    says(&browser, "runs pause and nothing more is taken. Make room").await;
    std::fs::remove_file(large).unwrap();
    shows(
        &browser,
        &format!("!{banner}"),
        "it goes when there is room",
    )
    .await;
    let typed = browser
        .value_of("document.getElementById('pasted').value")
        .await;
    assert_eq!(typed, "half a history");
}

/// What is wrong with the layout of the page that is open: too high, cut off at the side, two primary buttons within one
/// screen, a number apart from its unit, a heading that skips a level, a control without a name.
const FAULTS: &str = r#"(() => {
  const faults = [];
  const say = (what) => faults.push(what);
  const seen = (e) => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().width > 1;
  if (innerWidth >= 1000 && document.documentElement.scrollHeight > 3200) say(`${document.documentElement.scrollHeight} px high`);
  if (document.documentElement.scrollWidth > innerWidth) say(`${document.documentElement.scrollWidth} px wide`);
  for (const cell of document.querySelectorAll("th, td")) {
    if (!seen(cell) || cell.closest(".scroll, .sr")) continue;
    const edge = cell.closest(".card").getBoundingClientRect().right;
    if (cell.getBoundingClientRect().right > edge + 1) say(`cut off: ${cell.innerText}`);
  }
  const primary = [...document.querySelectorAll(".primary")].filter(seen).map((e) => [e.getBoundingClientRect().top, e.innerText]).sort((a, b) => a[0] - b[0]);
  primary.slice(1).forEach(([top, text], i) => top - primary[i][0] < 800 && say(`two primary: ${primary[i][1]}, ${text}`));
  const walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const line = (node, at) => (range.setStart(node, at), range.setEnd(node, at + 1), range.getBoundingClientRect());
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (!seen(node.parentElement) || ["METER", "PROGRESS"].includes(node.parentElement.tagName)) continue;
    for (const found of node.data.matchAll(/\d([ \u00a0])(%|points|min|s|MB|kB|GB)(?![\w])/g)) {
      const [number, unit] = [line(node, found.index), line(node, found.index + 2)];
      if (unit.top > number.bottom - 2) say(`parted: ${node.data.slice(Math.max(0, found.index - 20), found.index + 8)}`);
    }
  }
  let level = 0;
  for (const heading of document.querySelectorAll("main h1, main h2, main h3, main h4")) {
    const now = Number(heading.localName[1]);
    if (now > level + 1) say(`h${level} before h${now}: ${heading.textContent}`);
    level = now;
  }
  for (const control of document.querySelectorAll("main a, main button, main input:not([type=hidden]), main select, main textarea")) {
    if (control.closest(".js-plotly-plot")) continue;
    const named = control.innerText?.trim() || control.getAttribute("aria-label") || control.textContent.trim() || control.querySelector("img[alt]") || control.labels?.length;
    if (!named) say(`without a name: ${control.outerHTML.slice(0, 80)}`);
  }
  return faults;
})()"#;

/// Server with what pages get long from: long names and tags, 60 runs, 30 datasets, sweeps, an audit.
fn filled() -> TestServer {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("stripes", &stripes_zip());
    for number in 0..30 {
        let (status, answer) =
            server.upload(&format!("pictures of the season {number}"), &tiny_archive());
        assert_eq!(status, 201, "{answer}");
    }
    for number in 0..60 {
        let name =
            format!("a network with a long name, so that its row needs lines, number {number}");
        let tags = json!(["night", "with augmentation"]);
        let run = external(
            &server,
            json!({"dataset": "stripes", "name": name, "tags": tags}),
        );
        report(&server, &run, &[epoch(1, 16), epoch(2, 17), end()]);
    }
    let sweep =
        json!({"dataset": "stripes", "model": {"preset": "logistic"}, "train": {"seed": "1..30"}});
    server.post("/api/v1/runs", &sweep);
    for _ in 0..30 {
        let sweep = json!({"dataset": "stripes", "model": {"preset": "logistic"}, "train": {"seed": "1..2"}});
        server.post("/api/v1/runs", &sweep);
    }
    server.wait("/api/v1/datasets/stripes", |dataset| {
        dataset["audit"]["state"] == "done"
    });
    server.wait("/api/v1/datasets", |all| {
        let all = all.as_array().unwrap();
        all.iter().all(|dataset| dataset["state"] == "ready")
    });
    server
}

#[tokio::test]
async fn no_page_is_longer_than_four_screens_or_has_two_primary_actions_on_one() {
    let server = filled();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    let ten: Vec<String> = (1..=10).map(|run| run.to_string()).collect();
    let pages = [
        "/".to_owned(),
        "/?after=30".to_owned(),
        "/datasets".to_owned(),
        "/datasets/stripes".to_owned(),
        "/runs/new".to_owned(),
        "/runs/new?dataset=stripes&model=cnn-bilstm-no-dropout&height=64&width=128".to_owned(),
        "/groups".to_owned(),
        "/groups/1".to_owned(),
        format!("/compare?runs={}", ten.join(",")),
        "/diagnose".to_owned(),
        "/room".to_owned(),
        "/room/checkpoints?beyond_best=1".to_owned(),
        format!("/runs/delete?runs={}", ten.join(",")),
        "/groups/1/delete".to_owned(),
        "/runs/1/edit".to_owned(),
        "/runs/9999".to_owned(),
    ];
    let mut faults = Vec::new();
    for screen in [DESK, PHONE] {
        browser.resize(screen).await;
        for page in &pages {
            open(&browser, &server, page).await;
            let of_page = browser.value_of(FAULTS).await;
            for fault in of_page.as_array().unwrap() {
                faults.push(format!("{page} at {}: {fault}", screen.0));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}
