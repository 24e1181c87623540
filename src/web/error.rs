//! What a request that cannot be answered gets: RFC 9457 in JSON, or a page for people.

use super::pages;
use crate::chart::ChartError;
use crate::run::{FieldError, SpecError};
use crate::store::StoreError;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::any::Any;

/// An error with its status. Make one where the request is at fault; faults of ours come from `From` and are logged.
#[derive(Clone, Debug)]
pub struct HttpError {
    pub status: StatusCode,
    /// What happened and what to do, for the user.
    pub detail: String,
    /// The fields that are wrong, where it is fields.
    pub errors: Vec<FieldError>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct Problem<'a> {
    /// Always `about:blank`: the status says it.
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl HttpError {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> HttpError {
        HttpError {
            status,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// 400
    pub fn bad_request(detail: impl Into<String>) -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404
    pub fn not_found(detail: impl Into<String>) -> HttpError {
        HttpError::new(StatusCode::NOT_FOUND, detail)
    }

    /// 500; what went wrong goes to the log, for it may name what is not for everybody.
    pub fn internal(error: impl std::fmt::Display) -> HttpError {
        tracing::error!("{error}");
        HttpError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "something went wrong in the server; its log says what",
        )
    }

    /// "Not Found"
    pub fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let problem = Problem {
            r#type: "about:blank",
            title: self.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let mut response = (self.status, Json(problem)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> HttpError {
        match error {
            StoreError::NotFound(detail) => HttpError::not_found(detail),
            StoreError::Conflict(detail) => HttpError::new(StatusCode::CONFLICT, detail),
            StoreError::Invalid(detail) => HttpError::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
            StoreError::TooLarge(detail) => HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, detail),
            StoreError::Full(detail) => HttpError::new(StatusCode::INSUFFICIENT_STORAGE, detail),
            StoreError::Sqlite(_) | StoreError::Io { .. } | StoreError::Closed => {
                HttpError::internal(error)
            }
        }
    }
}

impl From<SpecError> for HttpError {
    fn from(error: SpecError) -> HttpError {
        HttpError {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            detail: error.to_string(),
            errors: error.0,
        }
    }
}

impl From<ChartError> for HttpError {
    fn from(error: ChartError) -> HttpError {
        HttpError::internal(error)
    }
}

/// Turns an error of a page into a page; scripts under `/api/` keep the JSON.
pub async fn as_page(request: Request, next: Next) -> Response {
    let page = !request.uri().path().starts_with("/api/") && wants_html(&request);
    let response = next.run(request).await;
    match response.extensions().get::<HttpError>() {
        Some(error) if page => pages::error_page(error),
        _ => response,
    }
}

/// True for a browser that opens a page.
pub fn wants_html(request: &Request) -> bool {
    request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

pub async fn no_such_page(uri: Uri) -> HttpError {
    HttpError::not_found(format!("there is nothing at {}", uri.path()))
}

pub async fn no_such_method(method: Method, uri: Uri) -> HttpError {
    HttpError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} does not answer {method}", uri.path()),
    )
}

/// A handler that panicked: told as a fault of ours.
pub fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let cause = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    HttpError::internal(cause).into_response()
}
