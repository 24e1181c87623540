//! From a list in a field to a sweep's table, a sealed run's test figures, and an image of one's own.

use crate::common::TestServer;
use crate::driver::Browser;
use crate::images::stripe;
use crate::upload;

#[tokio::test]
async fn a_list_launches_a_sweep_and_one_of_its_sealed_runs_classifies_and_is_revealed() {
    let server = TestServer::start();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    upload(&browser, &server, downloads.path()).await;
    let form = format!(
        "{}/runs/new?dataset=stripes&model=logistic&height=16&width=16&test=sealed",
        server.url()
    );
    browser.driver.goto(&form).await.unwrap();
    browser.fill("#epochs", "6").await;
    browser.fill("#seed", "1..3").await;
    browser
        .wait_for("document.getElementById('runs').innerText.includes('3 runs: 3 of seed')")
        .await;
    browser.click("#launch").await;
    browser
        .wait_for("/^\\/groups\\/\\d+$/.test(location.pathname)")
        .await;
    browser
        .wait_for("document.querySelector('#group-status .badge').innerText === '3 finished'")
        .await;
    // The table came up to date by itself; the means are in it, and nothing of test.
    browser
        .wait_for("document.getElementById('means').innerText.includes('the same settings')")
        .await;
    browser
        .wait_for("document.getElementById('group-runs').innerText.includes('sealed')")
        .await;

    browser.click("#group-runs tbody a").await;
    browser
        .wait_for("/^\\/runs\\/\\d+$/.test(location.pathname)")
        .await;
    browser.click(".sections a[href$='/images']").await;
    let image = downloads.path().join("mine.png");
    std::fs::write(&image, stripe(1)).unwrap();
    let files = browser.find("#images").await;
    files.send_keys(image.to_str().unwrap()).await.unwrap();
    browser
        .wait_for("/^mine.png: (across|down|slanted)$/.test(document.querySelector('#classified h3')?.innerText)")
        .await;
    assert_eq!(
        browser.value_of("document.activeElement.id").await,
        "classified"
    );

    browser.click(".sections a").await;
    browser
        .wait_for("document.querySelector('[data-number=test]').innerText.includes('sealed')")
        .await;
    browser.click("#reveal").await;
    browser
        .wait_for("location.pathname.endsWith('/reveal')")
        .await;
    browser.click("#reveal").await;
    browser
        .wait_for("/ of \\d+/.test(document.querySelector('[data-number=test]')?.innerText)")
        .await;
    browser.click(".sections a[href$='/why']").await;
    browser
        .wait_for("document.getElementById('test').innerText.includes('looked at 1 time by 1 run')")
        .await;
    browser.click(".sections a[href$='/epochs']").await;
    browser
        .wait_for("!document.getElementById('epochs').innerText.includes('sealed')")
        .await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}
