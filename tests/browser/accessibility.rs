//! What holds for every page: axe-core finds nothing, none is wider than its window, and none is longer than four screens.

use crate::driver::{Browser, DESK, PHONE, Theme};
use crate::page::Page;
use crate::site::Site;
use std::fmt::Write;
use std::path::Path;

/// Where `make axe` lays axe-core.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/axe/axe.min.js");
/// A page may be four screens long when it is opened.
const LONGEST: u64 = 4 * DESK.1 as u64;

#[tokio::test]
async fn every_page_is_accessible_in_both_themes_fits_its_window_and_is_no_longer_than_four_screens()
 {
    let axe = std::fs::read_to_string(AXE).expect("axe-core is there: `make axe` fetches it");
    let downloads = tempfile::tempdir().unwrap();
    // A desk in light colours and a telephone in dark ones, each in a browser of its own: both cores have work.
    let [light, dark] = Theme::ALL;
    let desk = Screen::start(downloads.path(), light, DESK).await;
    let phone = Screen::start(downloads.path(), dark, PHONE).await;
    let site = Site::start();
    let both = async |pages: Vec<Page>| {
        let (one, other) = tokio::join!(desk.look(&pages, &axe), phone.look(&pages, &axe));
        [one, other].concat()
    };
    let mut wrong = both(site.live()).await;
    site.stop();
    wrong += &both(site.after()).await;
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A browser with a theme and a size.
struct Screen {
    browser: Browser,
    theme: Theme,
    size: (u32, u32),
}

impl Screen {
    async fn start(downloads: &Path, theme: Theme, size: (u32, u32)) -> Screen {
        let browser = Browser::start(downloads).await;
        browser.wear(theme).await;
        browser.resize(size).await;
        Screen {
            browser,
            theme,
            size,
        }
    }

    /// Opens pages with all that is folded unfolded, and gives what is wrong with them.
    async fn look(&self, pages: &[Page], axe: &str) -> String {
        let mut wrong = String::new();
        for page in pages {
            self.look_at(page, axe, &mut wrong).await;
        }
        wrong
    }

    async fn look_at(&self, page: &Page, axe: &str, wrong: &mut String) {
        let (browser, screen) = (&self.browser, self.size);
        let as_seen = format!("{} ({}, {})", page.name, self.theme.name(), screen.0);
        page.open(browser).await;
        let size = browser.value_of(SIZE).await;
        let (width, length) = (size[0].as_u64().unwrap(), size[1].as_u64().unwrap());
        if width > screen.0.into() {
            let _ = writeln!(wrong, "{as_seen}: {width} pixels wide");
        }
        if screen == DESK && length > LONGEST && !page.is_document {
            let _ = writeln!(
                wrong,
                "{as_seen}: {length} pixels long, more than {LONGEST}"
            );
        }
        browser.value_of(UNFOLD).await;
        for violation in violations(browser, axe).await {
            let _ = writeln!(wrong, "{as_seen}: {violation}");
        }
    }
}

/// What can be scrolled to, in CSS pixels.
const SIZE: &str = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]";
const UNFOLD: &str =
    "document.querySelectorAll('details').forEach(details => { details.open = true; })";

/// What axe-core finds wrong with the page that is shown: the rule, the element, and what to do. It cannot judge the text of
/// drawings, and their thousand lines would take it seconds: it sees each as one picture.
async fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe}; const done = arguments[arguments.length - 1]; \
         axe.run({{exclude: ['svg > *']}}, {{resultTypes: ['violations']}}).then( \
             found => done(found.violations.flatMap(rule => rule.nodes.map(node => \
                 `${{rule.id}}: ${{node.target.join(' ')}}: ${{node.failureSummary.replace(/\\s+/g, ' ')}}`))), \
             error => done([`axe-core did not run: ${{error}}`]))"
    );
    let found = browser.driver.execute_async(script, vec![]).await.unwrap();
    found.convert().unwrap()
}
