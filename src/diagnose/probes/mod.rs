//! Which training would tell causes apart, what it answered, and what follows: choosing and reading; training is others' work.

mod cost;
mod document;
mod finding;
mod inquiry;
mod probe;
mod reading;
mod suspects;
mod training;
mod weight;

pub use document::{NextProbe, ProbeRecord};
pub use inquiry::{Inquiry, Next};
pub use probe::Probe;
pub use training::{Training, Validated};

use probe::SHARES;
