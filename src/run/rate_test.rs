//! What a learning-rate range test measured.

use super::{RunSpec, nullable};
use serde::{Deserialize, Serialize};

/// One step of a range test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RatePoint {
    pub lr: f64,
    /// Cross-entropy of the step's batch in nats, before its update.
    #[serde(with = "nullable")]
    #[schema(value_type = Option<f64>)]
    pub loss: f64,
    /// The same, averaged over the steps around.
    #[serde(with = "nullable")]
    #[schema(value_type = Option<f64>)]
    pub smoothed: f64,
}

/// The loss while the learning rate rises step by step (Smith 2017, "Cyclical learning rates", section 3.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RateTest {
    pub points: Vec<RatePoint>,
    /// Where the smoothed loss falls most steeply; none where it does not fall.
    pub proposed: Option<f64>,
    /// How it ended and what that means, for the user.
    pub message: String,
}

/// A range test with what was tested, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateTested {
    pub spec: RunSpec,
    pub test: RateTest,
}
