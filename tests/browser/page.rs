//! A page in one of its states, and the way there.

use crate::driver::Browser;
use serde_json::json;
use std::path::PathBuf;

/// A page in one of its states.
pub struct Page {
    /// For messages and for the names of pictures.
    pub name: String,
    pub url: String,
    /// What is done on it before it is as its name says.
    pub steps: Vec<Step>,
    /// It may be as long as what it reports.
    pub is_document: bool,
}

/// What a person does on a page.
pub enum Step {
    Fill(&'static str, String),
    /// Puts a text into a field at once, for what would take long to type.
    Paste(&'static str, String),
    Choose(&'static str, PathBuf),
    Click(&'static str),
    /// Waits until a script's expression is true.
    Until(&'static str),
}

impl Page {
    pub fn new(name: &str, url: String) -> Page {
        Page {
            name: name.to_owned(),
            url,
            steps: Vec::new(),
            is_document: false,
        }
    }

    /// The page once this was done on it.
    pub fn after(self, steps: Vec<Step>) -> Page {
        Page { steps, ..self }
    }

    /// Shows the page and does its steps.
    pub async fn open(&self, browser: &Browser) {
        browser.driver.goto(&self.url).await.unwrap();
        for step in &self.steps {
            match step {
                Step::Fill(css, text) => browser.fill(css, text).await,
                Step::Paste(css, text) => {
                    let put = format!("document.querySelector({css:?}).value = {}", json!(text));
                    browser.value_of(&put).await;
                }
                Step::Choose(css, file) => {
                    let field = browser.find(css).await;
                    field.send_keys(file.to_str().unwrap()).await.unwrap();
                }
                Step::Click(css) => browser.click(css).await,
                Step::Until(expression) => browser.wait_for(expression).await,
            }
        }
        browser.wait_for(DRAWN).await;
    }
}

/// The page is there, and so are its charts and pictures.
const DRAWN: &str = "document.readyState === 'complete' && [...document.querySelectorAll('.chart')].every( \
    chart => chart.offsetParent === null || chart.querySelector('.main-svg, svg, img'))";
