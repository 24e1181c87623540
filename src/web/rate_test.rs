//! Asking for a range test of the learning rate: the one way, for the form and for the API.

use super::{App, HttpError};
use crate::model::resolve;
use crate::run::{DatasetId, RunSpec};
use crate::store::{Inspection, InspectionRow};
use crate::train::check;
use serde_json::Value;

/// Completes a partial spec, checks it against its dataset, and has it tested when it is its turn.
pub async fn ask_rate_test(
    app: &App,
    id: &DatasetId,
    user: Value,
) -> Result<InspectionRow, HttpError> {
    let dataset = app.library.dataset(id).await?;
    let spec = resolve(user, Some(dataset.index.common_size()))?;
    check(&spec, &dataset.index)?;
    let spec = RunSpec {
        dataset: Some(id.to_string()),
        ..spec
    };
    let row = app
        .store
        .ask_inspection(id, Inspection::RateTest, Some(&spec))
        .await?;
    app.inspector.poke();
    Ok(row)
}
