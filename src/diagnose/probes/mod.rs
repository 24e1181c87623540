//! Which training would tell causes apart, what it answered, and what follows: choosing and reading; training is others' work.

mod calibration;
mod cost;
mod document;
mod features;
mod finding;
mod inquiry;
mod probe;
mod reading;
mod signs;
mod suspects;
mod training;

pub use calibration::{Calibration, Ratios, Typical};
pub use cost::Cost;
pub use document::{NextProbe, ProbeRecord};
pub use features::{FEATURES, FINDINGS, HEALTHY, OWN_FINDINGS, features};
pub use inquiry::{Inquiry, Next};
pub use probe::Probe;
pub use signs::{Answered, Measured, Sign, Signs};
pub use training::{Training, Validated};

use probe::SHARES;
pub(super) use probe::small_network;
