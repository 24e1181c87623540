//! What every page says at its top while something is wrong with the whole: a disk that is full, or will be.

use super::App;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

tokio::task_local! {
    /// Of the request that is being answered.
    static NOTICE: Option<String>;
}

/// Lets the pages that answer a request know what to say.
pub async fn known(State(app): State<App>, request: Request, next: Next) -> Response {
    NOTICE.scope(app.disk.says(), next.run(request)).await
}

/// What the page that is being rendered says at its top.
pub fn notice() -> Option<String> {
    // Outside of a request, as in a report's file, there is nothing to say.
    NOTICE.try_with(Clone::clone).ok().flatten()
}
