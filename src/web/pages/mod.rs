//! Pages for people.

use super::{App, HttpError};
use axum::Router;
use axum::response::{Html, IntoResponse, Response};

/// Every page.
pub fn router() -> Router<App> {
    Router::new()
}

/// Style sheets, scripts and pictures: open to everybody, for the log-in page needs them.
pub fn assets() -> Router<App> {
    Router::new()
}

/// A page that says in plain words what went wrong.
pub fn error_page(error: &HttpError) -> Response {
    (error.status, error.title()).into_response()
}

/// The page that asks for the token; `next` is where a right one leads.
pub fn login_page(_wrong: bool, next: &str) -> Response {
    Html(format!("<main data-next=\"{}\"></main>", next.len())).into_response()
}
