//! The numbers of each epoch: a narrow table, and compact blobs for confusion matrices and per-image results.

use super::connection::Change;
use super::test_look::unsealed;
use super::{Store, StoreError, StoreResult};
use crate::run::{
    Confusion, EpochRecord, EpochReport, ImageResults, RunId, Running, Split, SplitMetrics,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

impl Store {
    /// Every epoch of a run in order.
    pub async fn epochs(&self, run: RunId) -> StoreResult<Vec<EpochRecord>> {
        self.read(move |db| epoch_records(db, run)).await
    }

    /// The confusion matrix of one epoch and split, where it was reported.
    pub async fn confusion(
        &self,
        run: RunId,
        epoch: u32,
        split: Split,
    ) -> StoreResult<Option<Confusion>> {
        self.read(move |db| {
            unsealed(db, run, split)?;
            stored_confusion(db, run, epoch, split)
        })
        .await
    }

    /// Every image's result of one epoch and split, in the dataset's order, where it was reported.
    pub async fn image_results(
        &self,
        run: RunId,
        epoch: u32,
        split: Split,
    ) -> StoreResult<Option<ImageResults>> {
        self.read(move |db| {
            unsealed(db, run, split)?;
            stored_images(db, run, epoch, split)
        })
        .await
    }
}

/// Of a sealed run nobody reads what was measured on the test images: they are [`Split::Test`], 2. Every figure of an epoch
/// is read under this condition.
const OPEN: &str = "(split <> 2 OR NOT (SELECT sealed FROM run WHERE run.id = ?1))";

/// The confusion matrix of one epoch and split, where it was reported.
pub(super) fn stored_confusion(
    db: &Connection,
    run: RunId,
    epoch: u32,
    split: Split,
) -> StoreResult<Option<Confusion>> {
    let bytes = blob(db, "SELECT counts FROM confusion", run, epoch, split)?;
    Ok(bytes.map(|bytes| read_confusion(&bytes)))
}

/// Every image's result of one epoch and split, where it was reported.
pub(super) fn stored_images(
    db: &Connection,
    run: RunId,
    epoch: u32,
    split: Split,
) -> StoreResult<Option<ImageResults>> {
    let bytes = blob(db, "SELECT results FROM image_results", run, epoch, split)?;
    Ok(bytes.map(|bytes| read_images(&bytes)))
}

fn blob(
    db: &Connection,
    select: &str,
    run: RunId,
    epoch: u32,
    split: Split,
) -> StoreResult<Option<Vec<u8>>> {
    let mut statement = db.prepare_cached(&format!(
        "{select} WHERE run = ?1 AND epoch = ?2 AND split = ?3 AND {OPEN}"
    ))?;
    let blob = statement.query_row(params![run, epoch, split], |row| row.get(0));
    Ok(blob.optional()?)
}

impl Change<'_> {
    /// Stores an epoch unless it is there already; true where it is new.
    pub(super) fn insert_epoch(&self, run: RunId, record: &EpochRecord) -> StoreResult<bool> {
        let running = record.running.as_ref();
        let rows = self
            .tx
            .prepare_cached(
                "INSERT OR IGNORE INTO epoch (run, epoch, lr, seconds, running_loss, running_accuracy)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                run,
                record.epoch,
                record.lr,
                record.seconds,
                running.map(|r| r.loss),
                running.map(|r| r.accuracy)
            ])?;
        if rows == 0 {
            return Ok(false);
        }
        let mut score = self.tx.prepare_cached(
            "INSERT INTO score (run, epoch, split, loss, correct, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for split in Split::ALL {
            if let Some(m) = record.split(split) {
                score.execute(params![run, record.epoch, split, m.loss, m.correct, m.n])?;
            }
        }
        Ok(true)
    }

    /// Stores the matrices and per-image results of a new epoch, as far as `room` bytes go; gives the bytes written.
    pub(super) fn insert_blobs(
        &self,
        run: RunId,
        report: &EpochReport,
        room: usize,
    ) -> StoreResult<usize> {
        let epoch = report.record.epoch;
        let mut written = 0;
        let mut insert = |table: &str, column: &str, split: Split, bytes: Vec<u8>| {
            if written + bytes.len() <= room {
                written += bytes.len();
                self.tx
                    .prepare_cached(&format!(
                        "INSERT OR REPLACE INTO {table} (run, epoch, split, {column}) VALUES (?1, ?2, ?3, ?4)"
                    ))?
                    .execute(params![run, epoch, split, bytes])?;
            }
            StoreResult::Ok(())
        };
        for (split, confusion) in &report.confusion {
            insert("confusion", "counts", *split, write_confusion(confusion))?;
        }
        for (split, results) in &report.images {
            insert("image_results", "results", *split, write_images(results))?;
        }
        Ok(written)
    }
}

/// Every epoch of a run in order.
pub(super) fn epoch_records(db: &Connection, run: RunId) -> StoreResult<Vec<EpochRecord>> {
    let mut epochs: Vec<EpochRecord> = db
        .prepare_cached("SELECT * FROM epoch WHERE run = ?1 ORDER BY epoch")?
        .query_map([run], read_epoch)?
        .collect::<Result<_, _>>()?;
    let mut statement = db.prepare_cached(&format!(
        "SELECT * FROM score WHERE run = ?1 AND {OPEN} ORDER BY epoch, split"
    ))?;
    let mut scores = statement.query([run])?;
    let mut at = 0;
    while let Some(row) = scores.next()? {
        let epoch: u32 = row.get("epoch")?;
        while epochs.get(at).is_some_and(|record| record.epoch < epoch) {
            at += 1;
        }
        if let Some(record) = epochs.get_mut(at).filter(|record| record.epoch == epoch) {
            put_score(record, row)?;
        }
    }
    Ok(epochs)
}

/// One epoch that is known to be stored.
pub(super) fn epoch_record(db: &Connection, run: RunId, epoch: u32) -> StoreResult<EpochRecord> {
    let record = stored_record(db, run, epoch)?;
    record.ok_or_else(|| StoreError::from(rusqlite::Error::QueryReturnedNoRows))
}

/// One epoch, if it is stored.
pub(super) fn stored_record(
    db: &Connection,
    run: RunId,
    epoch: u32,
) -> StoreResult<Option<EpochRecord>> {
    let found = db
        .prepare_cached("SELECT * FROM epoch WHERE run = ?1 AND epoch = ?2")?
        .query_row(params![run, epoch], read_epoch)
        .optional()?;
    let Some(mut record) = found else {
        return Ok(None);
    };
    let mut statement = db.prepare_cached(&format!(
        "SELECT * FROM score WHERE run = ?1 AND epoch = ?2 AND {OPEN}"
    ))?;
    let mut scores = statement.query(params![run, epoch])?;
    while let Some(row) = scores.next()? {
        put_score(&mut record, row)?;
    }
    Ok(Some(record))
}

fn read_epoch(row: &Row) -> rusqlite::Result<EpochRecord> {
    let running_accuracy: Option<f64> = row.get("running_accuracy")?;
    let running_loss: Option<f64> = row.get("running_loss")?;
    Ok(EpochRecord {
        epoch: row.get("epoch")?,
        lr: row.get("lr")?,
        seconds: row.get("seconds")?,
        train: None,
        val: None,
        test: None,
        running: running_accuracy.map(|accuracy| Running {
            // SQLite keeps NaN as NULL.
            loss: running_loss.unwrap_or(f64::NAN),
            accuracy,
        }),
    })
}

fn put_score(record: &mut EpochRecord, row: &Row) -> rusqlite::Result<()> {
    let (correct, n): (u32, u32) = (row.get("correct")?, row.get("n")?);
    let metrics = Some(SplitMetrics {
        loss: row.get::<_, Option<f64>>("loss")?.unwrap_or(f64::NAN),
        correct,
        n,
        accuracy: f64::from(correct) / f64::from(n.max(1)),
    });
    match row.get("split")? {
        Split::Train => record.train = metrics,
        Split::Val => record.val = metrics,
        Split::Test => record.test = metrics,
    }
    Ok(())
}

/// Per count: true class and predicted class as u16, the count as u32, little endian.
fn write_confusion(confusion: &Confusion) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(confusion.0.len() * 8);
    for (label, prediction, count) in &confusion.0 {
        bytes.extend((*label as u16).to_le_bytes());
        bytes.extend((*prediction as u16).to_le_bytes());
        bytes.extend(count.to_le_bytes());
    }
    bytes
}

fn read_confusion(bytes: &[u8]) -> Confusion {
    let (counts, _) = bytes.as_chunks::<8>();
    Confusion(
        counts
            .iter()
            .map(|[a, b, c, d, e, f, g, h]| {
                (
                    u16::from_le_bytes([*a, *b]).into(),
                    u16::from_le_bytes([*c, *d]).into(),
                    u32::from_le_bytes([*e, *f, *g, *h]),
                )
            })
            .collect(),
    )
}

/// All predictions as u16, then all confidences, then all losses as f32, little endian: ten bytes an image.
fn write_images(results: &ImageResults) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(results.prediction.len() * 10);
    for prediction in &results.prediction {
        bytes.extend((*prediction as u16).to_le_bytes());
    }
    for value in results.confidence.iter().chain(&results.loss) {
        bytes.extend(value.to_le_bytes());
    }
    bytes
}

fn read_images(bytes: &[u8]) -> ImageResults {
    let n = bytes.len() / 10;
    let (predictions, floats) = bytes.split_at(2 * n);
    let (confidences, losses) = floats.split_at(4 * n);
    let numbers = |bytes: &[u8]| -> Vec<f32> {
        let (chunks, _) = bytes.as_chunks::<4>();
        chunks.iter().map(|c| f32::from_le_bytes(*c)).collect()
    };
    ImageResults {
        prediction: predictions
            .as_chunks::<2>()
            .0
            .iter()
            .map(|c| u16::from_le_bytes(*c).into())
            .collect(),
        confidence: numbers(confidences),
        loss: numbers(losses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_and_image_results_come_back_as_they_were() {
        let confusion = Confusion(vec![(0, 8, 3), (65_535, 1, u32::MAX)]);
        assert_eq!(read_confusion(&write_confusion(&confusion)), confusion);
        let results = ImageResults {
            prediction: vec![3, 65_535],
            confidence: vec![0.25, 1.0],
            loss: vec![1.5, 1e-7],
        };
        assert_eq!(read_images(&write_images(&results)), results);
    }
}
