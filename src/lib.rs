//! Gapwatch tells people why their network scores 100 % in training and fails in validation, and what helps.
//!
//! # Layout
//!
//! Dependencies run downwards only: a room knows the rows below it, never one above.
//!
//! - [`cli`]: the command line: `serve`, `train`, `predict`, `worker`, `bench`.
//! - [`web`]: routes, pages, JSON API, server-sent events, downloads, assets.
//! - [`chart`]: figures for the browser (Plotly) and for files (plotters).
//! - [`engine`], [`scheduler`]: where a run is placed; wish against fact.
//! - [`inspector`]: looks into datasets in the background, one after the other.
//! - [`worker`]: one run's process: fetch, train, report.
//! - [`probe`]: trains what a diagnosis asks for, within a budget.
//! - [`store`]: SQLite: runs, events, datasets, checkpoints.
//! - [`diagnose`]: statistics and gates; histories in, findings out.
//! - [`train`]: the loop, evaluation, early stopping, checkpoints, resume.
//! - [`augment`]: training images changed at random: moved, toned, covered, mixed.
//! - [`model`]: architectures as data, presets, shapes, parameter counts, PyTorch names.
//! - [`device`]: what this machine can train on; the CUDA libraries.
//! - [`nn`]: layers and operations on candle tensors with their gradients; optimizers; random streams.
//! - [`data`]: folders, archives, decoding, resizing, splits, the demonstration's generator.
//! - [`run`]: the words of the domain as plain serde types.

pub mod augment;
pub mod chart;
pub mod cli;
pub mod data;
pub mod device;
pub mod diagnose;
pub mod engine;
pub mod inspector;
pub mod model;
pub mod nn;
pub mod probe;
pub mod run;
pub mod scheduler;
pub mod store;
pub mod train;
pub mod web;
pub mod worker;
