//! A run's charts while it goes on: each epoch is drawn when it comes, whatever happens to tab, theme and connection.

use crate::common::TestServer;
use crate::drawn::{CHARTS, Drawn, Script, reaches, usual};
use crate::driver::Browser;
use crate::forwarder::Forwarder;
use crate::{launch, upload};
use std::time::Duration;

pub async fn open(browser: &Browser, script: &Script<'_>) {
    browser.driver.goto(script.url()).await.unwrap();
}

pub async fn started() -> (TestServer, tempfile::TempDir, Browser) {
    let server = TestServer::start();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    (server, downloads, browser)
}

#[tokio::test]
async fn every_epoch_is_drawn_within_a_second_in_both_themes_and_after_the_tab_was_hidden() {
    let (server, _downloads, browser) = started().await;
    let script = Script::start(&server);
    script.send(&[usual(1), usual(2)]);
    open(&browser, &script).await;
    for id in CHARTS {
        reaches(&browser, id, 2).await;
    }
    let light = Drawn::read(&browser, "accuracy").await.lines[0]
        .stroke
        .clone();
    for number in 3..=8 {
        script.send(&[usual(number)]);
        for id in CHARTS {
            let drawn = reaches(&browser, id, number).await;
            for line in &drawn.lines {
                assert_eq!(line.points.len(), number as usize, "{id}, epoch {number}");
            }
        }
    }
    // Auto, then light, then dark.
    browser.click("#theme").await;
    browser.click("#theme").await;
    for number in 9..=12 {
        script.send(&[usual(number)]);
        for id in CHARTS {
            reaches(&browser, id, number).await;
        }
    }
    let dark = Drawn::read(&browser, "accuracy").await.lines[0]
        .stroke
        .clone();
    assert_eq!(
        (&*light, &*dark),
        ("rgb(11, 95, 191)", "rgb(108, 176, 255)")
    );

    browser.hide().await;
    script.send(&(13..=40).map(usual).collect::<Vec<_>>());
    browser.show().await;
    for id in CHARTS {
        reaches(&browser, id, 40).await;
    }
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_came_while_the_connection_was_lost_is_drawn_within_a_second_of_its_return() {
    let (server, _downloads, browser) = started().await;
    let network = Forwarder::to(server.url().trim_start_matches("http://"));
    let script = Script::start(&server);
    script.send(&[usual(1), usual(2)]);
    let page = format!("{}/runs/{}", network.url(), script.id);
    browser.driver.goto(page).await.unwrap();
    reaches(&browser, "loss", 2).await;
    network.cut();
    script.send(&(3..=20).map(usual).collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_millis(1_700)).await;
    let drawn = Drawn::read(&browser, "loss").await;
    assert!(drawn.last_epoch(0) < 2.5, "the connection was cut");
    network.mend();
    reaches(&browser, "loss", 20).await;
}

#[tokio::test]
async fn a_run_that_trains_is_drawn_to_its_end() {
    let (server, downloads, browser) = started().await;
    upload(&browser, &server, downloads.path()).await;
    launch(&browser, &server, "cnn-gap", 30).await;
    browser.value_of("window.loadedOnce = true").await;
    browser
        .wait_for("document.querySelector('#status .badge').dataset.status === 'finished'")
        .await;
    for id in CHARTS {
        let drawn = reaches(&browser, id, 30).await;
        let points: Vec<usize> = drawn.lines.iter().map(|line| line.points.len()).collect();
        assert_eq!(points, vec![30; if id == "gap" { 2 } else { 3 }], "{id}");
    }
    assert_eq!(
        browser.value_of("window.loadedOnce").await,
        true,
        "without a reload"
    );
}
