//! A new user's way, from an empty home to the demonstration's answer with a remedy that is proved.

use crate::common::TestServer;
use crate::driver::Browser;
use std::time::{Duration, Instant};

const MOST_CLICKS: u32 = 6;
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// Of the demonstration's 90 validation images, how many a remedy that is proved gets right at least.
const LEAST_RIGHT: u64 = 80;

/// The one action that the answer proposes, if there is one that can be clicked.
const ACTION: &str = "#answer :is(a, button).primary:not(:disabled)";
/// How many of the 90 validation images are right with the remedy that the answer names, if it names one.
const RIGHT_WITH_IT: &str = "Number(/(\\d+) of 90\\b(?!.*\\d+ of 90\\b)/s.exec(document.querySelector('#answer [data-proved]')?.innerText)?.[1] ?? 0)";

#[tokio::test]
async fn few_clicks_lead_from_an_empty_home_to_a_remedy_that_is_proved() {
    let start = Instant::now();
    let end = start + LONGEST;
    let server = TestServer::with_demonstration();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    browser.driver.goto(server.url()).await.unwrap();
    browser.click("#story button.primary").await;
    browser
        .wait_for("/^\\/runs\\/\\d+$/.test(location.pathname)")
        .await;
    let mut clicks = 1;
    let mut way = Vec::new();
    loop {
        let action = format!("document.querySelector({ACTION:?})");
        browser
            .wait_until(
                &format!("{RIGHT_WITH_IT} >= {LEAST_RIGHT} || {action}"),
                end,
            )
            .await;
        if browser.value_of(RIGHT_WITH_IT).await.as_u64() >= Some(LEAST_RIGHT) {
            break;
        }
        let words = browser.value_of(&format!("{action}.innerText")).await;
        way.push(format!("{:.0} s: {words}", start.elapsed().as_secs_f64()));
        browser.click(ACTION).await;
        clicks += 1;
        assert!(
            clicks <= MOST_CLICKS,
            "more than {MOST_CLICKS} clicks: {way:#?}"
        );
        // What was clicked is under way, and no longer proposed.
        let taken = format!("{action}?.innerText !== {words}");
        browser.wait_until(&taken, end).await;
    }
    let sentence = browser.find("#answer").await.text().await.unwrap();
    println!(
        "{clicks} clicks and {:.0} s: {way:#?}\n{sentence}",
        start.elapsed().as_secs_f64()
    );
}
