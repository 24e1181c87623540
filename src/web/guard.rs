//! What every request passes: the Host header, requests from other sites, and the headers of every answer.

use super::{App, HttpError};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Response as HttpResponse, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::csrf::{CsrfLayer, ProtectionError};

const ALWAYS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Adds the headers that keep a page from being framed, sniffed or fed foreign scripts.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in ALWAYS {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    response
}

/// On loopback, refuses a Host that is not this machine: the name of a page that rebinds its DNS to 127.0.0.1.
pub async fn host(State(app): State<App>, request: Request, next: Next) -> Response {
    if !app.access.loopback || names_this_machine(&request) {
        return next.run(request).await;
    }
    HttpError::new(
        StatusCode::MISDIRECTED_REQUEST,
        "this server answers to localhost and 127.0.0.1 only; to reach it by another name, start it with --addr and --token",
    )
    .into_response()
}

fn names_this_machine(request: &Request) -> bool {
    let named = match request.uri().host() {
        Some(host) => Some(host.to_owned()),
        None => request
            .headers()
            .get(header::HOST)
            .and_then(|value| value.to_str().ok()?.parse::<Authority>().ok())
            .map(|authority| authority.host().to_owned()),
    };
    named.is_some_and(|host| {
        host.eq_ignore_ascii_case("localhost")
            || host
                .trim_matches(['[', ']'])
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    })
}

/// Refuses changes that another site's page asks for.
pub fn cross_site() -> CsrfLayer<fn(ProtectionError) -> HttpResponse<Body>> {
    CsrfLayer::new().with_rejection_response(|error: ProtectionError| {
        tracing::warn!("{error}");
        HttpError::new(
            StatusCode::FORBIDDEN,
            "a page of another site asked for this; open it from Gapwatch's own pages",
        )
        .into_response()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        for (host, passes) in [
            ("127.0.0.1:7860", true),
            ("LOCALHOST:1", true),
            ("[::1]:7860", true),
            ("localhost.a.example", false),
            ("a.example:7860", false),
            ("0.0.0.0:7860", false),
        ] {
            let request = Request::builder()
                .header(header::HOST, host)
                .body(Body::empty())
                .unwrap();
            assert_eq!(names_this_machine(&request), passes, "{host}");
        }
        assert!(!names_this_machine(&Request::new(Body::empty())));
    }
}
