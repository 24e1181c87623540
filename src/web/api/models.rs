//! Checking an architecture before a run is made of it.

use crate::diagnose::finding::Finding;
use crate::diagnose::network_findings;
use crate::model::{Plan, plan_for, resolve};
use crate::run::{FieldError, RunSpec, SpecError, Split};
use crate::store::StoreError;
use crate::web::error::Problem;
use crate::web::extract::Body;
use crate::web::{App, HttpError};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::Value;

/// A network tells more apart than any dataset here has.
const MOST_CLASSES: u64 = 65_536;

pub fn router() -> Router<App> {
    Router::new().route("/models/check", post(check))
}

/// Shapes layer by layer and parameters of a partial spec with what they tell (`findings`), or the layer that does not
/// fit and why. The number of classes is its dataset's, or `classes`.
#[utoipa::path(post, path = "/api/v1/models/check", tag = "models", request_body(content = RunSpec, description = "A partial spec; `classes` where it names no dataset"), responses((status = 200, body = serde_json::Value), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn check(
    State(app): State<App>,
    Body(mut user): Body<Value>,
) -> Result<Response, HttpError> {
    let given = user
        .as_object_mut()
        .and_then(|fields| fields.remove("classes"));
    let dataset = match user.get("dataset").and_then(Value::as_str) {
        Some(name) => match app.store.find_dataset(name).await {
            Ok(row) => row.facts,
            Err(StoreError::NotFound(message)) => return Err(field("dataset", message)),
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    let classes = match (given, &dataset) {
        (Some(given), _) => given
            .as_u64()
            .filter(|n| (1..=MOST_CLASSES).contains(n))
            .ok_or_else(|| {
                field(
                    "classes",
                    format!("a whole number from 1 to {MOST_CLASSES}"),
                )
            })? as usize,
        (None, Some(facts)) => facts.classes.len(),
        (None, None) => {
            return Err(field(
                "classes",
                "say how many classes there are, or name a dataset that is ready",
            ));
        }
    };
    let images = dataset
        .as_ref()
        .map(|facts| facts.images(Split::Train) as usize);
    let spec = resolve(user, dataset.map(|facts| facts.common_size))?;
    let plan = plan_for(&spec, classes)?;
    let findings = network_findings(&plan, images);
    Ok(Json(Checked { plan, findings }).into_response())
}

/// A plan with what its layers tell.
#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    plan: Plan,
    /// The worst first; `layer` is a position in `layers`.
    findings: Vec<Finding>,
}

fn field(field: &str, message: impl Into<String>) -> HttpError {
    SpecError(vec![FieldError {
        field: field.to_owned(),
        message: message.into(),
    }])
    .into()
}
