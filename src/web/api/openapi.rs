//! The API's description, made from the code.

use super::{
    augmented, bundle, charts, checkpoints, classifications, compare, control, dataset_images,
    datasets, devices, diagnoses, epochs, events, groups, health, history, inspections, models,
    probes, producer, remedies, room, runs, uploads,
};
use crate::web::App;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

/// OpenAPI of everything below `/api/v1`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gapwatch",
        description = "Training runs and why they fail in validation. With --token every call but the producers' wants \
                   `Authorization: Bearer TOKEN`; producers send their run's own token."
    ),
    paths(
        runs::list,
        runs::create,
        runs::show,
        runs::change,
        runs::remove,
        control::cancel,
        control::stop,
        control::resume,
        control::reveal,
        control::clone,
        probes::show,
        probes::start,
        remedies::start,
        remedies::apply,
        groups::list,
        groups::show,
        groups::cancel,
        groups::remove,
        events::run_events,
        events::changes,
        history::csv,
        history::json,
        history::diagnosis,
        history::examination,
        epochs::confusion,
        epochs::images,
        epochs::log,
        compare::compare,
        charts::chart,
        checkpoints::list,
        checkpoints::download,
        checkpoints::remove,
        classifications::classify,
        bundle::bundle,
        datasets::list,
        datasets::upload,
        datasets::show,
        datasets::remove,
        inspections::show,
        inspections::ask,
        inspections::cancel,
        uploads::list,
        uploads::create,
        uploads::show,
        uploads::take,
        uploads::remove,
        augmented::augmented,
        dataset_images::image,
        dataset_images::archive,
        devices::list,
        diagnoses::diagnose,
        models::check,
        room::show,
        room::old,
        producer::report,
        producer::heartbeat,
        producer::checkpoint,
        health::healthz
    )
)]
struct Description;

/// `/api/openapi.json`
pub fn router() -> Router<App> {
    Router::new().route("/api/openapi.json", get(describe))
}

async fn describe() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
