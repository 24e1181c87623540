//! The JSON API under `/api/v1`.

mod augmented;
mod bundle;
mod charts;
mod checkpoints;
mod classifications;
mod compare;
mod control;
mod dataset_images;
mod datasets;
mod devices;
mod diagnoses;
mod epochs;
mod events;
mod group_view;
mod groups;
mod health;
mod history;
mod inspections;
mod models;
mod openapi;
mod probes;
mod producer;
mod receive;
mod remedies;
mod room;
mod run_view;
mod runs;
mod upload_form;
mod uploads;

pub use classifications::{ClassifyForm, MOST_BYTES as MOST_CLASSIFIED_BYTES};
pub(super) use events::streamed;
pub use group_view::GroupView;
pub use health::router as health;
pub use openapi::router as documentation;
pub use receive::receive;
pub use run_view::RunView;
pub use upload_form::set as set_choice;
pub use uploads::intake_of;

use super::App;
use axum::Router;

/// Every call that wants a logged-in user, without its prefix.
pub fn router() -> Router<App> {
    Router::new()
        .merge(augmented::router())
        .merge(bundle::router())
        .merge(charts::router())
        .merge(checkpoints::router())
        .merge(classifications::router())
        .merge(compare::router())
        .merge(control::router())
        .merge(dataset_images::router())
        .merge(datasets::router())
        .merge(devices::router())
        .merge(diagnoses::router())
        .merge(epochs::router())
        .merge(events::router())
        .merge(groups::router())
        .merge(history::router())
        .merge(inspections::router())
        .merge(models::router())
        .merge(room::router())
        .merge(probes::router())
        .merge(remedies::router())
        .merge(runs::router())
        .merge(uploads::router())
}

/// The calls of producers, which show their run's token.
pub fn producer_router() -> Router<App> {
    producer::router()
}
