//! Debian's chromium, headless, driven by its chromedriver; both end with the test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use thirtyfour::LoggingPrefsLogLevel;
use thirtyfour::prelude::*;

/// How long a page may take to show what is expected of it, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// CSS pixels of a desk's and of a telephone's screen.
pub const DESK: (u32, u32) = (1280, 800);
pub const PHONE: (u32, u32) = (390, 844);

/// The colours that a person's system asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Theme; 2] = [Theme::Light, Theme::Dark];

    pub fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

pub struct Browser {
    pub driver: WebDriver,
    chromedriver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// A window of 1280 × 900 that saves downloads in `downloads` without asking.
    pub async fn start(downloads: &Path) -> Browser {
        let mut chromedriver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver starts; `make browser` installs it");
        let port = port_of(&mut chromedriver);
        let profile = tempfile::tempdir().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ] {
            capabilities.add_arg(argument).unwrap();
        }
        let data = format!("--user-data-dir={}", profile.path().display());
        capabilities.add_arg(&data).unwrap();
        capabilities
            .add_experimental_option(
                "prefs",
                json!({
                    "download.default_directory": downloads,
                    "download.prompt_for_download": false,
                }),
            )
            .unwrap();
        capabilities
            .set_browser_log_level(LoggingPrefsLogLevel::All)
            .unwrap();
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities)
            .await
            .expect("a browser session");
        Browser {
            driver,
            chromedriver,
            _profile: profile,
        }
    }

    /// The element that a CSS selector finds, waited for.
    pub async fn find(&self, css: &str) -> WebElement {
        self.driver
            .query(By::Css(css))
            .wait(PATIENCE, Duration::from_millis(50))
            .first()
            .await
            .unwrap_or_else(|e| panic!("no {css} on the page: {e}"))
    }

    /// Clicks an element; one that the page replaced in between is found again.
    pub async fn click(&self, css: &str) {
        for _ in 0..50 {
            let element = self.find(css).await;
            let clicked = async {
                element.scroll_into_view().await?;
                element.click().await
            };
            match clicked.await {
                Ok(()) => return,
                Err(e) => assert!(is_stale(&e), "{css}: {e}"),
            }
        }
        panic!("{css} is replaced faster than it can be clicked");
    }

    /// Replaces what a field holds, as a person does: select all, type over it.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.send_keys(Key::Control + "a").await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Opens another tab in front: the page is hidden until [`Browser::show`].
    pub async fn hide(&self) {
        self.value_of("document.addEventListener('visibilitychange', () => { window.wasHidden ||= document.hidden; })")
            .await;
        let other = self.driver.new_tab().await.unwrap();
        self.driver.switch_to_window(other).await.unwrap();
    }

    /// Closes the tab in front: the page is seen again.
    pub async fn show(&self) {
        self.driver.close_window().await.unwrap();
        let page = self.driver.windows().await.unwrap().remove(0);
        self.driver.switch_to_window(page).await.unwrap();
        self.wait_for("!document.hidden").await;
        assert_eq!(
            self.value_of("window.wasHidden").await,
            true,
            "the page was hidden"
        );
    }

    /// What a script expression gives, as JSON.
    pub async fn value_of(&self, expression: &str) -> Value {
        self.evaluate(expression)
            .await
            .unwrap_or_else(|e| panic!("{expression}: {e}"))
    }

    /// Waits until a script expression is true. One that throws is not true yet: while one page gives way to
    /// the next, what it looks for may not be there.
    pub async fn wait_for(&self, expression: &str) {
        self.wait_until(expression, Instant::now() + PATIENCE).await;
    }

    /// As [`Browser::wait_for`], with patience until `end`.
    pub async fn wait_until(&self, expression: &str, end: Instant) {
        loop {
            let now = self.evaluate(&format!("!!({expression})")).await;
            if matches!(now, Ok(Value::Bool(true))) {
                return;
            }
            if Instant::now() >= end {
                panic!("never true: {expression}\n{now:?}\n{}", self.text().await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn evaluate(&self, expression: &str) -> WebDriverResult<Value> {
        let script = format!("return ({expression})");
        let value = self.driver.execute(script, vec![]).await?;
        Ok(value.json().clone())
    }

    /// Gives pages a window of this many CSS pixels, of which scroll bars take none.
    pub async fn resize(&self, (width, height): (u32, u32)) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", size)
            .await;
        let bars = json!({"hidden": true});
        self.command("Emulation.setScrollbarsHidden", bars).await;
    }

    /// Shows pages in the colours that a system asks for.
    pub async fn wear(&self, theme: Theme) {
        let feature = json!({"name": "prefers-color-scheme", "value": theme.name()});
        self.command("Emulation.setEmulatedMedia", json!({"features": [feature]}))
            .await;
    }

    /// The whole page as a PNG, also what lies below the window and is loaded only when it is scrolled to.
    pub async fn picture(&self) -> Vec<u8> {
        self.value_of(
            "document.querySelectorAll('img').forEach(image => { image.loading = 'eager'; })",
        )
        .await;
        self.wait_for("[...document.images].every(image => image.complete)")
            .await;
        let shot = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.command("Page.captureScreenshot", shot).await;
        let encoded = answer["data"].as_str().expect("a picture");
        STANDARD.decode(encoded).expect("base64")
    }

    /// A command of the DevTools protocol.
    async fn command(&self, name: &str, parameters: Value) -> Value {
        self.driver
            .cdp()
            .send_raw(name, parameters)
            .await
            .unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Errors in the console since the last call: scripts that threw, requests refused by the page's policy.
    pub async fn console_errors(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.expect("a log");
        log.into_iter()
            .filter(|entry| entry.level == "SEVERE")
            .map(|entry| entry.message)
            .collect()
    }

    /// What the page says, for failure messages.
    pub async fn text(&self) -> String {
        self.value_of("document.body.innerText").await.to_string()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is of chromedriver's process group and outlives it; there is no session left to end by a request that
        // nobody answers.
        let _ = self.driver.clone().leak();
        let _ = killpg(
            Pid::from_raw(self.chromedriver.id() as i32),
            Signal::SIGKILL,
        );
        let _ = self.chromedriver.wait();
    }
}

fn is_stale(error: &WebDriverError) -> bool {
    matches!(
        **error,
        thirtyfour::error::WebDriverErrorInner::StaleElementReference(_)
    )
}

/// chromedriver prints "… was started successfully on port N." when it is ready.
fn port_of(chromedriver: &mut Child) -> u16 {
    let output = chromedriver.stdout.take().expect("it is piped");
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Some((_, rest)) = line.split_once("started successfully on port ") {
            return rest.trim_end_matches('.').parse().expect("a port");
        }
    }
    panic!("chromedriver ended before it was ready");
}
