//! The server as its users meet it: real processes, real HTTP.

#[path = "../common/mod.rs"]
mod common;

mod access;
mod augmented;
mod classify;
mod control;
mod datasets;
mod downloads;
mod groups;
mod histories;
mod inspections;
mod openapi;
mod probes;
mod producer;
mod rate_tests;
mod remedies;
mod reports;
mod room;
mod runs;
mod sealed;
mod start;
mod stream;
mod training;
mod uploads;
mod variation;
