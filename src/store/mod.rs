//! SQLite: runs, events, datasets, checkpoints.
