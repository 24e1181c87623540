//! The JSON API under `/api/v1`.

use super::App;
use axum::Router;

/// Every call of the API, without its prefix.
pub fn router() -> Router<App> {
    Router::new()
}
