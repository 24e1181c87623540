//! A new user's way, from an empty home to the demonstration's answer with a remedy that is proved.

use crate::common::TestServer;
use crate::driver::Browser;
use std::time::{Duration, Instant};

const MOST_CLICKS: usize = 6;
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// Of the demonstration's 90 validation images, how many a proved remedy gets right at least.
const LEAST_RIGHT: u64 = 80;

/// The one thing to do that the answer proposes, if there is one that can be clicked.
const ACTION: &str = "#answer :is(a, button).primary:not(:disabled)";
/// How many of the 90 validation images are right with the remedy that the answer names; null if it names none.
const RIGHT: &str = r"(found => found && Number(found[1]))(
    /With .+, validation rises from .+ \(\d+ of 90\) to .+ \((\d+) of 90\)/
        .exec(document.querySelector('#answer')?.innerText))";

#[tokio::test]
#[ignore = "trains for minutes, and wants the release build: make journey"]
async fn six_clicks_and_five_minutes_lead_from_an_empty_home_to_a_remedy_that_is_proved() {
    let start = Instant::now();
    let end = start + LONGEST;
    let server = TestServer::with_demonstration();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    browser.driver.goto(server.url()).await.unwrap();
    let mut way = vec![click(&browser, "#story button.primary", start).await];
    browser
        .wait_until("/^\\/runs\\/\\d+$/.test(location.pathname)", end)
        .await;
    let action = format!("document.querySelector({ACTION:?})");
    let proved = format!("{RIGHT} != null");
    loop {
        browser
            .wait_until(&format!("{proved} || {action}"), end)
            .await;
        if browser.value_of(&proved).await == true {
            break;
        }
        assert!(way.len() < MOST_CLICKS, "no proof after {way:#?}");
        let words = browser.value_of(&format!("{action}.innerText")).await;
        way.push(click(&browser, ACTION, start).await);
        // What was clicked is under way, and is no longer proposed.
        browser
            .wait_until(&format!("{action}?.innerText !== {words}"), end)
            .await;
    }
    let said = browser.find("#answer").await.text().await.unwrap();
    println!("{way:#?} {:.0} s: {said}", start.elapsed().as_secs_f64());
    assert!(
        browser.value_of(RIGHT).await.as_u64() >= Some(LEAST_RIGHT),
        "{said}"
    );
}

/// Clicks; gives the seconds since the start and what was clicked.
async fn click(browser: &Browser, css: &str, start: Instant) -> String {
    let words = browser.find(css).await.text().await.unwrap();
    browser.click(css).await;
    format!("{:.0} s: {words}", start.elapsed().as_secs_f64())
}
