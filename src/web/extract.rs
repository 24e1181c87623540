//! What handlers take from a request, with errors that name the field.

use super::{App, HttpError};
use crate::run::FieldError;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::str::FromStr;

/// A body of JSON. An empty one reads as `null`.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &App) -> Result<Self, HttpError> {
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| HttpError::new(rejection.status(), rejection.body_text()))?;
        let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        let mut reader = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let field = match error.path().to_string().as_str() {
                "." => String::new(),
                path => path.to_owned(),
            };
            wrong(field, error.into_inner().to_string())
        })?;
        reader
            .end()
            .map_err(|error| wrong(String::new(), error.to_string()))?;
        Ok(Body(value))
    }
}

/// The query of an address.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        match axum::extract::Query::from_request_parts(parts, app).await {
            Ok(axum::extract::Query(query)) => Ok(Query(query)),
            Err(rejection) => Err(HttpError::bad_request(rejection.body_text())),
        }
    }
}

/// The one part of the path that names something: no such thing where it cannot be read.
pub struct Id<T>(pub T);

impl<T> FromRequestParts<App> for Id<T>
where
    T: FromStr<Err: Display> + Send,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|rejection| HttpError::not_found(rejection.body_text()))?;
        text.parse()
            .map(Id)
            .map_err(|error| HttpError::not_found(format!("'{text}': {error}")))
    }
}

/// Two named parts of the path, such as a run and one of its checkpoints.
pub struct Ids<A, B>(pub A, pub B);

impl<A, B> FromRequestParts<App> for Ids<A, B>
where
    A: FromStr<Err: Display> + Send,
    B: FromStr<Err: Display> + Send,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let Path((one, other)) = Path::<(String, String)>::from_request_parts(parts, app)
            .await
            .map_err(|rejection| HttpError::not_found(rejection.body_text()))?;
        let unreadable =
            |text: &str, error: &dyn Display| HttpError::not_found(format!("'{text}': {error}"));
        Ok(Ids(
            one.parse().map_err(|e: A::Err| unreadable(&one, &e))?,
            other.parse().map_err(|e: B::Err| unreadable(&other, &e))?,
        ))
    }
}

fn wrong(field: String, message: String) -> HttpError {
    let detail = if field.is_empty() {
        message.clone()
    } else {
        format!("{field}: {message}")
    };
    HttpError {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        detail,
        errors: vec![FieldError { field, message }],
    }
}
