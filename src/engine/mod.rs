//! Where a run is placed: the local engine starts a child process.
