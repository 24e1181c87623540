//! What holds for every page: axe-core finds nothing, none is wider than its window, and none is longer than four screens.

use crate::driver::{Browser, DESK, PHONE, Theme};
use crate::site::{Page, Site};
use std::fmt::Write;

/// Where `make axe` lays axe-core.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/axe/axe.min.js");
/// A page may be four screens long when it is opened.
const LONGEST: u64 = 4 * DESK.1 as u64;

#[tokio::test]
async fn every_page_is_accessible_in_both_themes_fits_its_window_and_is_no_longer_than_four_screens()
 {
    let axe = std::fs::read_to_string(AXE).expect("axe-core is there: `make axe` fetches it");
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    let t0 = std::time::Instant::now(); // TIMING
    let site = Site::start();
    eprintln!("site {:?}", t0.elapsed()); // TIMING
    let mut wrong = String::new();
    for page in site.live() {
        look(&browser, &axe, &page, &mut wrong).await;
    }
    site.stop();
    for page in site.after() {
        look(&browser, &axe, &page, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Opens a page, has it shown on a desk in light colours and on a telephone in dark ones, and writes down what is wrong.
async fn look(browser: &Browser, axe: &str, page: &Page, wrong: &mut String) {
    let name = &page.name;
    let t0 = std::time::Instant::now(); // TIMING
    browser.wear(Theme::Light).await;
    browser.resize(DESK).await;
    page.open(browser).await;
    let length = browser.value_of(LENGTH).await.as_u64().unwrap();
    if length > LONGEST && !page.is_document {
        let _ = writeln!(wrong, "{name}: {length} pixels long, more than {LONGEST}");
    }
    browser.value_of(UNFOLD).await;
    let t1 = std::time::Instant::now(); // TIMING
    for (theme, screen) in Theme::ALL.into_iter().zip([DESK, PHONE]) {
        browser.wear(theme).await;
        browser.resize(screen).await;
        let as_seen = format!("{name} ({}, {})", theme.name(), screen.0);
        let width = browser.value_of(WIDTH).await.as_u64().unwrap();
        if width > screen.0.into() {
            let _ = writeln!(wrong, "{as_seen}: {width} pixels wide");
        }
        for violation in violations(browser, axe).await {
            let _ = writeln!(wrong, "{as_seen}: {violation}");
        }
    }
    eprintln!("{name} open {:?} axe {:?}", t1 - t0, t1.elapsed()); // TIMING
}

/// What can be scrolled to, in CSS pixels.
const LENGTH: &str = "document.documentElement.scrollHeight";
const WIDTH: &str = "document.documentElement.scrollWidth";
const UNFOLD: &str =
    "document.querySelectorAll('details').forEach(details => { details.open = true; })";

/// What axe-core finds wrong with the page that is shown: the rule, the element, and what to do.
async fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe}; const done = arguments[arguments.length - 1]; \
         axe.run({{resultTypes: ['violations']}}).then( \
             found => done(found.violations.flatMap(rule => rule.nodes.map(node => \
                 `${{rule.id}}: ${{node.target.join(' ')}}: ${{node.failureSummary.replace(/\\s+/g, ' ')}}`))), \
             error => done([`axe-core did not run: ${{error}}`]))"
    );
    let found = browser.driver.execute_async(script, vec![]).await.unwrap();
    found.convert().unwrap()
}
