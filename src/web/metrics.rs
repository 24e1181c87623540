//! Figures for Prometheus.

use super::{App, HttpError};
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::fmt::Write;

pub fn router() -> Router<App> {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/metrics", get(metrics))
}

async fn metrics(State(app): State<App>) -> Result<Response, HttpError> {
    let mut text = String::new();
    family(&mut text, "gapwatch_runs", "gauge", "Runs by status.");
    for (status, n) in app.store.run_counts().await? {
        // Writing to a string does not fail.
        let _ = writeln!(text, "gapwatch_runs{{status=\"{status}\"}} {n}");
    }
    let datasets = app.store.datasets().await?.len();
    for (name, kind, help, value) in [
        (
            "gapwatch_datasets",
            "gauge",
            "Datasets, also failed ones.",
            datasets as f64,
        ),
        (
            "gapwatch_parallel_runs",
            "gauge",
            "Runs that may train at once.",
            app.scheduler.parallel() as f64,
        ),
        (
            "gapwatch_watchers",
            "gauge",
            "Open event streams of runs.",
            app.store.feed().watchers() as f64,
        ),
        (
            "gapwatch_disk_free_bytes",
            "gauge",
            "Free bytes of the home folder's disk, as last looked at.",
            app.disk.free_bytes() as f64,
        ),
        (
            "gapwatch_uptime_seconds",
            "counter",
            "Seconds since the server started.",
            app.started.elapsed().as_secs_f64(),
        ),
    ] {
        family(&mut text, name, kind, help);
        let _ = writeln!(text, "{name} {value}");
    }
    family(
        &mut text,
        "gapwatch_build_info",
        "gauge",
        "The version, as a label.",
    );
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(text, "gapwatch_build_info{{version=\"{version}\"}} 1");
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((headers, text).into_response())
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
