//! What a page says when it cannot be shown, and the page that asks for the token.

use super::units::kept_together;
use crate::web::HttpError;
use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    message: &'a str,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    wrong: bool,
    next: &'a str,
}

/// A page that says in plain words what went wrong.
pub fn error_page(error: &HttpError) -> Response {
    let title = match error.status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::CONFLICT => "That does not work now",
        StatusCode::FORBIDDEN => "Not allowed",
        status if status.is_client_error() => "Something is wrong with that",
        _ => "Something went wrong here",
    };
    let message = &error.detail;
    (error.status, rendered(&ErrorPage { title, message })).into_response()
}

/// The page that asks for the token; `next` is where a right one leads.
pub fn login_page(wrong: bool, next: &str) -> Response {
    rendered(&LoginPage { wrong, next })
}

/// A template as a response.
pub fn rendered(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(kept_together(&html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The page could not be rendered; the server's log says why.",
            )
                .into_response()
        }
    }
}
