//! A run's page as a person meets it: what the first screen holds, and what appears while the run goes on and when it ends.

use crate::charts::started;
use crate::common::TestServer;
use crate::drawn::{Script, usual};
use crate::driver::Browser;
use crate::upload;
use serde_json::json;

/// Lower edge of an element in the whole page, in pixels.
async fn bottom(browser: &Browser, css: &str) -> f64 {
    let script = format!(
        "document.querySelector({}).getBoundingClientRect().bottom + scrollY",
        json!(css)
    );
    browser.value_of(&script).await.as_f64().unwrap()
}

#[tokio::test]
async fn the_first_screen_has_numbers_answer_and_charts_while_the_run_goes_on_and_after() {
    let (server, _downloads, browser) = started().await;
    let script = Script::start(&server);
    script.send(&(1..=20).map(usual).collect::<Vec<_>>());
    for over in [false, true] {
        if over {
            script.send(&[json!({"kind": "end", "data": {"status": "finished", "message": ""}})]);
        }
        browser.resize((1280, 800)).await;
        browser.driver.goto(script.url()).await.unwrap();
        browser
            .wait_for("document.querySelector('#gap path.js-line')")
            .await;
        for part in ["#numbers", "#answer", "#accuracy", "#gap"] {
            let bottom = bottom(&browser, part).await;
            assert!(bottom <= 800.0, "over: {over}: {part} ends at {bottom} px");
        }
        browser.resize((390, 844)).await;
        browser.driver.goto(script.url()).await.unwrap();
        browser
            .wait_for("document.querySelector('#accuracy path.js-line')")
            .await;
        let chart = bottom(&browser, "#accuracy").await;
        assert!(
            chart <= 2.0 * 844.0,
            "over: {over}: on a phone the chart ends at {chart} px"
        );
    }
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_large_numbers_are_those_of_the_newest_epoch() {
    let (server, _downloads, browser) = started().await;
    let script = Script::start(&server);
    script.send(&[usual(1)]);
    browser.driver.goto(script.url()).await.unwrap();
    let metrics = |correct: u32, n: u32| json!({"loss": 1.0, "correct": correct, "n": n, "accuracy": f64::from(correct) / f64::from(n)});
    script.send(&[json!({"kind": "epoch", "data": {
        "epoch": 2, "lr": 0.1, "seconds": 1.0, "train": metrics(627, 630), "val": metrics(16, 90), "test": metrics(14, 90)
    }})]);
    let says = |key: &str| {
        format!(
            "document.querySelector('[data-number={key}]').innerText.replace(/\\s+/g, ' ').trim()"
        )
    };
    // Words and intervals: Wilson's for a share, Newcombe's for the gap.
    for (key, text) in [
        ("train", "training 99.5 % 627 of 630 98.6 to 99.8 %"),
        ("val", "validation 17.8 % 16 of 90 11.2 to 26.9 %"),
        ("test", "test 15.6 % 14 of 90 9.5 to 24.4 %"),
        (
            "gap-val",
            "gap 81.7 points training − validation 72.5 to 88.3",
        ),
    ] {
        browser
            .wait_for(&format!("{} === {}", says(key), json!(text)))
            .await;
    }
}

#[tokio::test]
async fn a_form_to_classify_and_downloads_appear_with_the_first_checkpoint() {
    let server = TestServer::with(&["--parallel", "1"]);
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    upload(&browser, &server, downloads.path()).await;
    // It waits while another run trains: there is nothing yet.
    let spec = |preset: &str, epochs: u32| {
        json!({"dataset": "stripes", "model": {"preset": preset}, "train": {"epochs": epochs, "early_stopping": false},
               "input": {"height": 16, "width": 16}})
    };
    let first = server.launch(&spec("mlp", 100_000));
    let second = server.launch(&spec("cnn-gap", 30));
    let page = format!("{}/runs/{second}/images", server.url());
    browser.driver.goto(&page).await.unwrap();
    browser
        .wait_for("document.body.innerText.includes('There is no checkpoint here')")
        .await;
    let (status, answer) = server.post(&format!("/api/v1/runs/{first}/cancel"), &json!({}));
    assert!(status < 300, "{answer}");
    browser.value_of("window.loadedOnce = true").await;
    browser
        .wait_for("document.querySelector('#status .badge').innerText === 'finished'")
        .await;
    browser
        .wait_for("document.querySelector('#classify button')?.innerText === 'Classify'")
        .await;
    browser
        .wait_for("!document.body.innerText.includes('There is no checkpoint here')")
        .await;
    // The matrix followed the run to its last epoch.
    browser
        .wait_for("document.getElementById('matrix').innerText.includes('After epoch 30')")
        .await;
    assert_eq!(browser.value_of("window.loadedOnce").await, true);
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}
