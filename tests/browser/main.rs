//! A person's way through the dashboard, in a headless browser: upload, launch, watch, cancel, download.

mod accessibility;
mod around;
mod charts;
mod charts_read;
#[path = "../common/mod.rs"]
mod common;
mod drawn;
mod driver;
mod forwarder;
mod images;
mod journey;
mod page;
mod pictures;
mod run;
mod site;
mod sweep;

use common::TestServer;
use driver::Browser;

/// The curves that are drawn, by the legend's names, with the points of each path.
const CURVES: &str = "Object.fromEntries([...document.querySelectorAll('#accuracy-legend button[aria-pressed=true]')] \
    .map((b, i) => [b.innerText.trim().split(' ')[0], \
        (document.querySelectorAll('#accuracy path.js-line')[i]?.getAttribute('d').match(/[ML]/g) ?? []).length]))";

async fn upload(browser: &Browser, server: &TestServer, folder: &std::path::Path) {
    let archive = folder.join("stripes.zip");
    std::fs::write(&archive, images::stripes_zip()).unwrap();
    browser
        .driver
        .goto(format!("{}/datasets", server.url()))
        .await
        .unwrap();
    browser
        .find("#file")
        .await
        .send_keys(archive.to_str().unwrap())
        .await
        .unwrap();
    browser.click("#send").await;
    browser
        .wait_for("document.body.innerText.includes('split as found; labels by folder')")
        .await;
    browser.click("#take").await;
    browser
        .wait_for("location.pathname === '/datasets/stripes'")
        .await;
    browser
        .wait_for("document.body.innerText.includes('slanted')")
        .await;
}

/// Fills the form for `stripes` and launches; ends on the run's page.
async fn launch(browser: &Browser, server: &TestServer, model: &str, epochs: u32) {
    let form = format!(
        "{}/runs/new?dataset=stripes&model={model}&height=16&width=16",
        server.url()
    );
    browser.driver.goto(&form).await.unwrap();
    browser.fill("#epochs", &epochs.to_string()).await;
    browser.fill("#name", &format!("{model} on stripes")).await;
    browser.click("#launch").await;
    browser
        .wait_for("/^\\/runs\\/\\d+$/.test(location.pathname)")
        .await;
}

#[tokio::test]
async fn a_dataset_is_uploaded_a_run_watched_another_cancelled_and_a_checkpoint_downloaded() {
    let server = TestServer::start();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;

    browser.driver.goto(server.url()).await.unwrap();
    browser
        .wait_for("document.body.innerText.includes('upload a dataset')")
        .await;
    upload(&browser, &server, downloads.path()).await;

    launch(&browser, &server, "cnn-gap", 40).await;
    browser.value_of("window.loadedOnce = true").await;
    for epochs in 1..=3 {
        browser
            .wait_for(&format!(
                "(c => ['training', 'validation', 'test'].every(n => c[n] >= {epochs}))({CURVES})"
            ))
            .await;
    }
    browser
        .wait_for("document.querySelector('#status .badge').dataset.status === 'finished'")
        .await;
    assert_eq!(
        browser.value_of("window.loadedOnce").await,
        true,
        "the epochs arrived without a reload"
    );
    browser
        .wait_for(&format!(
            "(c => c.training === 40 && c.validation === 40 && c.test === 40)({CURVES})"
        ))
        .await;

    browser.click(".sections a[href$='/settings']").await;
    browser
        .click("a[href$='/checkpoints/best.safetensors']")
        .await;
    let file = downloads.path().join("run-1-best.safetensors");
    for _ in 0..200 {
        if file.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let bytes = std::fs::read(&file).expect("the checkpoint was downloaded");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert!(tensors.names().iter().any(|n| n.ends_with("running_mean")));

    launch(&browser, &server, "mlp", 100_000).await;
    browser.wait_for(&format!("({CURVES}).training >= 1")).await;
    browser.click("#cancel").await;
    browser
        .wait_for("document.querySelector('#status .badge').dataset.status === 'cancelled'")
        .await;

    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_field_is_named_beside_it_and_what_was_typed_stays() {
    let server = TestServer::start();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    upload(&browser, &server, downloads.path()).await;

    browser
        .driver
        .goto(format!(
            "{}/runs/new?dataset=stripes&model=logistic",
            server.url()
        ))
        .await
        .unwrap();
    browser.fill("#batch_size", "0").await;
    browser.fill("#lr", "NaN").await;
    browser.click("#launch").await;
    browser
        .wait_for("document.querySelector('#error-batch_size').innerText !== ''")
        .await;
    browser
        .wait_for("document.querySelector('#error-lr').innerText !== ''")
        .await;
    assert_eq!(
        browser
            .value_of("document.querySelector('#lr').value")
            .await,
        "NaN"
    );
    assert_eq!(browser.value_of("location.pathname").await, "/runs/new");
}
