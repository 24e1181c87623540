//! Tables, and how an older database becomes today's.

use super::{StoreError, StoreResult};
use rusqlite::Connection;

/// Each entry takes a database from its position to the next; `PRAGMA user_version` counts those done.
const MIGRATIONS: [&str; 8] = [
    "
CREATE TABLE dataset (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    created INTEGER NOT NULL,
    state TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    files INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    facts TEXT
) WITHOUT ROWID;

CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    notes TEXT NOT NULL,
    dataset TEXT,
    spec TEXT NOT NULL,
    facts TEXT,
    external INTEGER NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    wish TEXT NOT NULL DEFAULT 'continue',
    attempt INTEGER NOT NULL DEFAULT 0,
    token_hash BLOB,
    losses INTEGER NOT NULL DEFAULT 0,
    lost_at_epoch INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    epoch INTEGER NOT NULL DEFAULT 0,
    epochs INTEGER NOT NULL,
    train_accuracy REAL,
    val_accuracy REAL,
    test_accuracy REAL,
    best_epoch INTEGER,
    best_metric TEXT,
    best_value REAL,
    verdict TEXT,
    last_seq INTEGER NOT NULL DEFAULT 0,
    log_lines INTEGER NOT NULL DEFAULT 0,
    blob_bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX run_by_status ON run (status);
CREATE INDEX run_by_dataset ON run (dataset);

CREATE TABLE run_tag (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (run, tag)
) WITHOUT ROWID;
CREATE INDEX run_tag_by_tag ON run_tag (tag);

CREATE TABLE epoch (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    lr REAL NOT NULL,
    seconds REAL NOT NULL,
    running_loss REAL,
    running_accuracy REAL,
    PRIMARY KEY (run, epoch)
) WITHOUT ROWID;

CREATE TABLE score (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    split INTEGER NOT NULL,
    loss REAL,
    correct INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (run, epoch, split)
) WITHOUT ROWID;

CREATE TABLE confusion (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    split INTEGER NOT NULL,
    counts BLOB NOT NULL,
    PRIMARY KEY (run, epoch, split)
) WITHOUT ROWID;

CREATE TABLE image_results (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    split INTEGER NOT NULL,
    results BLOB NOT NULL,
    PRIMARY KEY (run, epoch, split)
);

CREATE TABLE event (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    epoch INTEGER,
    data TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;
",
    "ALTER TABLE run ADD COLUMN machine TEXT",
    "
CREATE TABLE examination (
    run INTEGER PRIMARY KEY REFERENCES run ON DELETE CASCADE,
    data TEXT NOT NULL
);
",
    "
CREATE TABLE inspection (
    dataset TEXT NOT NULL REFERENCES dataset ON DELETE CASCADE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    asked INTEGER NOT NULL,
    ended INTEGER,
    message TEXT NOT NULL DEFAULT '',
    fingerprint TEXT NOT NULL DEFAULT '',
    problems INTEGER NOT NULL DEFAULT 0,
    warnings INTEGER NOT NULL DEFAULT 0,
    document TEXT,
    PRIMARY KEY (dataset, kind)
);
CREATE INDEX inspection_by_state ON inspection (state);
INSERT INTO inspection (dataset, kind, state, asked)
SELECT id, 'audit', 'waiting', created FROM dataset WHERE state = 'ready';
",
    "
CREATE TABLE run_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    axes TEXT NOT NULL,
    parent INTEGER REFERENCES run ON DELETE SET NULL,
    purpose TEXT
);
ALTER TABLE run ADD COLUMN run_group INTEGER REFERENCES run_group ON DELETE SET NULL;
ALTER TABLE run ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
CREATE INDEX run_by_group ON run (run_group);
",
    "
ALTER TABLE run ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
CREATE TABLE test_look (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    run INTEGER NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX test_look_by_fingerprint ON test_look (fingerprint);
INSERT INTO test_look (fingerprint, run, at)
SELECT json_extract(facts, '$.fingerprint'), id, ended FROM run
WHERE ended IS NOT NULL AND test_accuracy IS NOT NULL AND facts IS NOT NULL;
",
    "ALTER TABLE inspection ADD COLUMN spec TEXT",
    "
CREATE TABLE probe_chain (
    run INTEGER PRIMARY KEY REFERENCES run ON DELETE CASCADE,
    budget_s REAL NOT NULL,
    spent_s REAL NOT NULL DEFAULT 0,
    run_group INTEGER REFERENCES run_group ON DELETE SET NULL,
    ended TEXT
);
",
];

/// Brings a database to today's tables; one from a newer Gapwatch is refused.
pub(super) fn migrate(connection: &mut Connection) -> StoreResult<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version)
        .ok()
        .filter(|done| *done <= MIGRATIONS.len())
        .ok_or_else(|| {
            StoreError::Conflict(format!(
                "the database is of a newer Gapwatch (version {version}, this one knows {}): use that, or another --home",
                MIGRATIONS.len()
            ))
        })?;
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let tx = connection.transaction()?;
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", number as i64 + 1)?;
        tx.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_migrated_once_and_a_newer_one_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        connection
            .pragma_update(None, "user_version", 1000)
            .unwrap();
        let error = migrate(&mut connection).unwrap_err();
        assert!(error.to_string().contains("newer Gapwatch"), "{error}");
    }
}
