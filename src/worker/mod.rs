//! One run's process: fetch, train, report.
