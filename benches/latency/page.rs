//! From an epoch's sending to its place in the drawn curves of a run's page, all three charts and their axes, in chromium.

use crate::common::TestServer;
use crate::drawn::{Script, usual};
use crate::driver::Browser;
use crate::forwarder::Forwarder;
use crate::images::stripes_zip;
use crate::{heading, report, row};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;

/// Epochs that are measured for one line of the table.
const MEASURED: u32 = 100;
/// From one epoch to the next, milliseconds, with up to as much more by half.
const BETWEEN: u64 = 200;

/// Notes when each epoch is drawn: the last point of the first curve, by two numbers below the axis, within the plot. Only
/// attributes are read, so that the browser lays nothing out for it.
const WATCH: &str = r#"
window.drawnAt = {};
document.addEventListener("visibilitychange", () => { if (!document.hidden) window.shownAt = Date.now(); });
for (const id of ["accuracy", "gap", "loss"]) {
  const chart = document.getElementById(id);
  const at = (window.drawnAt[id] = {});
  let last = null;
  const look = () => {
    const d = chart.querySelector("path.js-line")?.getAttribute("d");
    const plot = chart.querySelector(".nsewdrag");
    const ticks = [...chart.querySelectorAll(".xtick text")].map((t) => [Number(t.textContent), Number(t.getAttribute("x")) + Number(/translate\(([-\d.]+)/.exec(t.getAttribute("transform"))?.[1] ?? 0)]);
    if (!d || !plot || ticks.length < 2) return;
    const [left, width] = ["x", "width"].map((name) => Number(plot.getAttribute(name)));
    const x = Number(d.slice(Math.max(d.lastIndexOf("L"), d.lastIndexOf("M")) + 1).split(/[ ,]/)[0]);
    const [[from, a], [to, b]] = [ticks[0], ticks.at(-1)];
    const epoch = Math.round(from + ((left + x - a) / (b - a)) * (to - from));
    if (x > width || epoch === last) return;
    const now = performance.timeOrigin + performance.now();
    for (let e = last === null ? epoch : last + 1; e <= epoch; e++) at[e] ??= now;
    last = epoch;
  };
  new MutationObserver(look).observe(chart, { subtree: true, childList: true, attributes: true, attributeFilter: ["d", "transform"] });
  look();
}
"#;

/// Milliseconds since 1970, by the clock that the page reads, too.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is later than 1970").as_secs_f64() * 1e3
}

pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("threads for the driver").block_on(measure());
}

async fn measure() {
    let server = TestServer::start();
    let downloads = tempfile::tempdir().expect("a folder");
    let browser = Browser::start(downloads.path()).await;
    let stripes = server.import("stripes", &stripes_zip());
    println!(
        "ms from an epoch's sending to its drawn path, all three charts, over {MEASURED} epochs a line"
    );
    heading("what");
    let times = following(&server, &browser, 1_000, "light", BETWEEN).await;
    row("1000 epochs, light, nothing else to do", times.into_iter());
    let worker = train(&server, &stripes["id"]);
    for theme in ["light", "dark"] {
        for epochs in [100, 1_000, 10_000] {
            let times = following(&server, &browser, epochs, theme, BETWEEN).await;
            row(
                &format!("{epochs} epochs, {theme}, a worker training"),
                times.into_iter(),
            );
        }
    }
    let times = following(&server, &browser, 1_000, "light", 20).await;
    row(
        "1000 epochs, 50 a second, a worker training",
        times.into_iter(),
    );
    let times = shown_again(&server, &browser).await;
    row(
        "a hidden tab shown again, a worker training",
        times.into_iter(),
    );
    let times = connected_again(&server, &browser).await;
    row("the connection back, a worker training", times.into_iter());
    server.post(&format!("/api/v1/runs/{worker}/cancel"), &json!({}));
    server.wait_run(worker, |run| run["status"] == "cancelled");
}

/// Starts a worker that keeps every core busy; gives its run.
fn train(server: &TestServer, dataset: &serde_json::Value) -> u64 {
    let run = server.launch(&json!({
        "dataset": dataset, "model": {"preset": "cnn-bilstm"}, "input": {"height": 128, "width": 256},
        "train": {"epochs": 100_000, "early_stopping": false},
    }));
    server.wait_run(run, |run| run["epoch"].as_u64() > Some(0));
    run
}

/// A page with a run of so many epochs, in a theme; the run's script.
async fn opened<'a>(
    server: &'a TestServer,
    browser: &Browser,
    address: &str,
    (epochs, theme): (u32, &str),
) -> Script<'a> {
    let script = Script::start(server);
    script.send(&(1..=epochs).map(usual).collect::<Vec<_>>());
    let run = format!("{address}/runs/{}", script.id);
    browser.driver.goto(&run).await.expect("the page opens");
    browser
        .value_of(&format!("localStorage.setItem('theme', {})", json!(theme)))
        .await;
    browser.driver.goto(&run).await.expect("the page opens");
    browser
        .driver
        .execute(WATCH, vec![])
        .await
        .expect("the page is watched");
    drawn(browser, epochs).await;
    script
}

/// Waits until all charts have an epoch; gives the times at which they had it, milliseconds since 1970.
async fn drawn(browser: &Browser, epoch: u32) -> f64 {
    browser
        .wait_for(&format!(
            "Object.values(drawnAt).every((at) => at[{epoch}])"
        ))
        .await;
    at(browser, epoch).await
}

async fn at(browser: &Browser, epoch: u32) -> f64 {
    let last = format!("Math.max(...Object.values(drawnAt).map((at) => at[{epoch}]))");
    browser.value_of(&last).await.as_f64().expect("it is drawn")
}

/// Seconds from each epoch's sending until it is drawn, `between` milliseconds or up to half as much more apart.
async fn following(
    server: &TestServer,
    browser: &Browser,
    epochs: u32,
    theme: &str,
    between: u64,
) -> Vec<f64> {
    let script = opened(server, browser, server.url(), (epochs, theme)).await;
    let mut sent = Vec::new();
    for number in epochs + 1..=epochs + MEASURED {
        let begin = now();
        script.send(&[report(number)]);
        sent.push((number, begin));
        let pause = between + u64::from(number) * 37 % (between / 2);
        let spent = (now() - begin) as u64;
        sleep(Duration::from_millis(pause.saturating_sub(spent))).await;
    }
    drawn(browser, epochs + MEASURED).await;
    let mut times = Vec::new();
    for (number, begin) in sent {
        times.push((at(browser, number).await - begin) / 1e3);
    }
    times
}

/// Seconds from showing a tab again, after epochs came while it was hidden.
async fn shown_again(server: &TestServer, browser: &Browser) -> Vec<f64> {
    let script = opened(server, browser, server.url(), (1_000, "light")).await;
    let mut times = Vec::new();
    for round in 1..=MEASURED / 5 {
        browser.hide().await;
        let last = 1_000 + 10 * round;
        script.send(&(last - 9..=last).map(report).collect::<Vec<_>>());
        sleep(Duration::from_millis(500)).await;
        browser.show().await;
        let drawn = drawn(browser, last).await;
        let shown = browser.value_of("shownAt").await;
        times.push((drawn - shown.as_f64().expect("it was shown")) / 1e3);
    }
    times
}

/// Seconds from the network's return, after epochs came while it was cut.
async fn connected_again(server: &TestServer, browser: &Browser) -> Vec<f64> {
    let network = Forwarder::to(server.url().trim_start_matches("http://"));
    let script = opened(server, browser, &network.url(), (1_000, "light")).await;
    let mut times = Vec::new();
    for round in 1..=MEASURED / 5 {
        network.cut();
        let last = 1_000 + 10 * round;
        script.send(&(last - 9..=last).map(report).collect::<Vec<_>>());
        sleep(Duration::from_millis(1_500 + u64::from(round) * 37 % 500)).await;
        let mended = now();
        network.mend();
        times.push((drawn(browser, last).await - mended) / 1e3);
    }
    times
}
