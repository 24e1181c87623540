//! Files as answers: with length, entity tag and ranges.

use super::HttpError;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::path::Path;
use tower::ServiceExt;
use tower_http::services::ServeFile;

/// Answers a request with a file of this media type and `Content-Disposition`; None where there is no such file.
pub async fn served(
    path: &Path,
    media_type: &'static str,
    disposition: &str,
    request: Request,
) -> Result<Option<Response>, HttpError> {
    let response = match ServeFile::new(path).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let mut response = response.map(Body::new).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let disposition = HeaderValue::from_str(disposition).map_err(HttpError::internal)?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(Some(response))
}
