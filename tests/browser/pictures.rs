//! Pictures of every page, to look at: `make pictures`.

use crate::driver::{Browser, DESK, PHONE, Theme};
use crate::page::Page;
use crate::site::Site;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/pictures");

#[tokio::test]
#[ignore = "draws pictures and asserts nothing: `make pictures`"]
async fn pictures() {
    let folder = Path::new(FOLDER);
    // A picture of a page that is gone would mislead.
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    let downloads = tempfile::tempdir().unwrap();
    let browser = Browser::start(downloads.path()).await;
    let site = Site::start();
    for page in site.live() {
        draw(&browser, &page, folder).await;
    }
    site.stop();
    for page in site.after() {
        draw(&browser, &page, folder).await;
    }
    println!(
        "{} pictures are in {FOLDER}",
        std::fs::read_dir(folder).unwrap().count()
    );
}

async fn draw(browser: &Browser, page: &Page, folder: &Path) {
    for screen in [DESK, PHONE] {
        browser.resize(screen).await;
        for theme in Theme::ALL {
            browser.wear(theme).await;
            page.open(browser).await;
            let file = format!("{}-{}-{}.png", page.name, screen.0, theme.name());
            std::fs::write(folder.join(file), browser.picture().await).unwrap();
        }
    }
}
