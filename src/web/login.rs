//! Logging in with the token, and what happens to those who have not.

use super::access::bearer;
use super::error::wants_html;
use super::{App, HttpError, pages};
use crate::store::token;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Router, extract::DefaultBodyLimit};
use serde::Deserialize;
use std::time::Duration;

/// Slows down guessing.
const WRONG_TOKEN_DELAY: Duration = Duration::from_millis(500);

pub fn router() -> Router<App> {
    Router::new()
        .route("/login", get(show).post(log_in))
        .layer(DefaultBodyLimit::max(16 << 10))
}

/// Lets in who may use the server; browsers are shown the way to the log-in page, scripts get 401.
pub async fn required(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.access.admits(request.headers())
        || producer_reads(&app, request.method(), request.uri(), request.headers()).await
    {
        return next.run(request).await;
    }
    if wants_html(&request) {
        let here = request.uri().path_and_query().map_or("/", |to| to.as_str());
        let query: String = form_urlencoded(here);
        return Redirect::to(&format!("/login?next={query}")).into_response();
    }
    HttpError::new(
        StatusCode::UNAUTHORIZED,
        "this server wants its token: send 'Authorization: Bearer TOKEN', or log in at /login",
    )
    .into_response()
}

/// True where a run's token asks for something of that run: a worker on another machine reads its spec and images.
async fn producer_reads(app: &App, method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let run = uri
        .path()
        .strip_prefix("/api/v1/runs/")
        .and_then(|rest| rest.split('/').next())
        .and_then(|id| id.parse().ok());
    let (Some(run), Some(given), true) = (run, bearer(headers), method.is_safe()) else {
        return false;
    };
    matches!(app.store.token_hash(run).await, Ok(Some(hash)) if token::matches(given, &hash))
}

#[derive(Deserialize)]
struct Where {
    #[serde(default)]
    next: String,
}

async fn show(State(app): State<App>, Query(Where { next }): Query<Where>) -> Response {
    if app.access.is_open() {
        return Redirect::to(local(&next)).into_response();
    }
    pages::login_page(false, local(&next))
}

#[derive(Deserialize)]
struct LogIn {
    token: String,
    #[serde(default)]
    next: String,
}

async fn log_in(State(app): State<App>, Form(LogIn { token, next }): Form<LogIn>) -> Response {
    match app.access.session_cookie(token.trim()) {
        Some(cookie) => {
            ([(header::SET_COOKIE, cookie)], Redirect::to(local(&next))).into_response()
        }
        None if app.access.is_open() => Redirect::to(local(&next)).into_response(),
        None => {
            tokio::time::sleep(WRONG_TOKEN_DELAY).await;
            (
                StatusCode::UNAUTHORIZED,
                pages::login_page(true, local(&next)),
            )
                .into_response()
        }
    }
}

/// An address on this server, for nobody is to be sent elsewhere after logging in.
fn local(next: &str) -> &str {
    let inside = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if inside { next } else { "/" }
}

/// The bytes of a query's value, everything but letters and digits escaped.
fn form_urlencoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_server() {
        for elsewhere in [
            "https://a.example",
            "//a.example",
            "/\\a.example",
            "",
            "/\r\nx",
        ] {
            assert_eq!(local(elsewhere), "/");
        }
        assert_eq!(local("/runs/3?split=val"), "/runs/3?split=val");
    }
}
