//! Pages for people: each a template with the numbers it needs.

mod answer;
mod assets;
mod classify;
mod compare;
mod confusion;
mod control;
mod dataset;
mod datasets;
mod delete;
mod diagnose;
mod distribution;
mod dumbbell;
mod edit;
mod effect;
mod error;
mod finding;
mod follow;
mod form;
mod form_augment;
mod form_device;
mod form_options;
mod form_partial;
mod form_schedule;
mod found;
mod group;
mod groups;
mod images;
mod inspection;
mod launch;
mod layers;
mod matrix_table;
mod paging;
mod probes;
mod rate_test;
mod remedies;
mod report;
mod reveal;
mod room;
mod run;
mod run_report;
mod runs;
mod settings;
mod units;
mod upload;
mod verdict;
mod wording;

pub use assets::path as asset;
pub use error::{error_page, login_page};
pub use run_report::report_file;

use super::App;
use axum::Router;

/// Style sheets, scripts and pictures: open to everybody, for the log-in page needs them.
pub fn assets() -> Router<App> {
    assets::router()
}

/// Every page.
pub fn router() -> Router<App> {
    Router::new()
        .merge(runs::router())
        .merge(launch::router())
        .merge(run::router())
        .merge(run_report::router())
        .merge(classify::router())
        .merge(probes::router())
        .merge(control::router())
        .merge(group::router())
        .merge(groups::router())
        .merge(edit::router())
        .merge(remedies::router())
        .merge(reveal::router())
        .merge(room::router())
        .merge(confusion::router())
        .merge(delete::router())
        .merge(diagnose::router())
        .merge(compare::router())
        .merge(datasets::router())
        .merge(dataset::router())
        .merge(inspection::router())
        .merge(rate_test::router())
        .merge(upload::router())
        .merge(follow::router())
}
