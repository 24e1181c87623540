//! Pages for people.

use super::App;
use axum::Router;

/// Every page and its assets.
pub fn router() -> Router<App> {
    Router::new()
}
